/**
 * `npm run bench:memory -- <model> [--quantize keep]`: one process loads a model and draws 16 responses of 128 tokens to a prompt of
 * 300; prints one line of JSON with the peak of its resident memory, what it may be at most (1.3 × the weights as they are held,
 * and 600 MB), the seconds from the file to the first token, and tokens per second. The model is a path, the name of one that was
 * fetched (smollm2, qwen, gemma), or of a shape (`npm run bench:shape`).
 */
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { LocalPolicy } from "../dist/policy/local-policy.js";
import { randomStream } from "../dist/core/random.js";
import { fetchRealModel } from "../scripts/fetch-model.mjs";
import { shapeFile } from "./shape-file.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quantize: { type: "string" },
    n: { type: "string", default: "16" },
    prompt: { type: "string", default: "300" },
    tokens: { type: "string", default: "128" },
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
const policy = await LocalPolicy.load(path, { quantize });
const { config, held, weights, quantized } = policy.runtime.model;
const loaded = { seconds: seconds(), peak: peakBytes() };
const stream = randomStream(1, "bench prompts");
const prompt = Array.from({ length: promptTokens ?? 0 }, () => stream.integer(config.vocabSize));
const draw = async (/** @type {number} */ count, /** @type {number} */ tokens) => {
  const requests = Array.from({ length: count }, (_, index) => ({ tag: index, prompt, promptKey: 1, index }));
  let drawn = 0;
  const options = { temperature: 1, maxTokens: tokens, seed: 1, rows: Math.max(48, count) };
  for await (const response of policy.runtime.draw(requests, options)) drawn += response.tokens.length;
  return drawn;
};
await draw(1, 1);
const firstToken = seconds();
const before = seconds();
const drawn = await draw(n ?? 0, maxTokens ?? 0);
const drawing = seconds() - before;
const inMemory = [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
const inBlocks = [...(quantized ?? [])].reduce(
  (sum, [, { packed, scales }]) => sum + packed.byteLength + scales.byteLength,
  0,
);
const heldBytes = held?.bytes ?? inMemory + inBlocks;
await policy.dispose();
console.log(
  JSON.stringify({
    model: path,
    quantize: quantize ?? "float32",
    heldBytes,
    loadedSeconds: loaded.seconds,
    loadedPeakBytes: loaded.peak,
    firstTokenSeconds: firstToken,
    tokensPerSecond: drawn / drawing,
    tokens: drawn,
    peakBytes: peakBytes(),
    allowedBytes: 1.3 * heldBytes + 600e6,
  }),
);
