/**
 * One process chooses the best of `n` responses by log-likelihood to a repeat's share of the prompts of a file (given.mjs), with pruning or
 * without (`keepAll`), and prints a line of JSON. The seconds are of the wall, without loading and a draw to warm up.
 */
import { readFileSync } from "node:fs";
import { bestOfN, LocalPolicy, rewardNamed } from "../dist/index.js";

const { model, given: file, repeat, n, keepAll, threads } = JSON.parse(process.argv[2] ?? "{}");
/** @type {import("./given.mjs").Given} */
const given = JSON.parse(readFileSync(file, "utf8"));
const { promptsEach, maxTokens } = given;
const prompts = given.prompts.slice(repeat * promptsEach, (repeat + 1) * promptsEach);
const policy = await LocalPolicy.load(model, { threads });
const options = { reward: rewardNamed("log-likelihood"), n, temperature: 1, maxTokens, seed: 1, keepAll };
for await (const _ of bestOfN(policy, prompts.slice(0, 1), { ...options, n: 2, maxTokens: 2 }));
let tokens = 0;
/** @type {Record<string, number>} */
const chosen = {};
const started = performance.now();
for await (const best of bestOfN(policy, prompts, options)) {
  tokens += best.tokens;
  chosen[best.prompt.id] = best.chosen.index;
}
const seconds = (performance.now() - started) / 1000;
await policy.dispose();
const peakBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ secondsEach: seconds / prompts.length, tokens, chosen, peakBytes }));
