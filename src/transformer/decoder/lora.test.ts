import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError } from "../../core/errors.js";
import { randomStream } from "../../core/random.js";
import type { ModelConfig } from "../families/config.js";
import { ALL_LINEARS, newAdapter } from "./lora.js";
import { loadAdapter, saveAdapter, type LoraAdapter } from "../format/peft.js";
import { logSoftmax, plainLogits } from "./plain-decoder.test-helper.js";
import { Runtime } from "../runtime.js";
import {
  collect,
  goldenAdapter,
  goldenRows,
  largestDifference,
  randomAdapter,
  tinyAdapter,
  tinyModel,
} from "../tiny-models.test-helper.js";
import { Trainer } from "../train/trainer.js";

let runtime: Runtime;
beforeAll(async () => {
  runtime = new Runtime(await tinyModel("tiny-gqa"), { threads: 1 });
});
afterAll(() => runtime.dispose());

const PAIRS = [
  { prompt: [1, 5, 9, 33], response: [60, 8, 21, 2] },
  { prompt: [1], response: [63, 62, 4, 4, 19, 30, 51] },
];

async function logProbs(adapter?: LoraAdapter): Promise<Float32Array[]> {
  const feeds = adapter && (await runtime.adapter(adapter));
  const scored = await runtime.score(PAIRS, feeds);
  await feeds?.dispose();
  return scored.map((score) => score.logProbs);
}

describe("an adapter that peft saved", () => {
  test("gives peft's logits by a plain forward, and its log-probabilities by the scorer", async () => {
    const adapter = await tinyAdapter();
    const feeds = await runtime.adapter(adapter);
    const { rows } = await goldenAdapter();
    const logitsOf = plainLogits(runtime.model, adapter);
    for (const { tokens, logits } of rows) {
      logitsOf(tokens).forEach((row, i) => expect(largestDifference(row, logits[i]!)).toBeLessThan(1e-4));
      const [scored] = await runtime.score(
        [{ prompt: tokens.slice(0, 1), response: tokens.slice(1) }],
        feeds,
      );
      const expected = tokens.slice(1).map((token, i) => logSoftmax(logits[i]!)[token]!);
      expect(largestDifference(scored!.logProbs, expected)).toBeLessThan(1e-4);
    }
    await feeds.dispose();
  });

  test("has peft's loss and gradients", async () => {
    const { config, weights } = runtime.model;
    const adapter = await tinyAdapter();
    const { loss, gradients } = await goldenAdapter();
    const trainer = await Trainer.lora(runtime.engine, config, weights, adapter, { maxLength: 16 });
    const pair = { prompt: loss.tokens.slice(0, loss.start), response: loss.tokens.slice(loss.start) };
    const result = await trainer.gradients([pair], [1]);
    expect(result.loss).toBeCloseTo(loss.value, 3);
    const expected = [...adapter.weights.keys()].flatMap((module) => {
      const { a, b } = gradients[module]!;
      return [
        [`${module}.lora_A`, a.flat()],
        [`${module}.lora_B`, b.flat()],
      ] as const;
    });
    expect(trainer.names.length).toBe(12);
    for (const [name, values] of expected) {
      const ours = result.gradients[trainer.names.indexOf(name)]!;
      expect(largestDifference(ours, values)).toBeLessThan(2e-4);
      expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.01);
    }
    await trainer.dispose();
  });
});

test("an adapter of another model, or of some layers, is refused by the module", async () => {
  const adapter = await tinyAdapter();
  const [module, pair] = [...adapter.weights][0]!;
  const others = [...adapter.weights].slice(1);
  const withFirst = (name: string, change: object) => ({
    ...adapter,
    weights: new Map([[name, { ...pair, ...change }], ...others]),
  });
  const refused = async (bad: LoraAdapter, message: string): Promise<void> => {
    await expect(runtime.adapter(bad)).rejects.toThrow(message);
    await expect(runtime.adapter(bad)).rejects.toThrow(ModelError);
  };
  const wider = withFirst(module, { inFeatures: pair.inFeatures + 2 });
  await refused(
    wider,
    `it is for ${module} with [${pair.outFeatures}, ${pair.inFeatures + 2}], and this one has it with [${pair.outFeatures}, ${pair.inFeatures}]`,
  );
  await refused(withFirst("model.layers.0.self_attn.qkv_proj", {}), "this one has no such linear");
  await refused({ ...adapter, weights: new Map(others) }, `the adapter has no matrices for ${module}`);
});

