/**
 * `npm run bench:gpu`: what a GPU that WebGPU can use does beside the CPU, on a machine that has one: how far its numbers are from the
 * CPU's, whether it chooses as the CPU does, tokens per second of sampling and of training, and memory. It needs no network: SmolLM2 has random
 * weights where it was not fetched. The last line of stdout is JSON; the status is 1 where the numbers or the choices differ.
 */
import { spawnSync } from "node:child_process";
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { randomStream } from "../dist/core/random.js";
import { Engine } from "../dist/graph/index.js";
import { LocalPolicy } from "../dist/policy/local-policy.js";
import { modelFolder } from "../dist/policy/model-folder.js";
import { rewardNamed } from "../dist/reward/registry.js";
import { bestOfN } from "../dist/sharpen/best-of-n.js";
import { findTask } from "../dist/task/registry.js";
import { newAdapter } from "../dist/transformer/decoder/lora.js";
import { Trainer } from "../dist/transformer/train/trainer.js";
import { spread } from "./processes.mjs";
import { embeddedModel, runtimeOf, smolLM2 } from "./shapes.mjs";

/** @typedef {import("../dist/graph/index.js").DeviceName} DeviceName */
/** @typedef {import("./shapes.mjs").BenchModel} BenchModel */

/** How far log π of a token, and scores that are called equal, may be apart, in nats; and gradients, of a tensor's largest. */
const [TOLERANCE, NEAR_TIE] = [1e-3, 1e-4];
/** @type {readonly DeviceName[]} */
const DEVICES = ["cpu", "webgpu"];
const { values } = parseArgs({
  options: {
    models: { type: "string", default: "embedded,smollm2" },
    puzzles: { type: "string", default: "100" },
    rows: { type: "string", default: "48" },
    prompt: { type: "string", default: "32" },
    tokens: { type: "string", default: "64" },
    batch: { type: "string", default: "4" },
    repeats: { type: "string", default: "3" },
  },
});
const [puzzles, rows, batch] = [Number(values.puzzles), Number(values.rows), Number(values.batch)];
const [promptTokens, newTokens, repeats] = [
  Number(values.prompt),
  Number(values.tokens),
  Number(values.repeats),
];
const MODELS = { embedded: embeddedModel, smollm2: smolLM2 };
const asked = /** @type {(keyof typeof MODELS)[]} */ (values.models.split(","));

