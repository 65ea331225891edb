import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BaselineDraws } from "../evaluate/measure-baselines.js";
import { requireAbility } from "../policy/capabilities.js";
import type { Policy, Prompt, SamplingOptions } from "../policy/policy.js";
import { responseRecords } from "../run/records.js";
import type { Run } from "../run/run.js";
import { checkN } from "./best-of-n.js";
import { drawInto, firstOf, inOrder, type DrawSettings } from "./draw.js";

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
  readonly run: Run;
}

/**
 * Refuses what `drawBaselines` could not draw.
 * @throws UsageError for a number of samples below 1, and for a policy whose samples at other temperatures have no log-probabilities at
 * temperature 1.
 */
export function checkBaselines(policy: Policy, samples: number): void {
  checkN(samples);
  requireAbility(policy, "temperatures", "Measuring one sample at other temperatures");
}

/**
 * Draws what whoever has a model would try before any sharpening: one sample at lower temperatures, and from the likeliest tokens
 * alone. A response chosen at random among N needs no draws of its own: it is one sample of the base.
 * @param samples drawn of each test prompt in each way, into files of their own.
 */
export async function drawBaselines(
  { policy, run, maxTokens, seed, signal, onProgress }: BaselineOptions,
  samples: number,
  prompts: readonly Prompt[],
): Promise<BaselineDraws[]> {
  const requests = firstOf(prompts, samples);
  const drawn: BaselineDraws[] = [];
  for (const { name, file, law } of BASELINES) {
    const log = await run.log(file, responseRecords);
    const settings = { ...law, maxTokens, seed, signal, onProgress };
    await drawInto(log, policy, requests, settings, `sampling, ${name}`);
    const responses = (await inOrder(log, prompts)).flat();
    drawn.push({ name, responses: responses.filter(({ index }) => index < samples) });
  }
  return drawn;
}

/** What a run has of them: those ways in which each of these prompts has a response. */
export async function recordedBaselines(run: Run, prompts: readonly Prompt[]): Promise<BaselineDraws[]> {
  const found: BaselineDraws[] = [];
  for (const { name, file } of BASELINES) {
    if (!existsSync(join(run.dir, file))) continue;
    const responses = await (await run.log(file, responseRecords)).records();
    const have = new Set(responses.map(({ promptId }) => promptId));
    if (prompts.every(({ id }) => have.has(id))) found.push({ name, responses });
  }
  return found;
}
