/**
 * One process draws eight responses of up to 64 tokens to each of six of a file's prompts (given.mjs) with a model that is rounded to eight
 * bits, or as `quantize` and `kvCache` say, scores them in float32, and prints KL(rounded ‖ float32) in nats a token with its 95 % interval, as a line of JSON.
 */
import { readFileSync } from "node:fs";
import { quantizationError } from "../dist/evaluate/quantization.js";
import { LocalPolicy } from "../dist/index.js";

const { model, given: file, threads, quantize = "int8", kvCache } = JSON.parse(process.argv[2] ?? "{}");
/** @type {import("./given.mjs").Given} */
const { prompts } = JSON.parse(readFileSync(file, "utf8"));
const requests = prompts
  .slice(0, 6)
  .flatMap((prompt) => Array.from({ length: 8 }, (_, index) => ({ prompt, index })));
const rounded = await LocalPolicy.load(model, { threads, quantize, kvCache });
const drawn = [];
for await (const response of rounded.sample(requests, { temperature: 1, maxTokens: 64, seed: 1 })) {
  const prompt = prompts.find(({ id }) => id === response.promptId);
  if (prompt) drawn.push({ prompt, response });
}
await rounded.dispose();
const float = await LocalPolicy.load(model, { threads });
const { divergence, tokens } = await quantizationError(quantize, float, drawn, true);
await float.dispose();
const { value, low, high } = divergence?.kl ?? { value: NaN, low: NaN, high: NaN };
const peakBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ kl: value, range: [low, high], tokens, peakBytes }));
