/** One process computes log π of a file's responses (given.mjs), after two to warm up, and prints a line of JSON. Tokens are those of prompts and responses. */
import { readFileSync } from "node:fs";
import { LocalPolicy } from "../dist/index.js";

const { model, given: file, threads } = JSON.parse(process.argv[2] ?? "{}");
/** @type {import("./given.mjs").Given} */
const { pairs, each } = JSON.parse(readFileSync(file, "utf8"));
const { runtime } = await LocalPolicy.load(model, { threads });
await runtime.score(pairs.slice(0, 2));
const started = performance.now();
const scored = await runtime.score(pairs);
const seconds = (performance.now() - started) / 1000;
await runtime.dispose();
const sums = scored.map(({ logProbs }) => logProbs.reduce((sum, value) => sum + value, 0));
const best = Array.from({ length: sums.length / each }, (_, i) => {
  const own = sums.slice(i * each, (i + 1) * each);
  return own.indexOf(Math.max(...own));
});
const tokens = pairs.reduce((sum, { prompt, response }) => sum + prompt.length + response.length, 0);
const peakBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ tokensPerSecond: tokens / seconds, tokens, sums, best, peakBytes }));
