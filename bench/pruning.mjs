/**
 * `node bench/pruning.mjs --data gsm8k-test.jsonl --prompts 8 --n 24 --max-tokens 64 --rows 48 --repeats 2`: what pruning saves of tokens, and of time. Best
 * of N on SmolLM2 with and without, in the order full, pruned, pruned, full, …, a reward at a time (`--rewards log-likelihood,majority`);
 * choices that differ are an error. Seconds are of the wall, and of both cores; the last line is JSON. The rows are JSONL with a
 * `question`, asked as the task gsm8k asks it.
 */
import { parseArgs } from "node:util";
import { bestOfN, findTask, LocalPolicy, rewardNamed } from "../dist/index.js";
import { realModelPath } from "../scripts/fetch-model.mjs";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    model: { type: "string", default: "smollm2" },
    quantize: { type: "string" },
    prompts: { type: "string", default: "8" },
    n: { type: "string", default: "24" },
    "max-tokens": { type: "string", default: "64" },
    rows: { type: "string" },
    repeats: { type: "string", default: "2" },
    rewards: { type: "string", default: "log-likelihood,length-normalized,majority" },
  },
});

const rows = values.rows === undefined ? {} : { rows: Number(values.rows) };
const quantize = /** @type {{ quantize?: "int8" }} */ (
  values.quantize === undefined ? {} : { quantize: values.quantize }
);
const policy = await LocalPolicy.load(realModelPath(/** @type {"smollm2"} */ (values.model)), {
  ...rows,
  ...quantize,
});
const task = await findTask("gsm8k", { ...(values.data && { data: values.data }), takes: "both" });
const prompts = task.prompts("test").slice(0, Number(values.prompts));

/**
 * @typedef {{ wall: number, cpu: number, tokens: number, chosen: Map<string, number> }} Drawn
 * @param {string} reward @param {boolean} keepAll @returns {Promise<Drawn>}
 */
async function draw(reward, keepAll) {
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  let tokens = 0;
  const chosen = new Map();
  const extract = (/** @type {string} */ text) => task.extract(text);
  const options = { n: Number(values.n), temperature: 1, maxTokens: Number(values["max-tokens"]), seed: 1 };
  for await (const best of bestOfN(policy, prompts, {
    ...options,
    ...{ reward: rewardNamed(reward), keepAll, extract },
  })) {
    tokens += best.tokens;
    chosen.set(best.prompt.id, best.chosen.index);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { wall: (performance.now() - started) / 1000, cpu: (user + system) / 1e6, tokens, chosen };
}

/** @param {readonly number[]} numbers */
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
/** Of both ways in turn. @param {keyof Omit<Drawn, "chosen">} what @param {readonly Drawn[]} pruned @param {readonly Drawn[]} full */
const saved = (what, pruned, full) =>
  1 - median(pruned.map((each, i) => each[what] / (full[i]?.[what] ?? NaN)));

// Compiles the graphs.
for await (const _ of policy.sample(
  prompts.slice(0, 1).map((prompt) => ({ prompt, index: 0 })),
  {
    temperature: 1,
    maxTokens: 2,
    seed: 1,
  },
));
const results = [];
for (const reward of values.rewards.split(",")) {
  /** @type {{ full: Drawn[], pruned: Drawn[] }} */
  const drawn = { full: [], pruned: [] };
  for (let repeat = 0; repeat < Number(values.repeats); repeat++)
    for (const keepAll of repeat % 2 === 0 ? [true, false] : [false, true])
      drawn[keepAll ? "full" : "pruned"].push(await draw(reward, keepAll));
  const { full, pruned } = drawn;
  for (const [id, index] of full[0]?.chosen ?? [])
    if (pruned.some(({ chosen }) => chosen.get(id) !== index))
      throw new Error(`pruning chose otherwise for ${id} by ${reward}`);
  const part = {
    tokens: saved("tokens", pruned, full),
    wall: saved("wall", pruned, full),
    cpu: saved("cpu", pruned, full),
  };
  const result = {
    reward,
    saved: part,
    wall: part.wall / part.tokens,
    cpu: part.cpu / part.tokens,
  };
  const seconds = (/** @type {Drawn[]} */ of) =>
    of.map(({ wall, cpu }) => `${wall.toFixed(1)}/${cpu.toFixed(1)}`);
  console.log(
    `${reward}: tokens saved ${(100 * part.tokens).toFixed(1)} %, wall ${(100 * part.wall).toFixed(1)} % (${result.wall.toFixed(2)} of that), ` +
      `cpu ${(100 * part.cpu).toFixed(1)} % (${result.cpu.toFixed(2)}); full ${seconds(full).join(" ")}, pruned ${seconds(pruned).join(" ")} s`,
  );
  results.push(result);
}
await policy.dispose();
console.log(JSON.stringify(results));
