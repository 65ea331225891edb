import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InterruptedError } from "../../core/errors.js";
import { Inbox } from "../../core/inbox.js";
import { hash32, randomStream } from "../../core/random.js";
import { Runtime } from "../runtime.js";
import { collect, randomModel } from "../tiny-models.test-helper.js";
import type { Draw, DrawRequest, DrawSettings } from "./draw-request.js";
import { watchBuffers } from "./watch-buffers.test-helper.js";

// As many key heads as heads: products of one row, which round otherwise, would show.
const SIZES = { hiddenSize: 96, intermediateSize: 170, heads: 6, kvHeads: 6, headDim: 16, layers: 2 };
const EOS = [2, 40, 41, 42, 43];
let runtime: Runtime;
beforeAll(async () => {
  const model = await randomModel({ ...SIZES, vocabSize: 300, maxPositions: 256, eosTokenIds: EOS });
  runtime = new Runtime(model, { threads: 1 });
});
afterAll(() => runtime.dispose());

const SAMPLING = { temperature: 1, maxTokens: 24, seed: 3, rows: 24 };
type Settings = Partial<DrawSettings<string>>;

/** Prompts of 1 to 90 tokens, some with the same beginning. */
const promptOf = (p: number): number[] =>
  Array.from({ length: 1 + ((p * 37) % 90) }, (_, i) => 44 + ((i * 7 + (i > 3 ? p : 0)) % 250));

const request = (p: number, index: number, settings?: Settings): DrawRequest<string> => ({
  tag: `${p}/${index}`,
  prompt: promptOf(p),
  promptKey: hash32(`prompt ${p}`),
  index,
  ...(settings && { settings }),
});

/** 25 samples each of 8 prompts; of every fifth prompt at another temperature, of every seventh greedy. */
const OWN = Array.from({ length: 200 }, (_, i) => {
  const p = Math.floor(i / 25);
  return request(p, i % 25, p % 5 === 4 ? { temperature: 0.6 } : p % 7 === 6 ? { greedy: true } : undefined);
});

const byTag = (draws: readonly Draw<string>[]): Draw<string>[] =>
  [...draws].sort((a, b) => (a.tag < b.tag ? -1 : 1));

/** Turns of the event loop, until a condition holds. */
async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds() && turn < 1e6; turn++)
    await new Promise<void>((resolve) => setImmediate(resolve));
}

describe("a response, to the bit of its log-probabilities,", () => {
  let together: Draw<string>[];
  beforeAll(async () => {
    together = byTag(await collect(runtime.draw(OWN, SAMPLING)));
    expect(together.length).toBe(200);
    expect(new Set(together.map(({ tokens }) => tokens.length)).size).toBeGreaterThan(10);
  });

  test("is the same alone", async () => {
    const alone: Draw<string>[] = [];
    for (const each of OWN) alone.push(...(await collect(runtime.draw([each], SAMPLING))));
    expect(byTag(alone)).toEqual(together);
  });

  test("is the same when it comes in time, in any order", async () => {
    async function* shuffled(): AsyncGenerator<DrawRequest<string>> {
      for (const each of [...OWN].sort((a, b) => hash32(a.tag) - hash32(b.tag))) {
        await Promise.resolve();
        yield each;
      }
    }
    expect(byTag(await collect(runtime.draw(shuffled(), SAMPLING)))).toEqual(together);
  });

  test("is the same among strangers' that come and go", async () => {
    const watch = watchBuffers(runtime.engine);
    const stream = randomStream(5, "strangers");
    const inbox = new Inbox<DrawRequest<string>>();
    const own = new Set(OWN.map(({ tag }) => tag));
    const waiting = [...OWN].sort((a, b) => hash32(`${a.tag}!`) - hash32(`${b.tag}!`));
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
    expect(byTag(drawn.filter(({ tag }) => own.has(tag)))).toEqual(together);
    expect(strangers).toBeGreaterThan(50);
    expect(gone).toBeGreaterThan(20);
    expect(drawn.length + gone).toBe(200 + strangers);
    // The batch was of many sizes, and never of more rows than it may have.
    expect(new Set(watch.rows).size).toBeGreaterThan(2);
    expect(Math.max(...watch.rows)).toBeLessThanOrEqual(SAMPLING.rows + 4);
    expect(watch.live).toBe(0);
  });
});

