/**
 * One process takes a LoRA step on each batch of a file (given.mjs; with `"steps": "mixed"` on those), after two to warm up, and prints a
 * line of JSON. Tokens are those of prompts and responses.
 */
import { readFileSync } from "node:fs";
import { randomStream } from "../dist/core/random.js";
import { LocalPolicy } from "../dist/index.js";
import { newAdapter } from "../dist/transformer/decoder/lora.js";
import { Trainer } from "../dist/transformer/train/trainer.js";

const { model, given: file, threads, steps = "batches" } = JSON.parse(process.argv[2] ?? "{}");
/** @type {import("./given.mjs").Given["batches"]} */
const batches = JSON.parse(readFileSync(file, "utf8"))[steps];
const { runtime } = await LocalPolicy.load(model, { threads });
const { config, held, weights } = runtime.model;
const adapter = newAdapter(config, { rank: 16 }, randomStream(1, "bench adapter"));
const maxLength = Math.max(...batches.flat().map(({ prompt, response }) => prompt.length + response.length));
const trainer = await Trainer.lora(runtime.engine, config, held ?? weights, adapter, {
  ...{ maxLength, clipNorm: 1 },
  ...runtime.forTraining,
});
const step = async (/** @type {typeof batches[number]} */ chosen) => {
  const learned = chosen.reduce((sum, { response }) => sum + response.length, 0);
  await trainer.step(
    chosen,
    chosen.map(() => 1 / learned),
    1e-4,
  );
};
await step(batches[0] ?? []);
await step(batches.at(-1) ?? []);
const started = performance.now();
for (const each of batches) await step(each);
const seconds = (performance.now() - started) / 1000;
await runtime.dispose();
const tokens = batches.flat().reduce((sum, { prompt, response }) => sum + prompt.length + response.length, 0);
const peakBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ tokensPerSecond: tokens / seconds, tokens, peakBytes }));
