import { join } from "node:path";
import { expect, it } from "vitest";
import { inspectModel } from "./inspect.js";
import { checkFits, holdingFor, memoryNeed, needForExactChoice } from "./memory-need.js";
import { loadModel } from "./model.js";
import { tensorShapes } from "./families/config.js";
import { randomModel, testdata } from "./tiny-models.test-helper.js";
import type { WeightSource } from "./format/weights.js";

const LARGE = { hiddenSize: 1024, intermediateSize: 4096, heads: 16, kvHeads: 4, headDim: 64, layers: 24 };
const BESIDE = 450e6;

/** A source of which only the formats are asked. */
const sourceOf = (format: string): WeightSource =>
  ({
    stored: () => ({ format, bytes: 0 }),
    blocks: () => Promise.resolve(undefined),
    rows: () => undefined,
  }) as never;

it("counts the weights as they will be held", async () => {
  const { config: small } = await randomModel();
  const config = { ...small, ...LARGE, vocabSize: 50_000 };
  const shapes = tensorShapes(config);
  const table = 50_000 * 1024;
  const layer = 1024 * (1024 + 2 * 256 + 1024) + 3 * 1024 * 4096;
  const norms = 24 * 2 * 1024 + 1024;
  const { float32, float16, keep } = memoryNeed(sourceOf("Q8_0"), config, shapes);
  // Over 1 GiB: once, and the embeddings' rows stay in their file.
  expect(float32).toBe(BESIDE + 4 * (24 * layer + table + norms));
  expect(float16).toBe(BESIDE + 2 * (24 * layer + table) + 4 * norms);
  expect(keep).toBe(BESIDE + (24 * layer + table) * (1 + 4 / 32) + 4 * norms);
  expect(memoryNeed(sourceOf("F32"), config, shapes)).not.toHaveProperty("keep");
});

it("keeps what would not fit in float32, and says so", () => {
  const sentences: string[] = [];
  const chosen = (free: number) =>
    holdingFor("m.gguf", { float32: 8e9, keep: 1.2e9 }, free, (sentence) => sentences.push(sentence));
  expect(chosen(9e9)).toBe("float32");
  // Neither fits: what was meant is what is refused.
  expect(chosen(1e9)).toBe("float32");
  expect(sentences).toEqual([]);
  expect(chosen(3e9)).toBe("keep");
  expect(sentences).toEqual([
    "m.gguf would need about 8.0 GB of memory in float32, and 3.0 GB are free: its weights are kept as they are stored (1.2 GB, the same values).",
  ]);
  expect(holdingFor("m", { float32: 8e9 }, 3e9)).toBe("float32");
});

it("refuses what does not fit, and names what would", async () => {
  const need = { float32: 8.04e9, keep: 1.2e9, int8: 4e9, int4: 2.5e9 };
  expect(() => checkFits("m.gguf", need, "float32", 8.1e9)).not.toThrow();
  expect(() => checkFits("m.gguf", need, "float32", 3e9)).toThrow(
    'm.gguf needs about 8.0 GB of memory in float32, and 3.0 GB are free (keep needs 1.2 GB, int4 needs 2.5 GB); hold it another way (quantize: "keep" or "int4").',
  );
  expect(() => checkFits("m.gguf", need, "keep", 1e9)).toThrow(
    "m.gguf needs about 1.2 GB of memory kept as it is stored, and 1.0 GB are free; use a smaller model, or free some memory.",
  );
  const path = join(testdata, "gguf", "tiny-gqa.gguf");
  await expect(loadModel(path, { memory: 1e6 })).rejects.toThrow(/tiny-gqa\.gguf needs about 0\.2 GB/);
  expect((await inspectModel(path)).need.float32).toBeLessThan(BESIDE / 2);
});

it("counts a rounded model's unrounded self beside it, and the runtime once", async () => {
  const { config: small } = await randomModel();
  const config = { ...small, ...LARGE, vocabSize: 50_000 };
  const shapes = tensorShapes(config);
  const kept = memoryNeed(sourceOf("Q8_0"), config, shapes);
  const both = needForExactChoice(kept, shapes);
  // As the file has it takes less than float32.
  expect(both.int8).toBe(kept.int8! + kept.keep! - BESIDE);
  expect(both.int4).toBe(kept.int4! + kept.keep! - BESIDE);
  expect(both.keepa8).toBe(2 * kept.keep! - BESIDE);
  expect(both).toMatchObject({ float32: kept.float32, keep: kept.keep });
  const float = memoryNeed(sourceOf("F32"), config, shapes);
  expect(needForExactChoice(float, shapes).int8).toBe(float.int8! + float.float32! - BESIDE);
  const path = join(testdata, "gguf", "tiny-gqa.gguf");
  await expect(loadModel(path, { exactChoice: true, quantize: "keep" })).rejects.toThrow(
    /this one is not rounded; leave `exactChoice` out/,
  );
});
