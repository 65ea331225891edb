import { existsSync } from "node:fs";
import { join } from "node:path";
import { beamOfWidth, type BaselineDraws } from "../evaluate/measure-baselines.js";
import { requireAbility } from "../policy/capabilities.js";
import {
  searchesBeams,
  type GreedyOptions,
  type Policy,
  type Prompt,
  type Response,
  type SamplingOptions,
} from "../policy/policy.js";
import { responseRecords } from "../run/records.js";
import type { RunReader } from "../run/read-run.js";
import type { Run } from "../run/run.js";
import { checkN } from "./best-of-n.js";
import { drawInto, drawOneEach, firstOf, inOrder, type DrawSettings } from "./draw.js";

/** A way to draw one response that needs no reward and no training, with a file of its own in the run. */
interface Way {
  /** As `BaselineDraws` names it. */
  readonly name: string;
  readonly file: string;
}

/** One sample of another law. */
const SAMPLED: readonly (Way & { readonly law: Pick<SamplingOptions, "temperature" | "topP"> })[] = [
  ...[0.25, 0.5, 0.7].map((temperature) => ({
    name: `temperature ${temperature}`,
    file: `baseline-temperature-${temperature}.jsonl`,
    law: { temperature },
  })),
  { name: "top-p 0.9", file: "baseline-top-p-0.9.jsonl", law: { temperature: 1, topP: 0.9 } },
];

/** What costs as much as N responses and chooses by likelihood, as best-of-N does, but looks where the mode may be. */
const SEARCHED: readonly (Way & { readonly width: number })[] = [2, 4, 8].map((width) => ({
  name: beamOfWidth(width),
  file: `baseline-beam-${width}.jsonl`,
  width,
}));

/** The files of what was found without drawing, below the run's folder. */
export const BEAM_FILES: readonly string[] = SEARCHED.map(({ file }) => file);
/** The files of all of them. */
export const BASELINE_FILES: readonly string[] = [...SAMPLED.map(({ file }) => file), ...BEAM_FILES];

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
 * alone; and what beam search finds, where the policy can search. A response chosen at random among N needs no draws of its own: it is
 * one sample of the base.
 * @param samples drawn of each test prompt in each way, into files of their own; a search finds one response.
 */
export async function drawBaselines(
  { policy, run, maxTokens, seed, signal, onProgress }: BaselineOptions,
  samples: number,
  prompts: readonly Prompt[],
): Promise<BaselineDraws[]> {
  const requests = firstOf(prompts, samples);
  const drawn: BaselineDraws[] = [];
  for (const { name, file, law } of SAMPLED) {
    const log = await run.log(file, responseRecords);
    const settings = { ...law, maxTokens, seed, signal, onProgress };
    await drawInto(log, policy, requests, settings, `sampling, ${name}`);
    const responses = (await inOrder(log, prompts)).flat();
    drawn.push({ name, responses: responses.filter(({ index }) => index < samples) });
  }
  if (!searchesBeams(policy)) return drawn;
  for (const { name, file, width } of SEARCHED) {
    const log = await run.log(file, responseRecords);
    const search = (missing: readonly Prompt[], limits: GreedyOptions): AsyncIterable<Response> =>
      policy.beam(missing, { ...limits, width });
    const settings = { maxTokens, signal, onProgress };
    drawn.push({ name, responses: await drawOneEach(log, search, prompts, settings, name) });
  }
  return drawn;
}

/** What a run has of them: those ways in which each of these prompts has a response. */
export async function recordedBaselines(
  run: RunReader,
  prompts: readonly Prompt[],
): Promise<BaselineDraws[]> {
  const found: BaselineDraws[] = [];
  for (const { name, file } of [...SAMPLED, ...SEARCHED]) {
    if (!existsSync(join(run.dir, file))) continue;
    const responses = await run.records(file, responseRecords);
    const have = new Set(responses.map(({ promptId }) => promptId));
    if (prompts.every(({ id }) => have.has(id))) found.push({ name, responses });
  }
  return found;
}
