/**
 * `npm run bench:memory -- <model> [--quantize keep] [--kv-cache float16]`: one process loads a model and draws 16 responses of 128 tokens to a prompt of
 * 300; prints one line of JSON with the peak of its resident memory, what it may be at most (1.3 × the weights as they are held,
 * and 600 MB), the seconds from the file to the first token, and tokens per second. The model is a path, the name of one that was
 * fetched (smollm2, qwen, gemma), or of a shape (`npm run bench:shape`). With `--train` it takes three steps of LoRA in place of drawing, on
 * `--batch` sequences of `--length` tokens of which the last half is learned; `--checkpointing` as the command line has it.
 */
import { basename } from "node:path";
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { LocalPolicy } from "../dist/policy/local-policy.js";
import { randomStream } from "../dist/core/random.js";
import { newAdapter } from "../dist/transformer/decoder/lora.js";
import { Trainer } from "../dist/transformer/train/trainer.js";
import { fetchRealModel } from "../scripts/fetch-model.mjs";
import { shapeFile } from "./shape-file.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quantize: { type: "string" },
    "kv-cache": { type: "string" },
    n: { type: "string", default: "16" },
    prompt: { type: "string", default: "300" },
    tokens: { type: "string", default: "128" },
    train: { type: "boolean", default: false },
    batch: { type: "string", default: "4" },
    length: { type: "string", default: "128" },
    checkpointing: { type: "boolean" },
    memory: { type: "string" },
  },
});
const [model = ""] = positionals;
const [n, promptTokens, maxTokens] = [values.n, values.prompt, values.tokens].map(Number);
const REAL = /** @type {const} */ (["smollm2", "qwen", "gemma"]);
const real = REAL.find((name) => name === model);
const path = real ? await fetchRealModel(real) : existsSync(model) ? model : await shapeFile(model);
const quantize = /** @type {"keep" | "int8" | "int4" | undefined} */ (values.quantize);

/** The process's own peak where the system tells it, else what libuv knows. */
function peakBytes() {
  const status = existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "utf8") : "";
  const kilobytes = /VmHWM:\s+(\d+)/.exec(status)?.[1] ?? process.resourceUsage().maxRSS;
  return Number(kilobytes) * 1024;
}

const started = performance.now();
const seconds = () => (performance.now() - started) / 1000;
const policy = await LocalPolicy.load(path, {
  ...{ quantize, checkpointing: values.checkpointing },
  kvCache: /** @type {"float16" | "float32" | undefined} */ (values["kv-cache"]),
  ...(values.memory !== undefined && { memory: Number(values.memory) * 1e9 }),
});
const { config, held, weights, quantized } = policy.runtime.model;
const loaded = { seconds: seconds(), peak: peakBytes() };
const stream = randomStream(1, "bench prompts");
const inMemory = [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
const inBlocks = [...(quantized ?? [])].reduce(
  (sum, [, matrix]) =>
    sum + ("bytes" in matrix ? matrix.bytes : matrix.packed).byteLength + matrix.scales.byteLength,
  0,
);
const heldBytes = held?.bytes ?? inMemory + inBlocks;
const done = values.train ? await train() : await draw();
await policy.dispose();
console.log(
  JSON.stringify({
    model: basename(path),
    quantize: quantize ?? "float32",
    heldBytes,
    loadedSeconds: loaded.seconds,
    loadedPeakBytes: loaded.peak,
    ...done,
    peakBytes: peakBytes(),
    ...(!values.train && { allowedBytes: 1.3 * heldBytes + 600e6 }),
  }),
);

async function draw() {
  const prompt = Array.from({ length: promptTokens ?? 0 }, () => stream.integer(config.vocabSize));
  const some = async (/** @type {number} */ count, /** @type {number} */ tokens) => {
    const requests = Array.from({ length: count }, (_, index) => ({
      tag: index,
      prompt,
      promptKey: 1,
      index,
    }));
    let drawn = 0;
    const options = { temperature: 1, maxTokens: tokens, seed: 1, rows: Math.max(48, count) };
    for await (const response of policy.runtime.draw(requests, options)) drawn += response.tokens.length;
    return drawn;
  };
  await some(1, 1);
  const firstTokenSeconds = seconds();
  const tokens = await some(n ?? 0, maxTokens ?? 0);
  return { firstTokenSeconds, tokensPerSecond: tokens / (seconds() - firstTokenSeconds), tokens };
}

async function train() {
  const [batch, length] = [Number(values.batch), Number(values.length)];
  const { runtime } = policy;
  const adapter = newAdapter(config, { rank: 16 }, randomStream(1, "bench adapter"));
  const trainer = await Trainer.lora(runtime.engine, config, held ?? weights, adapter, {
    ...{ maxLength: length + 1, clipNorm: 1 },
    ...runtime.forTraining,
  });
  const pairs = Array.from({ length: batch }, () => {
    const ids = Array.from({ length: length + 1 }, () => stream.integer(config.vocabSize));
    return { prompt: ids.slice(0, length / 2), response: ids.slice(length / 2) };
  });
  const tokenWeights = pairs.map(() => 1 / (batch * length));
  const startSeconds = seconds();
  const steps = [];
  for (let step = 0; step < 3; step++) {
    const before = seconds();
    await trainer.step(pairs, tokenWeights, 1e-4);
    steps.push(seconds() - before);
  }
  return {
    batch,
    length,
    checkpointing: values.checkpointing ?? "by itself",
    startSeconds,
    stepSeconds: steps,
  };
}
