import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { openWeights } from "../../src/transformer/format/weights.js";
import { blockModel, heldModel } from "../../src/transformer/block-models.test-helper.js";
import type { FloatTensor } from "../../src/transformer/format/safetensors.js";
import type { Draw } from "../../src/transformer/decode/draw-request.js";
import type { Model } from "../../src/transformer/model.js";
import { Runtime } from "../../src/transformer/runtime.js";
import {
  collect,
  largestDifference,
  modelOfIds,
  randomModel,
  testdata,
} from "../../src/transformer/tiny-models.test-helper.js";

const cache = mkdtempSync(join(tmpdir(), "whetstone-held-"));
beforeAll(() => void vi.stubEnv("XDG_CACHE_HOME", cache));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

const PROMPTS = [[3, 1, 4, 1, 5, 9, 2, 6], [2, 7, 1], [8]];
const requests = PROMPTS.flatMap((prompt, p) =>
  [0, 1, 2, 3, 4].map((index) => ({ tag: `${p}/${index}`, prompt, promptKey: p, index })),
);

async function drawn(runtime: Runtime, rows: number, greedy: boolean) {
  const options = { temperature: 0.8, maxTokens: 8, seed: 5, rows, greedy };
  const all = await collect(runtime.draw(requests, options));
  return new Map(all.map(({ tag, ...rest }) => [tag, rest]));
}

/** Held once, a model says what it says in memory; to the bit in every batch. */
async function expectSame(held: Model, plain: Model): Promise<void> {
  const [ours, theirs] = [new Runtime(held, { threads: 2 }), new Runtime(plain, { threads: 2 })];
  try {
    for (const greedy of [true, false]) {
      const expected = await drawn(theirs, 8, greedy);
      const found = await drawn(ours, 8, greedy);
      expect(await drawn(ours, 24, greedy)).toEqual(found);
      for (const [tag, { tokens, logProbs, certainties }] of expected) {
        expect(found.get(tag)!.tokens, `${tag}, greedy ${greedy}`).toEqual(tokens);
        expect(largestDifference(found.get(tag)!.logProbs, logProbs)).toBeLessThan(2e-4);
        expect(largestDifference(found.get(tag)!.certainties, certainties)).toBeLessThan(2e-4);
      }
      const pairs = requests.map(({ tag, prompt }) => ({ prompt, response: expected.get(tag)!.tokens }));
      const scored = await ours.score(pairs);
      scored.forEach(({ logProbs, certainties }, i) => {
        const { logProbs: own, certainties: spread } = expected.get(requests[i]!.tag)!;
        expect(largestDifference(logProbs, own)).toBeLessThan(2e-4);
        expect(largestDifference(certainties, spread)).toBeLessThan(2e-4);
      });
    }
  } finally {
    await ours.dispose();
    await theirs.dispose();
  }
}

it.each([true, false])("keeps blocks with the values of the dequantized model (tied: %s)", async (tied) => {
  const wide = { hiddenSize: 64, intermediateSize: 96, headDim: 16, tieWordEmbeddings: tied };
  const { source, dequantized } = blockModel(await randomModel(wide, 7), cache);
  await expectSame(await heldModel(dequantized, source, "keep"), dequantized);
});

