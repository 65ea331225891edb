import { afterAll, describe, expect, it } from "vitest";
import { randomStream } from "../../core/random.js";
import { Engine, Graph, type Tensor } from "../../graph/index.js";
import { randomModel } from "../tiny-models.test-helper.js";
import { cachedAttention } from "./attention.js";
import { HIDDEN } from "./hidden.js";

const engine = new Engine({ threads: 1 });
afterAll(() => engine.dispose());

/** Two groups of three rows; four query heads, two key heads. */
const [G, R, KV, GROUP, D, P, S] = [2, 3, 2, 2, 4, 5, 6];
/** Tokens of each group's prompt, and behind each row: nothing, some, all. */
const PROMPTS = [5, 3];
const BEHIND = [
  [0, 2, 6],
  [6, 1, 4],
];

const stream = randomStream(1, "attention");
const feeds: Record<string, Tensor> = {};
function given(name: string, dims: readonly number[]): Float32Array {
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 4 * stream.next() - 2);
  feeds[name] = { type: "float32", dims, data };
  return data;
}
const query = given("query", [G, R, KV * GROUP * D]);
const [key, value] = [given("key", [G, R, KV * D]), given("value", [G, R, KV * D])];
const [prefixKey, prefixValue] = [given("prefixKey", [G, KV, P, D]), given("prefixValue", [G, KV, P, D])];
const [suffixKey, suffixValue] = [
  given("suffixKey", [G, KV * R, 1, S, D]),
  given("suffixValue", [G, KV * R, 1, S, D]),
];
given("prefixMask", [G, 1, 1, P]).forEach((_, i, all) => {
  all[i] = i % P < PROMPTS[Math.floor(i / P)]! ? 0 : HIDDEN;
});
given("suffixMask", [G, 1, R, 1, S]).forEach((_, i, all) => {
  all[i] = i % S < BEHIND[Math.floor(i / (S * R))]![Math.floor(i / S) % R]! ? 0 : HIDDEN;
});

/** Attention as it is defined, of one query head of one row. */
function plainly(g: number, r: number, head: number): number[] {
  const h = Math.floor(head / GROUP);
  const at = (data: Float32Array, row: number): number[] => [...data.subarray(row * D, (row + 1) * D)];
  const prompt = Array.from({ length: PROMPTS[g]! }, (_, i) => (g * KV + h) * P + i);
  const own = Array.from({ length: BEHIND[g]![r]! }, (_, i) => ((g * KV + h) * R + r) * S + i);
  const itself = (g * R + r) * KV + h;
  const keys = [...prompt.map((i) => at(prefixKey, i)), ...own.map((i) => at(suffixKey, i)), at(key, itself)];
  const values = [
    ...prompt.map((i) => at(prefixValue, i)),
    ...own.map((i) => at(suffixValue, i)),
    at(value, itself),
  ];
  const q = at(query, (g * R + r) * KV * GROUP + head);
  const scores = keys.map((k) => k.reduce((sum, x, i) => sum + x * q[i]!, 0) / Math.sqrt(D));
  const weights = scores.map((score) => Math.exp(score - Math.max(...scores)));
  const total = weights.reduce((a, b) => a + b, 0);
  return q.map((_, i) => weights.reduce((sum, w, at) => sum + w * values[at]![i]!, 0) / total);
}

describe("attention over what is cached", () => {
  it.each([false, true])("is attention as it is defined (in place: %s)", async (inPlace) => {
    const { config: tiny } = await randomModel();
    const config = { ...tiny, heads: KV * GROUP, kvHeads: KV, headDim: D };
    const graph = new Graph();
    const input = (name: string): ReturnType<Graph["input"]> =>
      graph.input(name, "float32", feeds[name]!.dims);
    const [q, k, v] = ["query", "key", "value"].map(input);
    const caches = [
      {
        ...{ prefixKey: input("prefixKey"), prefixValue: input("prefixValue") },
        ...{ suffixKey: input("suffixKey"), suffixValue: input("suffixValue") },
      },
    ];
    const masks = { prefix: input("prefixMask"), suffix: input("suffixMask") };
    const attention = cachedAttention(config, caches, masks, () => undefined, { inPlace });
    graph.output("mixed", attention(0, q!, k!, v!));
    const session = await engine.session(graph);
    const { mixed } = await session.run(feeds);
    await session.dispose();
    expect(mixed!.dims).toEqual([G, R, KV * GROUP * D]);
    for (let g = 0; g < G; g++)
      for (let r = 0; r < R; r++)
        for (let head = 0; head < KV * GROUP; head++)
          plainly(g, r, head).forEach((expected, i) => {
            const place = ((g * R + r) * KV * GROUP + head) * D + i;
            expect(mixed!.data[place]).toBeCloseTo(expected, 5);
          });
  });
});