test("two thousand requests, 30 % of them cancelled at any moment, leave nothing behind", async () => {
  const watch = watchBuffers(runtime.engine);
  const stream = randomStream(7, "soak");
  const inbox = new Inbox<DrawRequest<string>>();
  const TOTAL = 2000;
  const MAX_TOKENS = 12;
  const expected = new Set<string>();
  const dropped = new Set<string>();
  const drawn = new Set<string>();
  let made = 0;
  const peaks: number[] = [];
  /** A run of requests for one prompt; 30 % are cancelled: before they come, while they wait, or after some token. */
  const visit = (): void => {
    const prompt = stream.integer(30);
    for (let n = Math.min(1 + stream.integer(8), TOTAL - made); n > 0; n--) {
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
    while (made < TOTAL) {
      for (let runs = 1 + stream.integer(3); runs > 0 && made < TOTAL; runs--) visit();
      const steps = watch.rows.length;
      await until(() => watch.rows.length > steps || watch.live === 0);
      if (made % 100 < 10) peaks.push(watch.elements);
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
  expect(drawn.size + dropped.size).toBe(TOTAL);
  expect(dropped.size).toBeGreaterThan(0.15 * TOTAL);
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
}, 120_000);

describe("a batch", () => {
  test("takes in a request at the next step, for which it grows", async () => {
    const watch = watchBuffers(runtime.engine);
    const inbox = new Inbox<DrawRequest<string>>();
    const order: string[] = [];
    const watcher: Settings = {
      watch: (tag, { tokens }) => {
        order.push(`${tag} ${tokens.length}`);
        if (tag === "0/0" && tokens.length === 3) {
          for (let p = 1; p <= 6; p++)
            inbox.push(request(p, 0, { watch: (other, row) => order.push(`${other} ${row.tokens.length}`) }));
          inbox.end();
        }
      },
      maxTokens: 60,
    };
    inbox.push(request(0, 0, watcher));
    await collect(runtime.draw(inbox, { ...SAMPLING, rows: 24 }));
    const at = order.indexOf("0/0 4");
    expect(order.slice(at, at + 12).filter((line) => line.endsWith(" 1")).length).toBeGreaterThanOrEqual(4);
    expect(watch.rows[0]).toBe(4);
    expect(Math.max(...watch.rows)).toBeGreaterThanOrEqual(14);
    expect(watch.live).toBe(0);
  });

  test("lets a prompt in that comes while another holds all groups", async () => {
    const drawn: string[] = [];
    async function* source(): AsyncGenerator<DrawRequest<string>> {
      let other = false;
      for (let index = 0; index < 200; index++) {
        await Promise.resolve();
        yield request(3, index);
        if (drawn.length < 10 || other) continue;
        other = true;
        yield request(5, 0);
      }
    }
    for await (const { tag } of runtime.draw(source(), SAMPLING)) drawn.push(tag);
    expect(drawn.length).toBe(201);
    // It waits for one of the groups, not for all 200.
    expect(drawn.indexOf("5/0")).toBeLessThan(100);
  });

  test("holds nothing while there is nothing to draw, and the signal ends the wait", async () => {
    const watch = watchBuffers(runtime.engine);
    const inbox = new Inbox<DrawRequest<string>>();
    const stop = new AbortController();
    inbox.push(request(0, 0));
    const draws = runtime.draw(inbox, { ...SAMPLING, signal: stop.signal });
    expect((await draws.next()).done).toBe(false);
    const next = draws.next();
    await until(() => watch.live === 0);
    expect(watch.made).toBeGreaterThan(0);
    stop.abort();
    await expect(next).rejects.toThrow(InterruptedError);
    expect(inbox.closed).toBe(true);
  });

  test("of all temperatures draws each at its own", async () => {
    const temperatures = [0.3, 1, 1.7];
    const requests = temperatures.flatMap((temperature, t) =>
      [0, 1, 2].map((index) => ({ ...request(4, index, { temperature }), tag: `${t} ${index}` })),
    );
    const mixed = byTag(await collect(runtime.draw(requests, SAMPLING)));
    for (const [t, temperature] of temperatures.entries()) {
      const alone = [0, 1, 2].map((index) => ({ ...request(4, index), tag: `${t} ${index}` }));
      expect(mixed.filter(({ tag }) => tag.startsWith(`${t} `))).toEqual(
        byTag(await collect(runtime.draw(alone, { ...SAMPLING, temperature }))),
      );
    }
  });
});
