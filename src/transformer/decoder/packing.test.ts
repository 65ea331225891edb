import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { randomStream } from "../../core/random.js";
import { blockModel, heldModel } from "../block-models.test-helper.js";
import type { ModelConfig } from "../families/config.js";
import { Runtime } from "../runtime.js";
import { largestDifference, randomModel } from "../tiny-models.test-helper.js";
import { evenLength, packBatches, type SequenceBatch, type TokenPair } from "./packing.js";

const range = (length: number, from: number): number[] => Array.from({ length }, (_, i) => from + i);
const pair = (prompt: number, response: number): TokenPair => ({
  prompt: range(prompt, 100),
  response: range(response, 200),
});
/** A model whose attention is nearly free: everything that begins alike shares a row. */
const SHARING = { maxTokens: 2048, evenLength: 1e9 };

const dataOf = ({ feeds }: SequenceBatch, name: string): number[] =>
  Array.from(feeds[name]!.data as ArrayLike<number | bigint>, Number);

/** What the model sees of a batch at each pick, by the rule of the masks alone; and what it is to say. */
function seenAtPicks(batch: SequenceBatch): { path: number[]; positions: number[]; target: number }[] {
  const { t } = batch.size;
  const [ids, positions, last, picks, targets] = ["ids", "positions", "last", "picks", "targets"].map(
    (name) => dataOf(batch, name),
  ) as [number[], number[], number[], number[], number[]];
  return picks.map((pick, k) => {
    const [row, own] = [Math.floor(pick / t) * t, pick % t];
    const seen = range(own + 1, 0).filter((place) => last[row + place]! >= own);
    return {
      path: seen.map((place) => ids[row + place]!),
      positions: seen.map((place) => positions[row + place]!),
      target: targets[k]!,
    };
  });
}

function expectWhole(pairs: readonly TokenPair[], batches: readonly SequenceBatch[]): void {
  expect(batches.flatMap(({ order }) => order).sort((a, b) => a - b)).toEqual(
    [...pairs.keys()].filter((i) => pairs[i]!.response.length > 0),
  );
  for (const batch of batches) {
    const seen = seenAtPicks(batch);
    const expected = batch.order.flatMap((i) => {
      const { prompt, response } = pairs[i]!;
      return response.map((target, at) => ({ path: [...prompt, ...response.slice(0, at)], target }));
    });
    expect(seen.map(({ path, target }) => ({ path, target }))).toEqual(expected);
    for (const { path, positions } of seen) expect(positions).toEqual(range(path.length, 0));
    expect(dataOf(batch, "places")).toEqual(range(batch.size.t, 0));
    expect(batch.size.k).toBe(seen.length);
  }
}