it("rounds what kept blocks are multiplied with where that is asked for, in a copy of its own", async () => {
  const wide = { hiddenSize: 64, intermediateSize: 96, headDim: 16 };
  const { source, dequantized } = blockModel(await randomModel(wide, 7), cache);
  const pairs = PROMPTS.map((prompt) => ({ prompt, response: [7, 3, 9, 1] }));
  const scores: Float32Array[] = [];
  const draws: unknown[] = [];
  for (const roundsInput of [false, true]) {
    const model = await heldModel(dequantized, source, roundsInput ? "keepa8" : "keep");
    const runtime = new Runtime(model, { threads: 2 });
    // A draw begins with what was begun before it.
    runtime.prepare({});
    if (roundsInput) draws.push(await drawn(runtime, 8, false), await drawn(runtime, 24, false));
    scores.push(...(await runtime.score(pairs)).map(({ logProbs }) => logProbs));
    await runtime.dispose();
  }
  const [exact, rounded] = [scores.slice(0, 3), scores.slice(3)];
  const apart = exact.map((logProbs, i) => largestDifference(logProbs, rounded[i]!));
  expect(Math.max(...apart)).toBeLessThan(0.5);
  expect(Math.max(...apart)).toBeGreaterThan(1e-4);
  expect(draws[1]).toEqual(draws[0]);
});

it("computes prompts in blocks, where they are kept, as in memory", async () => {
  const wide = { hiddenSize: 64, intermediateSize: 96, headDim: 16, maxPositions: 256 };
  const { source, dequantized } = blockModel(await randomModel(wide, 7), cache);
  const held = await heldModel(dequantized, source, "keep");
  const long = Array.from({ length: 150 }, (_, i) => 4 + ((i * 13) % 90));
  const asked = [0, 1].map((index) => ({ tag: index, prompt: long, promptKey: 1, index }));
  const drawnBy = async (model: Model, prefixBytes: number): Promise<Draw<number>[]> => {
    const runtime = new Runtime(model, { threads: 1, prefixBytes });
    const options = { temperature: 1, maxTokens: 8, seed: 5 };
    const draws = await collect(runtime.draw(asked, options));
    await runtime.dispose();
    return draws.sort((a, b) => a.tag - b.tag);
  };
  const expected = await drawnBy(dequantized, 0);
  (await drawnBy(held, 1 << 26)).forEach(({ tokens, logProbs }, i) => {
    expect(tokens).toEqual(expected[i]!.tokens);
    expect(largestDifference(logProbs, expected[i]!.logProbs)).toBeLessThan(2e-4);
  });
});

it.each(["gemma3", "phi3", "qwen3"])(
  "holds %s in floats with the values that it has in memory",
  async (name) => {
    const folder = join(testdata, "families", name);
    const source = await openWeights(folder);
    const model = await modelOfIds(folder);
    await expectSame(await heldModel(model, source, "float32"), model);
    await source.close();
  },
);

it.each([
  ["gemma3", "bfloat16"],
  ["phi3", "bfloat16"],
  ["qwen2", "float16"],
])("keeps %s in its floats of 16 bits with the values that it has in float32", async (name, half) => {
  const folder = join(testdata, "families", name);
  const source = await openWeights(folder);
  const model = await modelOfIds(folder);
  const held = await heldModel(model, source, "keep");
  expect([...held.held!.quantized.values()].map((matrix) => "half" in matrix && matrix.half)).toContain(half);
  expect([...held.held!.weights.values()].every(({ shape }) => shape.length === 1)).toBe(true);
  await expectSame(held, model);
  await source.close();
});

/** The nearest number of 11 significant bits, of two as near the even one; below 2^-14 steps are 2^-24. */
function nearestHalf(value: number): number {
  const step = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value) || 1))) - 10);
  const [below, rest] = [Math.floor(value / step), value / step - Math.floor(value / step)];
  return (rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below) * step;
}

