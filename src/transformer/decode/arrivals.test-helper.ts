import { expect } from "vitest";
import { Inbox } from "../../core/inbox.js";
import { hash32, randomStream } from "../../core/random.js";
import { Runtime } from "../runtime.js";
import { collect, randomModel } from "../tiny-models.test-helper.js";
import type { Draw, DrawRequest, DrawSettings } from "./draw-request.js";
import { watchBuffers } from "./watch-buffers.test-helper.js";

// As many key heads as heads: products of one row, which round otherwise, would show.
const SIZES = { hiddenSize: 96, intermediateSize: 170, heads: 6, kvHeads: 6, headDim: 16, layers: 2 };
const EOS = [2, 40, 41, 42, 43];

/** A small model for requests that arrive, alike every time. */
export async function arrivalsRuntime(threads: number): Promise<Runtime> {
  const model = await randomModel({ ...SIZES, vocabSize: 300, maxPositions: 256, eosTokenIds: EOS });
  return new Runtime(model, { threads });
}

/** How they are drawn. */
export const SAMPLING = { temperature: 1, maxTokens: 24, seed: 3, rows: 24 };
/** What a request may have of its own. */
export type Settings = Partial<DrawSettings<string>>;

/** Prompts of 1 to 90 tokens, some with the same beginning. */
const promptOf = (p: number): number[] =>
  Array.from({ length: 1 + ((p * 37) % 90) }, (_, i) => 44 + ((i * 7 + (i > 3 ? p : 0)) % 250));

/** A request for one sample of a prompt. */
export const request = (p: number, index: number, settings?: Settings): DrawRequest<string> => ({
  tag: `${p}/${index}`,
  prompt: promptOf(p),
  promptKey: hash32(`prompt ${p}`),
  index,
  ...(settings && { settings }),
});

/** So many samples each of 8 prompts; of every fifth prompt at another temperature, of every seventh greedy. */
export function samplesOfEight(each: number): DrawRequest<string>[] {
  return Array.from({ length: 8 * each }, (_, i) => {
    const p = Math.floor(i / each);
    const settings = p % 5 === 4 ? { temperature: 0.6 } : p % 7 === 6 ? { greedy: true } : undefined;
    return request(p, i % each, settings);
  });
}

/** In the order of their tags. */
export const byTag = (draws: readonly Draw<string>[]): Draw<string>[] =>
  [...draws].sort((a, b) => (a.tag < b.tag ? -1 : 1));

/** Turns of the event loop, until a condition holds. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds() && turn < 1e6; turn++)
    await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Draws each request with nothing else in the batch. */
export async function drawAlone(
  runtime: Runtime,
  requests: readonly DrawRequest<string>[],
): Promise<Draw<string>[]> {
  const alone: Draw<string>[] = [];
  for (const each of requests) alone.push(...(await collect(runtime.draw([each], SAMPLING))));
  return byTag(alone);
}

/** Draws requests while strangers' come and go, at moments and in an order of their own. @returns the requests' draws. */
export async function drawAmongStrangers(
  runtime: Runtime,
  requests: readonly DrawRequest<string>[],
): Promise<Draw<string>[]> {
  const watch = watchBuffers(runtime.engine);
  const stream = randomStream(5, "strangers");
  const inbox = new Inbox<DrawRequest<string>>();
  const own = new Set(requests.map(({ tag }) => tag));
  const waiting = [...requests].sort((a, b) => hash32(`${a.tag}!`) - hash32(`${b.tag}!`));
  let strangers = 0;
  let gone = 0;
  const visit = (): void => {
    const stop = new AbortController();
    const leaves = 1 + stream.integer(20);
    const settings: Settings = {
      signal: stop.signal,
      temperature: [1, 0.5, 2][stream.integer(3)]!,
      maxTokens: 1 + stream.integer(60),
      watch: (_, { tokens }) => {
        if (tokens.length >= leaves) stop.abort();
      },
      dropped: () => gone++,
    };
    inbox.push({ ...request(8 + stream.integer(9), strangers, settings), tag: `stranger ${strangers++}` });
  };
  const drawn: Draw<string>[] = [];
  const arrive = async (): Promise<void> => {
    while (waiting.length > 0) {
      const steps = watch.rows.length;
      for (let i = stream.integer(6); i > 0; i--) visit();
      for (const each of waiting.splice(0, stream.integer(9))) inbox.push(each);
      const pause = 1 + stream.integer(4);
      // Now and then everything is drawn, and the batch has to begin anew.
      if (stream.next() < 0.1) await until(() => inbox.size === 0 && watch.live === 0);
      else await until(() => watch.rows.length >= steps + pause || watch.live === 0);
    }
    inbox.end();
  };
  const arriving = arrive();
  for await (const each of runtime.draw(inbox, SAMPLING)) drawn.push(each);
  await arriving;
  expect(strangers).toBeGreaterThan(requests.length / 4);
  expect(gone).toBeGreaterThan(requests.length / 10);
  expect(drawn.length + gone).toBe(requests.length + strangers);
  // The batch was of many sizes, and never of more rows than it may have.
  expect(new Set(watch.rows).size).toBeGreaterThan(2);
  expect(Math.max(...watch.rows)).toBeLessThanOrEqual(SAMPLING.rows + 4);
  expect(watch.live).toBe(0);
  return byTag(drawn.filter(({ tag }) => own.has(tag)));
}

