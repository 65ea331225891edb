/**
 * One process draws `n` responses of `tokens` tokens to a prompt of `prompt` tokens, and prints a line of JSON: `node
 * bench/draw.mjs '{"model":"qwen","quantize":"keep","n":50,"prompt":100,"tokens":64}'`. Responses have no end token, as the peers' have
 * none. The seconds leave out loading and one draw to warm up; those to the first token begin when the libraries are loaded.
 */
import { randomStream } from "../dist/core/random.js";
import { loadModel } from "../dist/transformer/model.js";
import { Runtime } from "../dist/transformer/runtime.js";
import { realModelPath } from "../scripts/fetch-model.mjs";

const {
  model: name,
  quantize,
  n,
  prompt: promptTokens,
  tokens,
  threads,
} = JSON.parse(process.argv[2] ?? "{}");
const started = performance.now();
const seconds = () => (performance.now() - started) / 1000;
const path = ["smollm2", "qwen", "gemma"].includes(name) ? realModelPath(name) : name;
const model = await loadModel(path, { quantize });
const config = { ...model.config, eosTokenIds: [] };
const runtime = new Runtime({ ...model, config }, { threads });
const stream = randomStream(1, "bench prompts");
const prompt = Array.from({ length: promptTokens }, () => stream.integer(config.vocabSize));
const draw = async (/** @type {number} */ count, /** @type {number} */ maxTokens) => {
  const requests = Array.from({ length: count }, (_, index) => ({ tag: index, prompt, promptKey: 1, index }));
  const options = { temperature: 1, maxTokens, seed: 1, rows: Math.max(48, Math.min(count, 128)) };
  let drawn = 0;
  for await (const response of runtime.draw(requests, options)) drawn += response.tokens.length;
  return drawn;
};
await draw(1, 1);
const firstTokenSeconds = seconds();
await draw(n, 2);
const before = seconds();
const drawn = await draw(n, tokens);
const taken = seconds() - before;
await runtime.dispose();
console.log(
  JSON.stringify({
    tokensPerSecond: drawn / taken,
    firstTokenSeconds,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  }),
);
