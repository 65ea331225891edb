import { afterAll, describe, expect, it } from "vitest";
import { hash32 } from "../../core/random.js";
import { Runtime } from "../runtime.js";
import { collect, randomModel } from "../tiny-models.test-helper.js";
import type { Draw, DrawRequest } from "./draw-request.js";
import { watchBuffers } from "./watch-buffers.test-helper.js";

const SIZES = { vocabSize: 300, maxPositions: 512, eosTokenIds: [2, 40, 41] };
const SAMPLING = { temperature: 1, maxTokens: 12, seed: 3, rows: 16 };
const PLENTY = 1 << 28;

const running: Runtime[] = [];
afterAll(async () => {
  for (const runtime of running) await runtime.dispose();
});
async function runtimeOf(prefixBytes: number, window?: number): Promise<Runtime> {
  const sliding = window === undefined ? {} : { sliding: { window, layers: [0] } };
  const runtime = new Runtime(await randomModel({ ...SIZES, ...sliding }), { threads: 1, prefixBytes });
  running.push(runtime);
  return runtime;
}

/** So many tokens; the first `shared` are the same for every `p`. */
const promptOf = (length: number, p = 0, shared = 150): number[] =>
  Array.from({ length }, (_, i) => 44 + ((i * 7 + (i >= shared ? p : 0)) % 250));

function drawn(runtime: Runtime, prompts: readonly (readonly number[])[]): Promise<Draw<string>[]> {
  const requests = prompts.flatMap((prompt): DrawRequest<string>[] =>
    Array.from({ length: 3 }, (_, index) => ({
      ...{ tag: `${hash32(prompt.join())}/${index}`, prompt, promptKey: prompt.length, index },
    })),
  );
  return collect(runtime.draw(requests, SAMPLING)).then((draws) =>
    draws.sort((a, b) => (a.tag < b.tag ? -1 : 1)),
  );
}

/** Prompts around the ends of blocks, that begin alike. */
const PROMPTS = [1, 2, 64, 65, 66, 129, 190, 257, 330].map((length, p) => promptOf(length, p));

describe.each([
  ["whole attention", undefined],
  ["a sliding window", 50],
] as const)("with %s", (_, window) => {
  it("draws what is drawn without it, but for rounding; the same to the bit whatever is there", async () => {
    const plain = await drawn(await runtimeOf(0, window), PROMPTS);
    const store = await runtimeOf(PLENTY, window);
    const cold = await drawn(store, PROMPTS);
    expect(cold.map(({ tag, tokens, finish }) => ({ tag, tokens, finish }))).toEqual(
      plain.map(({ tag, tokens, finish }) => ({ tag, tokens, finish })),
    );
    cold.forEach(({ logProbs }, i) =>
      logProbs.forEach((value, t) => expect(Math.abs(value - plain[i]!.logProbs[t]!)).toBeLessThan(1e-4)),
    );
    // All is there, some of it is, and nothing is.
    expect(await drawn(store, PROMPTS)).toEqual(cold);
    const some = await runtimeOf(PLENTY, window);
    await drawn(some, [promptOf(140)]);
    expect(await drawn(some, PROMPTS)).toEqual(cold);
    const nothing = await runtimeOf(1, window);
    expect(await drawn(nothing, PROMPTS)).toEqual(cold);
    expect(nothing.prefixCounts!.bytes).toBe(0);
  });
});

it("computes what prompts begin with once", async () => {
  const runtime = await runtimeOf(PLENTY);
  // The last token of a prompt is the first step's.
  await drawn(runtime, [promptOf(201)]);
  expect(runtime.prefixCounts).toMatchObject({ found: 0, computed: 200 });
  await drawn(runtime, [promptOf(201)]);
  expect(runtime.prefixCounts).toMatchObject({ found: 200, computed: 200 });
  // The first 150 tokens are the same: two blocks of 64.
  await drawn(runtime, [promptOf(301, 9)]);
  expect(runtime.prefixCounts).toMatchObject({ found: 328, computed: 372 });
});

it("keeps no more than it may, the latest, and holds nothing else", async () => {
  // Keys and values of two layers, two heads of six each.
  const perToken = 4 * 2 * 2 * 2 * 6;
  const runtime = await runtimeOf(200 * perToken);
  const watch = watchBuffers(runtime.engine);
  for (let p = 0; p < 5; p++) {
    await drawn(runtime, [promptOf(160, p, 0)]);
    expect(runtime.prefixCounts!.bytes).toBeLessThanOrEqual(200 * perToken);
    expect(4 * watch.elements).toBe(runtime.prefixCounts!.bytes);
  }
  const { found } = runtime.prefixCounts!;
  await drawn(runtime, [promptOf(160, 4, 0)]);
  expect(runtime.prefixCounts!.found).toBe(found + 159);
  await drawn(runtime, [promptOf(160, 0, 0)]);
  expect(runtime.prefixCounts!.found).toBe(found + 159);
});