/** Requests of which 30 % are cancelled at any moment: nothing is lost, doubled or left behind, and memory stays flat. */
export async function soak(runtime: Runtime, total: number): Promise<void> {
  const watch = watchBuffers(runtime.engine);
  const stream = randomStream(7, "soak");
  const inbox = new Inbox<DrawRequest<string>>();
  const MAX_TOKENS = 12;
  const expected = new Set<string>();
  const dropped = new Set<string>();
  const drawn = new Set<string>();
  let made = 0;
  const peaks: number[] = [];
  /** A run of requests for one prompt; 30 % are cancelled: before they come, while they wait, or after some token. */
  const visit = (): void => {
    const prompt = stream.integer(30);
    for (let n = Math.min(1 + stream.integer(8), total - made); n > 0; n--) {
      const stop = new AbortController();
      const tag = `${made}`;
      const settings: { -readonly [K in keyof Settings]: Settings[K] } = {
        signal: stop.signal,
        dropped: (which) => dropped.add(which),
      };
      if (stream.next() < 0.3) {
        const moment = stream.integer(MAX_TOKENS) - 2;
        if (moment === -2) stop.abort();
        else if (moment <= 0) setImmediate(() => stop.abort());
        else
          settings.watch = (_, { tokens }) => {
            if (tokens.length >= moment) stop.abort();
          };
      } else expected.add(tag);
      inbox.push({ ...request(prompt, made++, settings), tag });
    }
  };
  const arrive = async (): Promise<void> => {
    while (made < total) {
      for (let runs = 1 + stream.integer(3); runs > 0 && made < total; runs--) visit();
      const steps = watch.rows.length;
      await until(() => watch.rows.length > steps || watch.live === 0);
      peaks.push(watch.elements);
    }
    inbox.end();
  };
  const arriving = arrive();
  for await (const { tag } of runtime.draw(inbox, { ...SAMPLING, maxTokens: MAX_TOKENS })) {
    expect(drawn.has(tag)).toBe(false);
    drawn.add(tag);
  }
  await arriving;
  for (const tag of expected) expect(drawn.has(tag)).toBe(true);
  expect(drawn.size + dropped.size).toBe(total);
  expect(dropped.size).toBeGreaterThan(0.15 * total);
  for (const tag of dropped) expect(drawn.has(tag)).toBe(false);
  expect([watch.live, watch.elements]).toEqual([0, 0]);
  // Keys and values of a full batch of the longest prompts and responses, once more while they are moved.
  const { layers, kvHeads, headDim } = runtime.model.config;
  const rows = SAMPLING.rows + 4;
  const full = 2 * layers * kvHeads * headDim * rows * (96 + 16);
  expect(watch.most).toBeLessThanOrEqual(1.5 * full);
  const half = Math.floor(peaks.length / 2);
  expect(Math.max(...peaks.slice(half))).toBeLessThanOrEqual(1.5 * Math.max(...peaks.slice(0, half)));
  // Nothing is held for those that are over.
  expect(await collect(runtime.draw([request(0, 0)], SAMPLING))).toHaveLength(1);
}
