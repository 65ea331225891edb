import { measureBaselines, type BaselineDraws } from "../evaluate/measure-baselines.js";
import type { Metrics } from "../evaluate/metrics.js";
import { requireAbility } from "../policy/capabilities.js";
import type { Policy, Response, SamplingOptions } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";
import { responseKey, responseRecords } from "../run/records.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { appendTo, firstOf, type DrawSettings } from "./draw.js";

/** Ways to draw one response that need no reward and no training; each has a file of its own in the run. */
const BASELINES: readonly {
  readonly name: string;
  readonly file: string;
  readonly law: Pick<SamplingOptions, "temperature" | "topP">;
}[] = [
  ...[0.25, 0.5, 0.7].map((temperature) => ({
    name: `temperature ${temperature}`,
    file: `baseline-temperature-${temperature}.jsonl`,
    law: { temperature },
  })),
  { name: "top-p 0.9", file: "baseline-top-p-0.9.jsonl", law: { temperature: 1, topP: 0.9 } },
];

/** Who draws, and into which run. */
interface BaselineOptions extends Omit<DrawSettings, "n" | "temperature"> {
  readonly policy: Policy;
  readonly task: Task;
  readonly run: Run;
}

/**
 * Draws and measures what whoever has a model would try before any sharpening: one sample at lower temperatures, and from the
 * likeliest tokens alone. A response chosen at random among N needs no draws of its own: it is one sample of the base.
 * @param samples drawn of each test prompt in each way, into files of their own.
 * @throws UsageError for a policy whose samples at other temperatures have no log-probabilities at temperature 1.
 */
export async function drawBaselines(
  { policy, task, run, maxTokens, seed, signal, onProgress }: BaselineOptions,
  samples: number,
  ground: { readonly pools: readonly Pool[]; readonly greedy: readonly Response[] },
): Promise<NonNullable<Metrics["baselines"]>> {
  requireAbility(policy, "temperatures", "Measuring one sample at other temperatures");
  const requests = firstOf(
    ground.pools.map(({ prompt }) => prompt),
    samples,
  );
  const drawn: BaselineDraws[] = [];
  for (const { name, file, law } of BASELINES) {
    const log = await run.log(file, responseRecords);
    const missing = requests.filter(({ prompt, index }) => !log.has(responseKey(prompt.id, index)));
    const options = { ...law, maxTokens, seed, ...(signal && { signal }) };
    const counts = { stage: `sampling, ${name}`, missing: missing.length, wanted: requests.length };
    await appendTo(log, policy.sample(missing, options), counts, onProgress);
    const places = new Map(ground.pools.map(({ prompt }, i) => [prompt.id, i]));
    const responses = await log.sort(
      (a, b) => places.get(a.promptId)! - places.get(b.promptId)! || a.index - b.index,
    );
    drawn.push({ name, responses: responses.filter(({ index }) => index < samples) });
  }
  return measureBaselines({ ...ground, task, seed, drawn });
}