describe("a fresh adapter", () => {
  test("changes nothing: B is zero", async () => {
    const base = await logProbs();
    const fresh = await logProbs(newAdapter(runtime.model.config, { rank: 3 }, randomStream(1, "adapter")));
    fresh.forEach((row, i) => expect(largestDifference(row, base[i]!)).toBeLessThan(1e-6));
  });

  test("has A uniform within 1/√in, on the linears asked for, and alpha twice the rank", () => {
    const { config } = runtime.model;
    const adapter = newAdapter(config, {}, randomStream(2, "adapter"));
    expect(adapter).toMatchObject({ rank: 16, alpha: 32, targetModules: [...ALL_LINEARS] });
    expect(adapter.weights.size).toBe(7 * config.layers);
    for (const { a, b, inFeatures, outFeatures } of adapter.weights.values()) {
      const bound = 1 / Math.sqrt(inFeatures);
      expect(a.length).toBe(16 * inFeatures);
      expect(b).toEqual(new Float32Array(16 * outFeatures));
      expect(Math.max(...a.map(Math.abs))).toBeLessThanOrEqual(Math.fround(bound));
      // A uniform variable's variance is bound²/3; this is over at least 512 values.
      const variance = a.reduce((sum, value) => sum + value * value, 0) / a.length;
      expect(variance / (bound ** 2 / 3)).toBeGreaterThan(0.8);
      expect(variance / (bound ** 2 / 3)).toBeLessThan(1.2);
    }
    const some = newAdapter(config, { rank: 2, targetModules: ["q_proj", "up_proj"] }, randomStream(2, "a"));
    expect([...some.weights.keys()]).toEqual([
      "model.layers.0.self_attn.q_proj",
      "model.layers.0.mlp.up_proj",
      "model.layers.1.self_attn.q_proj",
      "model.layers.1.mlp.up_proj",
    ]);
  });

  test("is put on fused linears whole, whichever of their parts is named, and on no other name", () => {
    const config: ModelConfig = { ...runtime.model.config, fusedLinears: true };
    const adapter = newAdapter(config, { rank: 2 }, randomStream(2, "adapter"));
    expect(adapter.targetModules).toEqual(["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]);
    const sizes = [...adapter.weights].slice(0, 4).map(([module, { a, b }]) => [module, a.length, b.length]);
    // 4 heads of 8 and twice 2 of 8; two parts of 48 (tiny-gqa is 32 wide).
    expect(sizes).toEqual([
      ["model.layers.0.self_attn.qkv_proj", 2 * 32, 2 * 64],
      ["model.layers.0.self_attn.o_proj", 2 * 32, 2 * 32],
      ["model.layers.0.mlp.gate_up_proj", 2 * 32, 2 * 96],
      ["model.layers.0.mlp.down_proj", 2 * 48, 2 * 32],
    ]);
    const targetsOf = (names: readonly string[]) =>
      newAdapter(config, { rank: 1, targetModules: names }, randomStream(2, "a")).targetModules;
    expect(targetsOf(["up_proj", "v_proj", "gate_proj"])).toEqual(["gate_up_proj", "qkv_proj"]);
    expect(targetsOf(["qkv_proj"])).toEqual(["qkv_proj"]);
    expect(() => targetsOf(["embed_tokens"])).toThrow(
      'no linear "embed_tokens" to put an adapter on; it has qkv_proj, o_proj, gate_up_proj, down_proj',
    );
  });
});

test("one session serves the base and adapters of different ranks", async () => {
  const { config } = runtime.model;
  const kinds: string[] = [];
  const request = runtime.engine.request.bind(runtime.engine);
  runtime.engine.request = (kind, ...rest) => {
    kinds.push(kind);
    return request(kind, ...rest);
  };
  const targetModules = ["k_proj", "o_proj", "gate_proj"];
  const make = (rank: number): LoraAdapter =>
    randomAdapter(newAdapter(config, { rank, targetModules }, randomStream(3, "adapter")), rank, 0.3);
  const adapters = [make(2), make(5)];
  const [zero, two, five] = await Promise.all([
    runtime.zeroAdapter(targetModules),
    ...adapters.map((adapter) => runtime.adapter(adapter)),
  ]);
  const base = await runtime.score(PAIRS);
  const before = kinds.filter((kind) => kind === "create").length;
  const scores = [];
  for (const feeds of [two, zero, five, two]) scores.push(await runtime.score(PAIRS, feeds));
  expect(kinds.filter((kind) => kind === "create").length).toBe(before + 1);
  for (const i of PAIRS.keys()) {
    expect(largestDifference(scores[1]![i]!.logProbs, base[i]!.logProbs)).toBeLessThan(1e-6);
    expect(scores[3]![i]!.logProbs).toEqual(scores[0]![i]!.logProbs);
    for (const [adapter, scored] of [
      [adapters[0]!, scores[0]!],
      [adapters[1]!, scores[2]!],
    ] as const) {
      const { prompt, response } = PAIRS[i]!;
      const logits = plainLogits(runtime.model, adapter)([...prompt, ...response]);
      const expected = response.map((token, t) => logSoftmax(logits[prompt.length - 1 + t]!)[token]!);
      expect(largestDifference(scored[i]!.logProbs, expected)).toBeLessThan(1e-4);
      expect(largestDifference(scored[i]!.logProbs, base[i]!.logProbs)).toBeGreaterThan(0.01);
    }
  }
  await Promise.all([zero, two, five].map((feeds) => feeds!.dispose()));
  await expect(runtime.score(PAIRS, two)).rejects.toThrow(/freed/);
});

test("an adapter comes back from disk with the very same log-probabilities and greedy responses", async () => {
  const folder = await mkdtemp(join(tmpdir(), "whetstone-lora-"));
  try {
    const fresh = newAdapter(runtime.model.config, { rank: 3, alpha: 5 }, randomStream(4, "adapter"));
    const adapter = randomAdapter(fresh, 4, 0.2);
    await saveAdapter(folder, adapter, "tiny-gqa");
    const loaded = await loadAdapter(folder);
    expect(await logProbs(loaded)).toEqual(await logProbs(adapter));
    const [row] = await goldenRows("tiny-gqa");
    const requests = [{ tag: 0, prompt: row!.tokens, promptKey: 0, index: -1 }];
    const options = { temperature: 1, maxTokens: 8, seed: 0, greedy: true };
    const draws = [];
    for (const each of [adapter, loaded]) {
      const feeds = await runtime.adapter(each);
      draws.push(await collect(runtime.draw(requests, options, feeds)));
      await feeds.dispose();
    }
    expect(draws[1]).toEqual(draws[0]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
