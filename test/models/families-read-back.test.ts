/** Every family's config.json, weights and adapters, as whetstone writes them, in Python's transformers and peft. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { randomStream } from "../../src/core/random.js";
import { loadConfig, toHuggingFaceConfig } from "../../src/transformer/families/config.js";
import { newAdapter } from "../../src/transformer/decoder/lora.js";
import { loadAdapter, saveAdapter, type LoraAdapter } from "../../src/transformer/format/peft.js";
import {
  openSafetensors,
  writeSafetensors,
  type FloatTensor,
} from "../../src/transformer/format/safetensors.js";
import { openWeights } from "../../src/transformer/format/weights.js";

const families = join(import.meta.dirname, "..", "..", "src", "transformer", "testdata", "families");
const python = process.env["WHETSTONE_PYTHON"];
const ARCHITECTURES: Readonly<Record<string, string>> = {
  llama3: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
  phi3: "Phi3ForCausalLM",
  "phi4-mini": "Phi3ForCausalLM",
  gemma: "GemmaForCausalLM",
  gemma3: "Gemma3ForCausalLM",
};

interface Answer {
  readonly missing: string[];
  readonly unexpected: string[];
  readonly architecture: string;
  readonly logits: number[][];
  readonly adaptedModules: number;
  readonly adaptedLogits: number[][];
}

/** Writes a model, and its golden adapter or a fresh one, by our own writers. @returns the adapter's modules. */
async function writeModel(name: string, folder: string): Promise<number> {
  await mkdir(folder);
  const source = join(families, name);
  const config = await loadConfig(source);
  await writeFile(join(folder, "config.json"), JSON.stringify(toHuggingFaceConfig(config)));
  const weights = await openWeights(source);
  const tensors = new Map<string, FloatTensor>();
  for (const tensor of weights.names()) tensors.set(tensor, await weights.read(tensor));
  await weights.close();
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  const golden = join(source, "adapter");
  const adapter: LoraAdapter = existsSync(golden)
    ? await loadAdapter(golden)
    : newAdapter(config, { rank: 2 }, randomStream(1, "adapter"));
  await saveAdapter(join(folder, "adapter"), adapter, name);
  return adapter.weights.size;
}

async function goldenTensors(name: string): Promise<ReadonlyMap<string, Float32Array>> {
  const file = await openSafetensors(join(families, name, "golden.safetensors"));
  const tensors = new Map<string, Float32Array>();
  for (const key of file.tensors.keys()) tensors.set(key, (await file.read(key)).data);
  await file.close();
  return tensors;
}

function expectClose(actual: readonly number[], expected: Float32Array): void {
  expect(actual).toHaveLength(expected.length);
  const worst = actual.reduce((max, value, i) => Math.max(max, Math.abs(value - expected[i]!)), 0);
  expect(worst).toBeLessThan(1e-4);
}

test.skipIf(python === undefined)("transformers and peft load every family as we write it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "whetstone-families-"));
  try {
    const names = Object.keys(ARCHITECTURES);
    const modules = new Map<string, number>();
    for (const name of names) modules.set(name, await writeModel(name, join(folder, name)));
    const golden = JSON.parse(await readFile(join(families, "llama3", "golden.json"), "utf8")) as {
      rows: { tokens: number[] }[];
    };
    const child = spawnSync(python!, [join(import.meta.dirname, "families_read_back.py"), folder], {
      input: JSON.stringify({ names, rows: golden.rows.map(({ tokens }) => tokens) }),
      encoding: "utf8",
      maxBuffer: 1 << 28,
      env: { ...process.env, HF_HUB_OFFLINE: "1" },
    });
    expect(child.status, child.stderr).toBe(0);
    const answers = JSON.parse(child.stdout) as Record<string, Answer>;
    for (const name of names) {
      const answer = answers[name]!;
      expect({ name, ...answer }).toMatchObject({
        name,
        missing: [],
        unexpected: [],
        architecture: ARCHITECTURES[name],
        adaptedModules: modules.get(name),
      });
      const tensors = await goldenTensors(name);
      answer.logits.forEach((logits, i) => expectClose(logits, tensors.get(`logits.${i}`)!));
      // A fresh adapter changes nothing.
      answer.adaptedLogits.forEach((logits, i) =>
        expectClose(logits, (tensors.get(`lora.logits.${i}`) ?? tensors.get(`logits.${i}`))!),
      );
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
