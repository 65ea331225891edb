import { DataError } from "../core/errors.js";
import { sequenceLogProb, type AdapterDraw, type Prompt } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";
import type { Task } from "../task/task.js";
import {
  answerMetrics,
  byPrompt,
  gradedFacts,
  groundOf,
  labelledOf,
  oneEach,
  prepareBase,
  sampledOnce,
} from "./answers.js";
import type { BaseInputs, Facts } from "./answers.js";
import { estimateDifference, estimateMean } from "./bootstrap.js";
import { coverageByPrompt, measuredNs } from "./measure.js";
import { gainsOver, gradedBaselines, type BaselineDraws } from "./measure-baselines.js";
import type { AdapterMetrics, EpochMetrics, Estimate } from "./metrics.js";
import { repetition } from "./repetition.js";

/** An adapter's response, with what the *base* says of it: self-improvement is measured by the base (paper fig. 7, 8). */
export interface AdapterResponse extends AdapterDraw {
  /** log π_base(y|x), whole sequence, temperature 1, in nats. */
  readonly baseLogProb: number;
}

/** What one trained adapter answers to the test prompts. */
export interface AdapterSample {
  /** Drawn at the run's temperature, at least one a prompt, in any order. */
  readonly responses: readonly AdapterResponse[];
  /** One a prompt, in any order. */
  readonly greedy: readonly AdapterResponse[];
  /** What the base drew to the same prompts, in the same order, where that is another draw for each adapter. Default: `AdapterInputs.pools`. */
  readonly pools?: readonly Pool[];
}

/** What `measureAdapter` takes: the base's pools and greedy responses, and the adapter's. */
export interface AdapterInputs extends BaseInputs {
  /** One; or one for each training seed, and then the intervals are over prompts and seeds. */
  readonly runs: readonly AdapterSample[];
  /** As for `measure`, of the adapter's responses: then KL(π‖π_base) is measured on them. Default: no. */
  readonly independent?: boolean;
  /** What the base drew in other ways (`Metrics.baselines`), to compare with. Default: nothing. */
  readonly baselines?: readonly BaselineDraws[];
  /** The numbers of samples to report coverage at; default as for `measure`, by the fewest responses of any prompt. */
  readonly ns?: readonly number[];
}

/** What the adapter's responses tell; the rest of `AdapterMetrics` is known to who trained it. */
export type MeasuredAdapter = Omit<
  AdapterMetrics,
  "epochs" | "keptEpoch" | "trainingPrompts" | "trainingSamples"
>;

/** Facts by prompt, in the order of the prompts. @throws DataError where a prompt has no response. */
function sampledFacts(
  task: Task,
  prompts: readonly Prompt[],
  responses: readonly AdapterResponse[],
): Facts[] {
  const map = byPrompt(responses);
  return prompts.map((prompt) => {
    const own = map.get(prompt.id);
    if (own === undefined) {
      throw new DataError(
        `The adapter has no response to prompt "${prompt.id}": sample it on every test prompt.`,
      );
    }
    return gradedFacts(task, prompt.id, own, (response) => ({
      logProb: response.baseLogProb,
      length: response.own.logProbs.length,
    }));
  });
}

/** By prompt, the mean of log π − log π_base over the adapter's own draws: KL(π‖π_base) at that prompt. */
function divergenceByPrompt(prompts: readonly Prompt[], responses: readonly AdapterResponse[]): number[] {
  const map = byPrompt(responses);
  return prompts.map(({ id }) => {
    const own = map.get(id)!;
    return (
      own.reduce((sum, { own: said, baseLogProb }) => sum + sequenceLogProb(said) - baseLogProb, 0) /
      own.length
    );
  });
}

const fewest = (facts: readonly Facts[]): number =>
  Math.min(...facts.map((prompt) => prompt.logProbs.length));

/** Coverage by number of samples, and its change against the base where that drew as many. @param bases by run. */
function coverageOf(
  runs: readonly (readonly Facts[])[],
  bases: readonly (readonly Facts[])[],
  ns: readonly number[],
  estimates: (values: readonly (readonly number[])[], base?: readonly (readonly number[])[]) => Estimate,
): Pick<MeasuredAdapter, "coverage" | "coverageChange"> {
  const coverage: Record<string, Estimate> = {};
  const coverageChange: Record<string, Estimate> = {};
  for (const n of ns) {
    const values = runs.map((facts) => coverageByPrompt(facts, n));
    coverage[String(n)] = estimates(values);
    if (n > Math.min(...bases.map(fewest))) continue;
    coverageChange[String(n)] = estimates(
      values,
      bases.map((facts) => coverageByPrompt(facts, n)),
    );
  }
  return { coverage, coverageChange };
}

