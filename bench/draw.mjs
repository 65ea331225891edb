/**
 * One process draws `n` responses of `tokens` tokens to a prompt of `prompt` tokens, and prints a line of JSON: `node
 * bench/draw.mjs '{"model":"qwen","quantize":"keep","n":50,"prompt":100,"tokens":64}'`. Responses have no end token, as the peers' have
 * none. The seconds leave out loading and one draw to warm up; those to the first token begin when the libraries are loaded. With 0 tokens there is
 * the first one alone. `"kvCache":"float16"` holds keys and values so. With `"lone":true` a response that is
 * alone is drawn in one row. With `"apart":true` the pass over the prompt is told apart: `promptTokensPerSecond`, and the rest without it.
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
  kvCache,
  apart = false,
  lone = false,
} = JSON.parse(process.argv[2] ?? "{}");
const started = performance.now();
const seconds = () => (performance.now() - started) / 1000;
const path = ["smollm2", "qwen", "gemma"].includes(name) ? realModelPath(name) : name;
const model = await loadModel(path, { quantize });
const config = { ...model.config, eosTokenIds: [] };
const runtime = new Runtime({ ...model, config }, { threads, kvCache, loneRow: lone });
const stream = randomStream(1, "bench prompts");
const prompt = Array.from({ length: promptTokens }, () => stream.integer(config.vocabSize));
/** When the last draw had its first tokens. @type {number | undefined} */
let firstToken;
const draw = async (/** @type {number} */ count, /** @type {number} */ maxTokens, of = prompt) => {
  const requests = Array.from({ length: count }, (_, index) => ({
    tag: index,
    prompt: of,
    promptKey: 1,
    index,
  }));
  firstToken = undefined;
  const watch = () => void (firstToken ??= seconds());
  const options = { temperature: 1, maxTokens, seed: 1, rows: Math.max(48, Math.min(count, 128)), watch };
  let drawn = 0;
  // As of a server, whose requests come in time.
  async function* asked() {
    yield* requests;
  }
  for await (const response of runtime.draw(lone ? asked() : requests, options))
    drawn += response.tokens.length;
  return drawn;
};
/** @param {() => Promise<unknown>} work */
const timed = async (work) => {
  const before = seconds();
  await work();
  return seconds() - before;
};

/** Whole draws, after one to warm up. */
async function whole() {
  await draw(n, 2);
  const taken = await timed(() => draw(n, tokens));
  return { tokensPerSecond: (n * tokens) / taken };
}

/** The prompt's pass apart from the steps after it. */
async function inParts() {
  await draw(n, 2, prompt.slice(0, 100));
  const before = seconds();
  await draw(n, tokens);
  const [first, rest] = [(firstToken ?? NaN) - before, seconds() - (firstToken ?? NaN)];
  return { promptTokensPerSecond: promptTokens / first, tokensPerSecond: (n * (tokens - 1)) / rest };
}

// A prompt is a text: the tokenizer is built, as it is for whoever asks, while the first graph is compiled.
runtime.prepare({});
model.tokenizer.encode("The quick brown fox jumps over the lazy dog.", { addSpecialTokens: true });
await draw(1, 1, apart ? prompt.slice(0, 100) : prompt);
const firstTokenSeconds = seconds();
const drawn = tokens === 0 ? {} : await (apart ? inParts() : whole());
await runtime.dispose();
console.log(
  JSON.stringify({ ...drawn, firstTokenSeconds, peakBytes: process.resourceUsage().maxRSS * 1024 }),
);
