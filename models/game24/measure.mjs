/**
 * Measures the embedded base model for its card: `npm run measure:game24` writes models/game24/measured.json (greedy and
 * temperature-1 accuracy, best-of-N, coverage on the held-out puzzles, each with its 95 % interval).
 */
import { availableParallelism } from "node:os";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { measure } from "../../dist/evaluate/measure.js";
import { LocalPolicy } from "../../dist/policy/local-policy.js";
import { rewards } from "../../dist/reward/registry.js";
import { game24 } from "../../dist/task/game24/game24.js";

const here = dirname(fileURLToPath(import.meta.url));
const policy = await LocalPolicy.load(here, { threads: availableParallelism() });
const task = game24();
const prompts = task.prompts("test");
const options = { temperature: 1, maxTokens: task.maxTokens, seed: 0 };
/** @type {Map<string, import("../../dist/policy/policy.js").Response[]>} */
const drawn = new Map(prompts.map(({ id }) => [id, []]));
const requests = prompts.flatMap((prompt) => Array.from({ length: 50 }, (_, index) => ({ prompt, index })));
for await (const response of policy.sample(requests, options)) {
  const responses = drawn.get(response.promptId);
  if (responses) responses[response.index] = response;
}
const greedy = [];
for await (const response of policy.greedy(prompts, options)) greedy.push(response);
const pools = prompts.map((prompt) => ({
  prompt,
  responses: drawn.get(prompt.id) ?? [],
  extract: (/** @type {string} */ text) => task.extract(text),
}));
const inferenceRewards = Object.values(rewards).filter(({ needs }) => !needs.includes("policy"));
const metrics = await measure({ task, pools, greedy, rewards: inferenceRewards, seed: 0 });
const summary = {
  model: policy.digest,
  prompts: prompts.length,
  samples: 50,
  greedy: metrics.greedy.accuracy,
  temperature1: metrics.base.accuracy,
  bestOfN: Object.fromEntries(
    Object.entries(metrics.bestOfN).map(([reward, byN]) => [
      reward,
      Object.fromEntries(Object.entries(byN).map(([n, { accuracy }]) => [n, accuracy])),
    ]),
  ),
  coverage: metrics.coverage,
};
writeFileSync(join(here, "measured.json"), `${JSON.stringify(summary, null, 2)}\n`);
console.log(JSON.stringify(summary));
await policy.dispose();