it.each([true, false])("rounds weights to float16 where that is asked for (tied: %s)", async (tied) => {
  const model = await randomModel(
    { hiddenSize: 64, intermediateSize: 96, headDim: 16, tieWordEmbeddings: tied },
    9,
  );
  const { source, dequantized } = blockModel(model, cache);
  const rounded = new Map<string, FloatTensor>();
  const table = "model.embed_tokens.weight";
  for (const [name, tensor] of dequantized.weights) {
    const isMatrix = tensor.shape.length === 2 && name !== table;
    rounded.set(name, isMatrix ? { ...tensor, data: tensor.data.map(nearestHalf) } : tensor);
  }
  // Embeddings that are looked up stay floats, those that are the head do not.
  if (tied)
    rounded.set("lm_head.weight", {
      ...rounded.get(table)!,
      data: rounded.get(table)!.data.map(nearestHalf),
    });
  const config = { ...model.config, tieWordEmbeddings: false };
  const held = await heldModel(dequantized, source, "float16");
  expect(held.held!.quantized.get(tied ? table : "lm_head.weight")).toMatchObject({ half: "float16" });
  await expectSame(held, { ...dequantized, config, weights: rounded });
  const runtime = new Runtime(dequantized, { threads: 1 });
  const other = new Runtime(held, { threads: 1 });
  const pairs = [{ prompt: PROMPTS[0]!, response: [7, 3, 9, 1] }];
  const [[plain], [halved]] = [await runtime.score(pairs), await other.score(pairs)];
  const apart = largestDifference(plain!.logProbs, halved!.logProbs);
  expect(apart).toBeGreaterThan(1e-5);
  expect(apart).toBeLessThan(1e-2);
  await Promise.all([runtime.dispose(), other.dispose()]);
});

it("refuses to hold in float16 what is beyond it", async () => {
  const model = await randomModel({ hiddenSize: 32, intermediateSize: 32, headDim: 8 }, 4);
  const name = "model.layers.0.mlp.up_proj.weight";
  const tensor = model.weights.get(name)!;
  const data = tensor.data.slice();
  data[5] = -65520;
  const { source } = blockModel(model, cache);
  const read = (asked: string) =>
    asked === name ? Promise.resolve({ ...tensor, data }) : source.read(asked);
  await expect(
    heldModel({ ...model, digest: "b".repeat(64) }, { ...source, read }, "float16"),
  ).rejects.toThrow(
    `here: ${name} has a value beyond 65504, the largest of float16; hold the model in float32`,
  );
});

it("makes a copy that is truncated, broken or of another version anew, and says so", async () => {
  const { source, dequantized } = blockModel(
    await randomModel({ hiddenSize: 32, intermediateSize: 32, headDim: 8 }, 3),
    cache,
  );
  const sentences: string[] = [];
  const hold = () => heldModel(dequantized, source, "keep", (sentence) => sentences.push(sentence));
  await hold();
  const folder = join(cache, "whetstone", "weights");
  const file = join(folder, `${dequantized.digest.slice(0, 32)}-kept.bin`);
  const whole = readFileSync(file);
  await hold();
  expect(sentences).toEqual([]);
  truncateSync(file, whole.length - 100);
  await hold();
  writeFileSync(
    file,
    Buffer.from(whole.toString("latin1").replace(/\{"version":\d/, '{"version":0'), "latin1"),
  );
  await hold();
  writeFileSync(file, "no arrays are here, but letters");
  await hold();
  expect(sentences).toEqual([
    `${file} is truncated or broken; it is made anew.`,
    `${file} is of another version; it is made anew.`,
    `${file} is truncated or broken; it is made anew.`,
  ]);
  expect(readFileSync(file).equals(whole)).toBe(true);
  expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
});

it("refuses to keep what has no blocks, and a copy that has no place", async () => {
  const model = await randomModel({ hiddenSize: 32, intermediateSize: 32, headDim: 8 }, 4);
  const { source } = blockModel(model, cache);
  const floats = { ...source, stored: () => ({ format: "F32", bytes: 0 }) };
  await expect(heldModel(model, floats, "keep")).rejects.toThrow(
    "here has no linear in a format that can be kept (Q4_0,",
  );
  writeFileSync(join(cache, "taken"), "");
  vi.stubEnv("XDG_CACHE_HOME", join(cache, "taken"));
  await expect(heldModel(model, source, "keep")).rejects.toThrow(/cannot (open|be written)/);
  vi.stubEnv("XDG_CACHE_HOME", cache);
});