/** What the system's own tools call the graphics adapters: ONNX Runtime does not tell which it has taken. */
function adapters() {
  /** @type {readonly (readonly [program: string, args: readonly string[], line: RegExp])[]} */
  const tools = [
    ["nvidia-smi", ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"], /^(.+)$/gm],
    ["vulkaninfo", ["--summary"], /deviceName\s*=\s*(.+)$/gm],
    ["system_profiler", ["SPDisplaysDataType"], /Chipset Model:\s*(.+)$/gm],
  ];
  for (const [program, args, line] of tools) {
    const { status, stdout } = spawnSync(program, args, { encoding: "utf8" });
    const names = status === 0 ? [...stdout.matchAll(line)].map(([, name]) => name) : [];
    if (names.length > 0) return `${names.join("; ")} (${program})`;
  }
  return "not told by nvidia-smi, vulkaninfo or system_profiler";
}

/** Megabytes of the GPU's memory that this process has, where NVIDIA's tool tells. */
function gpuMegabytes() {
  const query = ["--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"];
  const { status, stdout } = spawnSync("nvidia-smi", query, { encoding: "utf8" });
  const own = status === 0 ? new RegExp(`^${process.pid}, (\\d+)$`, "m").exec(stdout)?.[1] : undefined;
  return own === undefined ? undefined : Number(own);
}

/** @template T @param {(device: DeviceName) => Promise<T>} work */
async function onEach(work) {
  return { cpu: await work("cpu"), webgpu: await work("webgpu") };
}

/** Sequences of random tokens, the last of which are a response. @param {BenchModel} model */
function sequences({ config }) {
  const stream = randomStream(1, "gpu check");
  return Array.from({ length: batch }, () => {
    const ids = Array.from({ length: promptTokens + newTokens }, () => stream.integer(config.vocabSize));
    return { prompt: ids.slice(0, promptTokens), response: ids.slice(promptTokens) };
  });
}

/** The largest difference of log π of a token between the devices, in nats. @param {BenchModel} model */
async function numbers(model) {
  const { cpu, webgpu } = await onEach(async (device) => {
    const runtime = runtimeOf(model, { device });
    const scored = await runtime.score(sequences(model));
    await runtime.dispose();
    return scored.flatMap(({ logProbs }) => [...logProbs]);
  });
  return {
    tokens: cpu.length,
    largestDifference: Math.max(...cpu.map((x, i) => Math.abs(x - (webgpu[i] ?? NaN)))),
  };
}

/** Tokens a second of `rows` responses to one prompt, the devices in turn. @param {BenchModel} model */
async function sampling(model) {
  const [{ prompt = [] } = {}] = sequences(model);
  const requests = Array.from({ length: rows }, (_, index) => ({ tag: index, prompt, promptKey: 1, index }));
  const opened = await onEach(async (device) => runtimeOf(model, { device }));
  /** @type {Record<DeviceName, number[]>} */
  const rates = { cpu: [], webgpu: [] };
  const draw = async (/** @type {DeviceName} */ device, /** @type {number} */ maxTokens) => {
    let drawn = 0;
    const options = { temperature: 1, maxTokens, seed: 1, rows };
    for await (const { tokens } of opened[device].draw(requests, options)) drawn += tokens.length;
    return drawn;
  };
  for (const device of DEVICES) await draw(device, 2);
  for (let repeat = 0; repeat < repeats; repeat++)
    for (const device of DEVICES) {
      const start = performance.now();
      rates[device].push((1000 * (await draw(device, newTokens))) / (performance.now() - start));
    }
  const memory = gpuMegabytes();
  const { up, down } = await opened.webgpu.engine.crossed();
  const tokens = rows * (2 + repeats * newTokens);
  for (const device of DEVICES) await opened[device].dispose();
  return {
    cpu: spread(rates.cpu).median,
    webgpu: spread(rates.webgpu).median,
    bytesPerToken: { up: up / tokens, down: down / tokens },
    ...(memory !== undefined && { gpuMegabytes: memory }),
  };
}

/** Tokens a second of steps of LoRA, and the largest relative difference of a gradient. @param {BenchModel} model */
async function training(model) {
  const pairs = sequences(model);
  const weights = pairs.map(() => 1 / (batch * newTokens));
  const { cpu, webgpu } = await onEach(async (device) => {
    const engine = new Engine({ device });
    const stream = randomStream(1, "gpu check adapter");
    const adapter = newAdapter(model.config, { rank: 8 }, stream);
    // B is zero at first, and with it every gradient of A.
    for (const { b } of adapter.weights.values()) b.forEach((_, i) => (b[i] = 0.05 * (stream.next() - 0.5)));
    const trainer = await Trainer.lora(engine, model.config, model.weights, adapter, {
      ...{ maxLength: promptTokens + newTokens, clipNorm: 1 },
    });
    const { gradients } = await trainer.gradients(pairs, weights);
    await trainer.step(pairs, weights, 1e-4);
    const seconds = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      const start = performance.now();
      await trainer.step(pairs, weights, 1e-4);
      seconds.push((performance.now() - start) / 1000);
    }
    await engine.dispose();
    return { gradients, tokensPerSecond: (batch * (promptTokens + newTokens)) / spread(seconds).median };
  });
  const relative = cpu.gradients.map((gradient, i) => {
    const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const other = webgpu.gradients[i];
    return (
      gradient.reduce((most, value, at) => Math.max(most, Math.abs(value - (other?.[at] ?? NaN))), 0) /
      largest
    );
  });
  return {
    ...{ cpu: cpu.tokensPerSecond, webgpu: webgpu.tokensPerSecond },
    largestRelativeGradientDifference: Math.max(...relative),
  };
}

