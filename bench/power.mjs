/**
 * `node bench/power.mjs --data gsm8k-test.jsonl --prompts 2 --chains 8 --lengths 32,128`: what a token costs that is drawn for a sample of π^α (α = 4), against
 * plain decoding of as many tokens, on SmolLM2, in turn; what share of the chains' moves is accepted, by length; and how likely the responses are.
 * Responses are cut at the length. `--proposals 1` draws them from π itself, as a policy has it that does not tell what it drew under; the last
 * line is JSON, with the last one's cost in seconds of the wall, and the shares accepted by length, mean over the prompts.
 */
import { parseArgs } from "node:util";
import { findTask, LocalPolicy } from "../dist/index.js";
import { drawPower, POWER_DEFAULTS, powerSummary } from "../dist/sharpen/power/draw-power.js";
import { realModelPath } from "../scripts/fetch-model.mjs";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    model: { type: "string", default: "smollm2" },
    prompts: { type: "string", default: "2" },
    chains: { type: "string", default: "8" },
    particles: { type: "string", default: "16" },
    moves: { type: "string", default: "4" },
    lengths: { type: "string", default: "32,128" },
    methods: { type: "string", default: "power,smc" },
    proposals: { type: "string", default: "1/α" },
  },
});

const loaded = await LocalPolicy.load(realModelPath(/** @type {"smollm2"} */ (values.model)));
const policy =
  values.proposals === "1"
    ? /** @type {LocalPolicy} */ (
        Object.create(loaded, { can: { value: { ...loaded.can, proposals: false } } })
      )
    : loaded;
const task = await findTask("gsm8k", { ...(values.data && { data: values.data }), takes: "both" });
const prompts = task.prompts("test").slice(0, Number(values.prompts));

/** @template T @param {() => Promise<T>} work */
async function timed(work) {
  const before = process.cpuUsage();
  const started = performance.now();
  const value = await work();
  const { user, system } = process.cpuUsage(before);
  return { value, wall: (performance.now() - started) / 1000, cpu: (user + system) / 1e6 };
}

/** @param {number} n @param {number} maxTokens tokens of n samples of each prompt */
async function plain(n, maxTokens) {
  const requests = prompts.flatMap((prompt) => Array.from({ length: n }, (_, index) => ({ prompt, index })));
  let tokens = 0;
  for await (const { logProbs } of policy.sample(requests, { temperature: 1, maxTokens, seed: 1 }))
    tokens += logProbs.length;
  return tokens;
}

const results = [];
await plain(4, 2);
for (const maxTokens of values.lengths.split(",").map(Number))
  for (const method of /** @type {("power" | "smc")[]} */ (values.methods.split(","))) {
    const swarm = method === "smc";
    const drawing = {
      ...POWER_DEFAULTS,
      method,
      moves: Number(values.moves),
      particles: Number(values.particles),
      maxTokens,
    };
    const n = swarm ? 1 : Number(values.chains);
    const drawn = await timed(() => drawPower(policy, prompts, { ...drawing, n, seed: 1 }));
    const { tokens, acceptance } = powerSummary(drawn.value.map((one) => one.record));
    const side = swarm ? drawing.particles : n;
    const base = await timed(() => plain(side, maxTokens));
    const each = (/** @type {"wall" | "cpu"} */ what) => drawn[what] / tokens / (base[what] / base.value);
    const record = drawn.value[0]?.record;
    const responses = drawn.value.flatMap((one) => one.responses);
    const logProb =
      responses.reduce((sum, { logProbs }) => sum + logProbs.reduce((a, b) => a + b, 0), 0) /
      responses.length;
    const result = {
      method,
      maxTokens,
      tokens,
      wall: each("wall"),
      cpu: each("cpu"),
      logProb,
      acceptance,
      record,
    };
    results.push(result);
    console.log(
      `${method}, ${maxTokens} tokens: ${tokens} drawn in ${drawn.wall.toFixed(1)}/${drawn.cpu.toFixed(1)} s, plain ${base.value} in ${base.wall.toFixed(1)}/${base.cpu.toFixed(1)} s: ` +
        `a token costs ${result.wall.toFixed(2)} × (cpu ${result.cpu.toFixed(2)} ×); log π of a response ${logProb.toFixed(1)}; ${JSON.stringify(drawn.value.map((d) => ({ ...d.record, tokens: undefined, promptId: undefined })))}`,
    );
  }
await loaded.dispose();
const peakBytes = process.resourceUsage().maxRSS * 1024;
const accepted = Object.fromEntries(
  results.flatMap(({ maxTokens, acceptance }) => (acceptance === undefined ? [] : [[maxTokens, acceptance]])),
);
console.log(JSON.stringify({ cost: results.at(-1)?.wall, accepted, results, peakBytes }));
