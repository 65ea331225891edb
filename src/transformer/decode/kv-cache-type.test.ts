import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { blockModel, heldModel } from "../block-models.test-helper.js";
import { drawPlainly, logSoftmax, plainLogits } from "../decoder/plain-decoder.test-helper.js";
import type { Model } from "../model.js";
import type { RuntimeOptions } from "../runtime-options.js";
import { Runtime } from "../runtime.js";
import { collect, randomModel } from "../tiny-models.test-helper.js";
import type { Draw, DrawRequest } from "./draw-request.js";
import { rowsThatFit } from "./rows-that-fit.js";

const PROMPTS = [[5], [7, 9, 11, 13, 8], Array.from({ length: 21 }, (_, i) => 60 - i)];
const SIZES = { vocabSize: 300, eosTokenIds: [2] };
const SAMPLING = { temperature: 1, maxTokens: 20, seed: 4 };

const running: Runtime[] = [];
const cache = mkdtempSync(join(tmpdir(), "whetstone-kv-"));
let model: Model;
beforeAll(async () => {
  vi.stubEnv("XDG_CACHE_HOME", cache);
  model = await randomModel(SIZES);
});
afterAll(async () => {
  for (const runtime of running) await runtime.dispose();
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

function runtimeOf(of: Model, options: RuntimeOptions): Runtime {
  const runtime = new Runtime(of, { threads: 1, ...options });
  running.push(runtime);
  return runtime;
}

async function drawn(runtime: Runtime, rows: number): Promise<Draw<string>[]> {
  const requests = PROMPTS.flatMap((prompt, promptKey): DrawRequest<string>[] =>
    Array.from({ length: 3 }, (_, index) => ({ tag: `${promptKey}/${index}`, prompt, promptKey, index })),
  );
  const draws = await collect(runtime.draw(requests, { ...SAMPLING, rows }));
  return draws.sort((a, b) => (a.tag < b.tag ? -1 : 1));
}

/** The nearest number of 11 significant bits, of those that are not too small for float16's exponents: half of a unit is 2^-12 of its size. */
function half(x: number): number {
  const unit = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(x)))) - 10);
  const [below, rest] = [Math.floor(x / unit), x / unit - Math.floor(x / unit)];
  const isUp = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return (below + (isUp ? 1 : 0)) * unit;
}

const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs));

describe("keys and values in float16", () => {
  it("are those of float32, rounded once, for whoever comes after them", async () => {
    const draws = await drawn(runtimeOf(model, { kvCache: "float16" }), 8);
    for (const { tag, tokens, logProbs } of draws) {
      const [promptKey, index] = tag.split("/").map(Number) as [number, number];
      const prompt = PROMPTS[promptKey]!;
      // The prompt but for its last token is one pass, within which nothing is rounded.
      const prefix = prompt.length - 1;
      const rounded = plainLogits(model, undefined, (state, of, by) =>
        of === by || by < prefix ? state : state.map(half),
      );
      const plain = drawPlainly(rounded, model.config, { ...SAMPLING, prompt, promptKey, index }, tokens);
      expect(tokens).toEqual(plain.tokens);
      const off = largest(logProbs.map((value, t) => value - plain.logProbs[t]!));
      const logits = plainLogits(model)([...prompt, ...tokens]);
      const unrounded = tokens.map((token, t) => logSoftmax(logits[prompt.length - 1 + t]!)[token]!);
      const effect = largest(plain.logProbs.map((value, t) => value - unrounded[t]!));
      // A state that lies between two numbers of float16 as near as float32 rounds may go to either.
      expect(off).toBeLessThan(Math.max(2e-5, effect / 4));
      if (tokens.length > 4) expect(effect).toBeGreaterThan(1e-5);
    }
  });

  it("draw the same in few rows and in many, to the bit, and with kept beginnings of prompts but for rounding", async () => {
    const runtime = runtimeOf(model, { kvCache: "float16" });
    const all = await drawn(runtime, 16);
    expect(await drawn(runtime, 4)).toEqual(all);
    const store = runtimeOf(model, { kvCache: "float16", prefixBytes: 1 << 20 });
    const kept = await drawn(store, 8);
    expect(kept.map(({ tokens }) => tokens)).toEqual(all.map(({ tokens }) => tokens));
    const { layers, kvHeads, headDim } = model.config;
    // Two bytes a number, of all tokens but each prompt's last.
    expect(store.prefixCounts!.bytes).toBe(2 * 2 * layers * kvHeads * headDim * (0 + 4 + 20));
  });

  it("are what a model draws by whose weights are held once, too", async () => {
    const { source, dequantized } = blockModel(
      await randomModel({ ...SIZES, hiddenSize: 64, intermediateSize: 96, headDim: 16 }),
      cache,
    );
    const held = runtimeOf(await heldModel(dequantized, source, "keep"), { kvCache: "float16" });
    const plain = runtimeOf(dequantized, { kvCache: "float16" });
    const [own, other] = [await drawn(held, 8), await drawn(plain, 8)];
    expect(own.map(({ tokens }) => tokens)).toEqual(other.map(({ tokens }) => tokens));
    own.forEach(({ logProbs }, i) =>
      expect(largest(logProbs.map((value, t) => value - other[i]!.logProbs[t]!))).toBeLessThan(1e-3),
    );
  });

  it("let more rows fit", () => {
    const lengths = { prompt: 400, sharing: 1, response: 600 };
    const caches = 1.5 * 2 * model.config.layers * model.config.kvHeads * model.config.headDim * 1000;
    const bytes = (kvCache: "float32" | "float16"): number => {
      let bytes = 0;
      while (rowsThatFit(model.config, 64, { ...lengths, kvCache }, bytes) < 10) bytes += 100;
      return bytes;
    };
    expect(bytes("float32") - bytes("float16")).toBeCloseTo(10 * 2 * caches, -3);
  });
});