/** Whether best-of-8 on Game of 24 is the same on both, and by how much the scores of what differs are apart. */
async function choices() {
  const task = await findTask("game24");
  const prompts = task.prompts("test").slice(0, puzzles);
  const { cpu, webgpu } = await onEach(async (device) => {
    const policy = await LocalPolicy.load(modelFolder("game24"), { device });
    const chosen = new Map();
    const options = { reward: rewardNamed("log-likelihood"), n: 8, keepAll: true };
    for await (const best of bestOfN(policy, prompts, {
      ...options,
      temperature: 1,
      maxTokens: task.maxTokens,
      seed: 3,
    }))
      chosen.set(best.prompt.id, best);
    await policy.dispose();
    return chosen;
  });
  const different = prompts.flatMap(({ id }) => {
    const [a, b] = [cpu.get(id), webgpu.get(id)];
    if (a.chosen.text === b.chosen.text) return [];
    const of = (/** @type {typeof a} */ best) => Math.max(...best.scores);
    return [{ id, cpu: a.chosen.text, webgpu: b.chosen.text, apart: Math.abs(of(a) - of(b)) }];
  });
  const nearTies = different.filter(({ apart }) => apart <= NEAR_TIE);
  return {
    puzzles: prompts.length,
    equal: prompts.length - different.length,
    nearTies: nearTies.length,
    different,
  };
}

const machine = `${availableParallelism()} cores of ${cpus()[0]?.model.trim()}, Node ${process.version}`;
const found = adapters();
console.log(`Machine: ${machine}\nAdapters: ${found}`);
/** @type {Record<string, object>} */
const models = {};
let right = true;
for (const name of asked) {
  const open = MODELS[name];
  if (!open) throw new Error(`There is no model "${name}": choose of ${Object.keys(MODELS).join(", ")}.`);
  const model = await open();
  const apart = await numbers(model);
  console.log(
    `${model.source}: log π of ${apart.tokens} tokens differs by at most ${apart.largestDifference.toExponential(1)} nats`,
  );
  const drawn = await sampling(model);
  console.log(
    `  sampling, ${rows} rows: ${drawn.cpu.toFixed(0)} tokens/s on the CPU, ${drawn.webgpu.toFixed(0)} on the GPU, to and ` +
      `from which ${drawn.bytesPerToken.up.toFixed(0)} and ${drawn.bytesPerToken.down.toFixed(0)} bytes a token went`,
  );
  const trained = await training(model);
  const gradient = trained.largestRelativeGradientDifference;
  console.log(
    `  LoRA, B = ${batch}: ${trained.cpu.toFixed(0)} tokens/s on the CPU, ${trained.webgpu.toFixed(0)} on the GPU; gradients differ by at ` +
      `most ${gradient.toExponential(1)} of a tensor's largest`,
  );
  right &&= apart.largestDifference <= TOLERANCE && gradient <= TOLERANCE;
  models[name] = { source: model.source, numbers: apart, sampling: drawn, training: trained };
}
const chosen = await choices();
console.log(
  `best-of-8 on Game of 24: the same choice on ${chosen.equal} of ${chosen.puzzles} puzzles; ${chosen.nearTies} of the others near-ties`,
);
for (const { id, apart } of chosen.different) console.log(`  ${id}: scores ${apart.toExponential(1)} apart`);
right &&= chosen.different.length === chosen.nearTies;
const peak = (process.resourceUsage().maxRSS * 1024) / 1e9;
console.log(`Peak memory of the process: ${peak.toFixed(2)} GB`);
console.log(
  JSON.stringify({ machine, adapters: found, models, choices: chosen, peakGigabytes: peak, right }),
);
if (!right) process.exitCode = 1;
