/**
 * Measures one case and prints one line of JSON: `node bench/measure.mjs <case> <repeats>`. The seconds leave out what
 * happens once (weights, compilation, one run to warm up); the memory is the process's peak and leaves out nothing.
 */
import { hash32, randomStream } from "../dist/core/random.js";
import { Engine } from "../dist/graph/index.js";
import { LocalPolicy } from "../dist/policy/local-policy.js";
import { newAdapter } from "../dist/transformer/decoder/lora.js";
import { Trainer } from "../dist/transformer/train/trainer.js";
import { CASES } from "./cases.mjs";
import { realModelPath } from "../scripts/fetch-model.mjs";
import { embeddedModel, runtimeOf, smolLM2 } from "./shapes.mjs";

/** @typedef {import("./shapes.mjs").BenchModel} BenchModel */
/** @typedef {{ readonly tokens: number, readonly seconds: readonly number[], readonly setupSeconds: number }} Timing */

/**
 * @param {() => Promise<void>} run
 * @param {number} repeats
 */
async function time(run, repeats) {
  const seconds = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await run();
    seconds.push((performance.now() - start) / 1000);
  }
  return seconds;
}

/**
 * @param {BenchModel} model
 * @param {import("./cases.mjs").SamplerWork} work
 * @param {number} repeats
 * @returns {Promise<Timing>}
 */
async function measureSampler(model, work, repeats) {
  const { config } = model;
  const started = performance.now();
  const runtime = runtimeOf(model);
  const stream = randomStream(1, "bench prompts");
  const requests = Array.from({ length: work.prompts }, (_, p) => {
    const prompt = Array.from({ length: work.promptTokens }, () => stream.integer(config.vocabSize));
    const promptKey = hash32(`prompt ${p}`);
    return Array.from({ length: work.responses }, (_, index) => ({ tag: index, prompt, promptKey, index }));
  }).flat();
  // As LocalPolicy chooses them.
  const rows = Math.max(48, Math.min(512, Math.floor(65536 / config.hiddenSize)));
  let drawn = 0;
  const draw = async (/** @type {number} */ maxTokens) => {
    for await (const { tokens } of runtime.draw(requests, { temperature: 1, maxTokens, seed: 1, rows }))
      drawn += tokens.length;
  };
  await draw(Math.min(2, work.newTokens));
  const setupSeconds = (performance.now() - started) / 1000;
  drawn = 0;
  const seconds = await time(() => draw(work.newTokens), repeats);
  await runtime.dispose();
  return { tokens: drawn / repeats, seconds, setupSeconds };
}

/**
 * @param {BenchModel} model
 * @param {import("./cases.mjs").TrainerWork} work
 * @param {number} repeats
 * @returns {Promise<Timing>}
 */
async function measureTrainer({ config, weights }, work, repeats) {
  const started = performance.now();
  const engine = new Engine();
  const adapter = newAdapter(config, { rank: work.rank }, randomStream(1, "bench adapter"));
  const trainer = await Trainer.lora(engine, config, weights, adapter, {
    maxLength: work.length + 1,
    clipNorm: 1,
  });
  const stream = randomStream(1, "bench sequences");
  const pairs = Array.from({ length: work.batch }, () => {
    const ids = Array.from({ length: work.length + 1 }, () => stream.integer(config.vocabSize));
    const split = ids.length - work.targets;
    return { prompt: ids.slice(0, split), response: ids.slice(split) };
  });
  const tokenWeights = pairs.map(() => 1 / (work.batch * work.targets));
  const step = async () => void (await trainer.step(pairs, tokenWeights, 1e-4));
  await step();
  await step();
  const setupSeconds = (performance.now() - started) / 1000;
  const seconds = await time(step, repeats);
  await engine.dispose();
  return { tokens: work.batch * work.length, seconds, setupSeconds };
}

/**
 * Once: a second time the process would have its memory already.
 * @param {import("./cases.mjs").FirstTokenWork} work
 * @returns {Promise<Timing>}
 */
async function measureFirstToken({ prompt }) {
  const started = performance.now();
  const policy = await LocalPolicy.load(realModelPath("smollm2"));
  const request = { prompt: { id: "bench", text: prompt }, index: 0 };
  let drawn = 0;
  for await (const { logProbs } of policy.sample([request], { temperature: 1, maxTokens: 1, seed: 1 }))
    drawn += logProbs.length;
  const seconds = (performance.now() - started) / 1000;
  await policy.dispose();
  return { tokens: drawn, seconds: [seconds], setupSeconds: 0 };
}

/**
 * @param {import("./cases.mjs").Case} chosen
 * @param {number} repeats
 */
async function measureCase({ model: kind, work }, repeats) {
  if (work.kind === "first-token") return { ...(await measureFirstToken(work)), source: "" };
  const model = kind === "smollm2" ? await smolLM2() : await embeddedModel();
  const timing =
    work.kind === "sampler"
      ? await measureSampler(model, work, repeats)
      : await measureTrainer(model, work, repeats);
  return { ...timing, source: model.source };
}

const [name, repeats = "3"] = process.argv.slice(2);
const chosen = CASES.find((candidate) => candidate.name === name);
if (!chosen) throw new Error(`There is no case "${name}".`);
const measured = await measureCase(chosen, Number(repeats));
// Kilobytes on every platform, as libuv gives it.
const peakBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ ...measured, peakBytes }));
