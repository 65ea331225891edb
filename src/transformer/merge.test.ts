import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readGgufHeader } from "./format/gguf/header.js";
import { readGgufTensor } from "./format/gguf/weights.js";
import { writeGgufLora } from "./format/gguf/write-lora.js";
import { writeMerged } from "./merge.js";
import { loadModel } from "./model.js";
import { Runtime } from "./runtime.js";
import { goldenAdapter, testdata, tinyAdapter, tinyModel } from "./tiny-models.test-helper.js";

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "whetstone-export-"))));
afterAll(() => rmSync(folder, { recursive: true }));

it.each([1 << 30, 20_000])(
  "merges into a folder that gives peft's logits, in files of at most %i bytes",
  async (bytes) => {
    const target = join(folder, `merged-${bytes}`);
    const base = await loadModel(join(testdata, "gguf", "tiny-gqa.gguf"));
    await writeMerged(target, base, await tinyAdapter(), bytes);
    const model = await loadModel(target);
    expect(model.config).toEqual(base.config);
    expect(readdirSync(target).filter((name) => name.endsWith(".safetensors")).length > 1).toBe(
      bytes < 80_000,
    );
    expect(model.tokenizer.encode("The answer is 42 .", { addSpecialTokens: true })).toEqual(
      base.tokenizer.encode("The answer is 42 .", { addSpecialTokens: true }),
    );
    const runtime = new Runtime(model, { threads: 1 });
    try {
      for (const { tokens, logits } of (await goldenAdapter()).rows.slice(1)) {
        const [first, ...rest] = tokens;
        const [scored] = await runtime.score([{ prompt: [first!], response: rest }]);
        rest.forEach((token, i) => {
          const row = logits[i]!;
          const expected = row[token]! - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
          expect(scored!.logProbs[i]).toBeCloseTo(expected, 4);
        });
      }
    } finally {
      await runtime.dispose();
    }
  },
);

it("writes llama.cpp's LoRA: A as it is, B of queries and keys in llama.cpp's order of rows", async () => {
  const adapter = await tinyAdapter();
  const { config } = await tinyModel("tiny-gqa");
  const path = join(folder, "lora.gguf");
  await writeGgufLora(path, adapter, config);
  const header = await readGgufHeader(path);
  expect(Object.fromEntries([...header.metadata].filter(([key]) => key.includes(".")))).toEqual({
    "general.architecture": "llama",
    "general.type": "adapter",
    "adapter.type": "lora",
    "adapter.lora.alpha": adapter.alpha,
  });
  expect(header.tensors.size).toBe(2 * adapter.weights.size);
  const module = [...adapter.weights.keys()].find((name) => name.endsWith("q_proj"))!;
  const { a, b, outFeatures } = adapter.weights.get(module)!;
  const read = (side: string) =>
    readGgufTensor(header, `blk.${module.split(".")[2]}.attn_q.weight.lora_${side}`);
  expect((await read("a"))!.data).toEqual(a);
  const ours = (await read("b"))!.data;
  const { rank } = adapter;
  const d = outFeatures / config.heads;
  const row = (data: Float32Array, i: number) => [...data.subarray(i * rank, (i + 1) * rank)];
  // As the converter of llama.cpp does: [heads, 2, d/2] transposed to [heads, d/2, 2].
  for (let head = 0; head < config.heads; head++) {
    for (let half = 0; half < 2; half++) {
      for (let i = 0; i < d / 2; i++)
        expect(row(ours, head * d + 2 * i + half)).toEqual(row(b, head * d + half * (d / 2) + i));
    }
  }
});

it("refuses an adapter of another model, by the linear that does not fit", async () => {
  const adapter = await tinyAdapter();
  const base = await loadModel(join(import.meta.dirname, "..", "..", "models", "game24"));
  await expect(writeMerged(join(folder, "other"), base, adapter)).rejects.toThrow(
    /the adapter changes model\.layers\.0\.\S+ with .* it is an adapter of another model/,
  );
});