describe("packing", () => {
  test("puts the last token of a response nowhere but among the targets", () => {
    const [batch] = packBatches([pair(2, 3), pair(1, 1)], SHARING);
    expect(batch!.feeds["ids"]).toMatchObject({ dims: [2, 4] });
    expect(dataOf(batch!, "ids")).toEqual([100, 101, 200, 201, 100, 0, 0, 0]);
    expect(dataOf(batch!, "positions")).toEqual([0, 1, 2, 3, 0, 0, 0, 0]);
    expect(dataOf(batch!, "last")).toEqual([3, 3, 3, 3, 0, 1, 2, 3]);
    expect(dataOf(batch!, "picks")).toEqual([1, 2, 3, 4]);
    expect(dataOf(batch!, "targets")).toEqual([200, 201, 202, 200]);
    expect(batch!.order).toEqual([0, 1]);
  });

  test("batches by length, none above the limit, each pair once, empty ones in none", () => {
    const pairs = [pair(3, 2), pair(9, 2), pair(3, 0), pair(1, 1), pair(2, 3), pair(30, 1)];
    const batches = packBatches(pairs, { maxTokens: 16, evenLength: 0 });
    expect(batches.map(({ order }) => order)).toEqual([[5], [1], [0, 4, 3]]);
    expectWhole(pairs, batches);
  });

  test("has one row for sequences that differ in their last tokens, as many as may be scored at once", () => {
    const of = (prompt: number[], response: number[]): TokenPair => ({ prompt, response });
    const pairs = [of([1, 2], [3]), of([1], [2, 3]), of([1, 2], [4]), of([1, 2], []), of([1], [2, 9])];
    const [batch] = packBatches(pairs, { maxTokens: 64, evenLength: 0 });
    expect(batch!.size).toEqual({ b: 1, t: 2, k: 6 });
    expectWhole(pairs, [batch!]);
    const many = Array.from({ length: 70 }, () => of([1], [2]));
    expect(packBatches(many, { maxTokens: 32, evenLength: 0 }).map(({ order }) => order.length)).toEqual([
      32, 32, 6,
    ]);
  });

  test("computes a long common beginning once, with branches in branches, and what begins alike for less alone", () => {
    const few = range(40, 1000);
    const pairs = [
      { prompt: [...few, 1, 2], response: [3, 4, 5] },
      { prompt: [...few, 1, 2], response: [3, 4, 6, 7] },
      { prompt: [...few, 1, 9], response: [3] },
      { prompt: range(31, 1000), response: [8, 8] },
    ];
    const batches = packBatches(pairs, SHARING);
    // 42 tokens of the first prompt, its responses' 3, 4 and the second's 6; one more of the third.
    expect(batches.map(({ size }) => size)).toEqual([{ b: 2, t: 46, k: 10 }]);
    expectWhole(pairs, batches);
  });

  test("leaves apart what would cost more in one row than it saves", () => {
    const pairs = [1, 2, 3, 4].map((first) => ({
      prompt: range(100, 1000),
      response: range(101, 2000 * first),
    }));
    // 2·S·100 < 100·(even + 100): up to S = 100 tokens beside one's own.
    expect(packBatches(pairs, { maxTokens: 2048, evenLength: 150 }).map(({ size }) => size)).toEqual([
      { b: 2, t: 300, k: 404 },
    ]);
    expect(packBatches(pairs, SHARING).map(({ size }) => size)).toEqual([{ b: 1, t: 500, k: 404 }]);
    expectWhole(pairs, packBatches(pairs, { maxTokens: 250, evenLength: 1e9 }));
  });

  test("loses and adds nothing, whatever begins like what", () => {
    const stream = randomStream(3, "packing");
    const drawn = (length: number): number[] => Array.from({ length }, () => stream.integer(3));
    for (let round = 0; round < 200; round++) {
      const beginnings = Array.from({ length: 1 + stream.integer(3) }, () => drawn(1 + stream.integer(60)));
      const pairs = Array.from({ length: 1 + stream.integer(12) }, () => ({
        prompt: [...beginnings[stream.integer(beginnings.length)]!, ...drawn(stream.integer(4))],
        response: drawn(stream.integer(30)),
      }));
      const options = { maxTokens: 1 + stream.integer(400), evenLength: stream.integer(2000) };
      const batches = packBatches(pairs, options);
      expectWhole(pairs, batches);
      for (const { size } of batches) {
        if (size.b > 1) expect(Math.max(size.b * size.t, size.k)).toBeLessThanOrEqual(options.maxTokens);
      }
    }
  });

  test("knows from the model's shape what attention costs", () => {
    // SmolLM2: 7.08 M operations of a layer's linears for a token, 2,304 for each that it sees, thrice.
    const shape = { hiddenSize: 576, intermediateSize: 1536, heads: 9, kvHeads: 3, headDim: 64 };
    expect(evenLength(shape)).toBeCloseTo(1024, 0);
  });
});

describe.each([
  ["of Llama's kind", {}],
  ["with a sliding window", { sliding: { window: 12, layers: [0] } }],
] as const)("scores of sequences in one row, by a model %s", (_, different: Partial<ModelConfig>) => {
  const root = mkdtempSync(join(tmpdir(), "whetstone-packing-"));
  const stream = randomStream(1, "sequences");
  const drawn = (length: number): number[] => Array.from({ length }, () => 2 + stream.integer(200));
  const common = drawn(36);
  const pairs = Array.from({ length: 7 }, (__, i) => ({
    prompt: [...common, ...drawn(i % 3)],
    response: drawn(1 + ((5 * i) % 9)),
  }));
  let plain: Runtime;
  let kept: Runtime;
  beforeAll(async () => {
    vi.stubEnv("XDG_CACHE_HOME", root);
    const model = await randomModel({ hiddenSize: 64, intermediateSize: 96, headDim: 16, ...different });
    const { source, dequantized } = blockModel(model, root);
    plain = new Runtime(dequantized, { threads: 1, maxLength: 47 });
    kept = new Runtime(await heldModel(dequantized, source, "keep"), { threads: 1, maxLength: 47 });
  });
  afterAll(async () => {
    await plain.dispose();
    await kept.dispose();
    vi.unstubAllEnvs();
    rmSync(root, { recursive: true });
  });

  test("are those that they have alone", async () => {
    const { config } = plain.model;
    const [{ size }] = packBatches(pairs, { ...SHARING, evenLength: evenLength(config) }) as [SequenceBatch];
    expect(size.b).toBe(1);
    expect(size.t).toBeGreaterThan(plain.maxLength);
    for (const runtime of [plain, kept]) {
      const together = await runtime.score(pairs);
      for (const [i, one] of pairs.entries()) {
        const [alone] = await plain.score([one]);
        expect(together[i]!.logProbs).toHaveLength(one.response.length);
        expect(largestDifference(together[i]!.logProbs, alone!.logProbs)).toBeLessThan(1e-4);
        expect(largestDifference(together[i]!.certainties, alone!.certainties)).toBeLessThan(1e-4);
      }
    }
  });
});