/**
 * Measures an adapter sampled at the run's temperature on the test prompts, against the base on the same prompts (all differences
 * paired by prompt). Without labels, accuracy, lift and coverage are absent.
 * @throws UsageError for an N above the number of responses drawn from the adapter, or without prompts; DataError where a
 * prompt has no response, or no greedy one, from adapter or base.
 */
export function measureAdapter(inputs: AdapterInputs): MeasuredAdapter {
  const { task, runs } = inputs;
  const prompts = inputs.pools.map((pool) => pool.prompt);
  const base = prepareBase(inputs, runs.length);
  const { ground } = base;
  const bases = runs.map(({ pools }) => (pools ? prepareBase({ ...inputs, pools }) : base));
  const facts = runs.map((run) => sampledFacts(task, prompts, run.responses));
  const ns = measuredNs(Math.min(...facts.map(fewest)), inputs.ns);
  const sampled = facts.map(sampledOnce);
  const greedy = runs.map((run) =>
    sampledOnce(sampledFacts(task, prompts, oneEach(prompts, run.greedy, "greedy response of the adapter"))),
  );
  const own = answerMetrics(sampled, ground, base.greedy);
  const ownGreedy = answerMetrics(greedy, ground);
  const all = ground.resamples(ground.prompts);
  const measured = {
    ...own,
    ...(ownGreedy.accuracy && { greedyAccuracy: ownGreedy.accuracy }),
    greedyLogLikelihood: ownGreedy.logLikelihood,
    logLikelihoodGain: estimateDifference(
      sampled.map((run) => run.logProb),
      bases.map(({ answers }) => answers.logProb),
      all,
    ),
    ...(inputs.independent === true && {
      kl: estimateMean(
        runs.map((run) => divergenceByPrompt(prompts, run.responses)),
        all,
      ),
    }),
  };
  if (ground.labelledPrompts === 0) return measured;
  const labelled = ground.resamples(ground.labelledPrompts);
  return {
    ...measured,
    accuracyGain: estimateDifference(
      sampled.map((run) => run.correct),
      bases.map(({ answers }) => answers.correct),
      labelled,
      "share",
    ),
    ...gainsOver(
      sampled.map((run) => run.correct),
      gradedBaselines(inputs),
      labelled,
    ),
    ...coverageOf(
      facts,
      bases.map((each) => each.facts),
      ns,
      (values, of) =>
        of === undefined
          ? estimateMean(values, labelled, "share")
          : estimateDifference(values, of, labelled, "share"),
    ),
  };
}

/** What `measureEpoch` takes. */
export interface EpochInputs extends Pick<BaseInputs, "task" | "seed" | "resamples"> {
  readonly prompts: readonly Prompt[];
  /** Drawn from the model as it is after the epoch; at least one a prompt, in any order. */
  readonly responses: readonly AdapterResponse[];
  /** What they were drawn at: entropy and KL are estimated at temperature 1 alone. */
  readonly temperature: number;
}

type EpochMeasures = Required<Pick<EpochMetrics, "logLikelihood" | "length" | "repetition" | "samples">> &
  Pick<EpochMetrics, "accuracy" | "coverage" | "entropy" | "kl">;

/**
 * The held-out part of one epoch's figures, for the training curve and its guards: accuracy, log-likelihood under the base,
 * entropy, KL to the base, length, repetition, and coverage at the number of samples drawn (the fewest of any prompt).
 * @throws DataError where a prompt has no response.
 */
export function measureEpoch(inputs: EpochInputs): EpochMeasures {
  const { task, prompts, seed, temperature, resamples = 2000 } = inputs;
  const facts = sampledFacts(task, prompts, inputs.responses);
  const ground = groundOf(prompts.length, labelledOf(facts), { seed, resamples });
  const { accuracy, logLikelihood, length } = answerMetrics([sampledOnce(facts)], ground);
  const samples = fewest(facts);
  const byId = byPrompt(inputs.responses);
  const mean = (of: (response: AdapterResponse) => number): Estimate =>
    estimateMean(
      [
        prompts.map(({ id }) => {
          const own = byId.get(id)!;
          return own.reduce((sum, response) => sum + of(response), 0) / own.length;
        }),
      ],
      ground.resamples(prompts.length),
    );
  return {
    ...(accuracy && {
      accuracy,
      coverage: estimateMean(
        [coverageByPrompt(facts, samples)],
        ground.resamples(ground.labelledPrompts),
        "share",
      ),
    }),
    logLikelihood,
    ...(temperature === 1 && {
      entropy: mean((response) => -sequenceLogProb(response.own)),
      kl: mean((response) => sequenceLogProb(response.own) - response.baseLogProb),
    }),
    length,
    repetition: mean(({ tokens }) => repetition(tokens)),
    samples,
  };
}
