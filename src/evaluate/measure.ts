import { UsageError } from "../core/errors.js";
import type { Pool, SelfReward } from "../reward/self-reward.js";
import { answerMetrics, baseOf, checkedGreedy, sampledOnce } from "./answers.js";
import type { Answers, Base, BaseInputs, Facts, Ground } from "./answers.js";
import { rankingAuc } from "./auc.js";
import { estimateDifference, estimateLift, estimateMean } from "./bootstrap.js";
import { coverageAt } from "./coverage.js";
import { countEnds } from "./ends.js";
import { gather, type Counts, type Gathered } from "./gather.js";
import { binEdges, histogram } from "./histogram.js";
import { gainsOver, gradedBaselines, type BaselineDraws, type GradedBaselines } from "./measure-baselines.js";
import type { BestOfNMetrics, Estimate, Metrics, TiltMetrics } from "./metrics.js";
import { figuresOf, type MeasuredReward, type PoolFigures } from "./pool-figures.js";
import { tiltCurve } from "./tilt.js";

/** The N that are measured when none are asked for (the paper's figures go to 50). */
const DEFAULT_NS: readonly number[] = [1, 2, 5, 10, 25, 50];

/** What `measure` takes. */
export interface MeasureInputs extends BaseInputs {
  /** How many responses each pool has, where it costs something to look. Default: as the pools say. */
  readonly sizes?: readonly number[];
  readonly rewards: readonly SelfReward[];
  /** Default: those of `DEFAULT_NS` below the number of responses drawn, and that number itself. */
  readonly ns?: readonly number[];
  /**
   * The same prompts, in the same order, with responses that were drawn with further seeds: the figures are then means over all
   * seeds, and the intervals over prompts and seeds. Default: none.
   */
  readonly furtherSeeds?: readonly (readonly Pool[])[];
  /**
   * Whether the responses are independent draws of π_base at temperature 1: then importance weights on them tell what its tilt by
   * each reward would give. Default: no.
   */
  readonly independent?: boolean;
  /** Who reads the pools, and says what `figuresOf` would say of them. Default: this thread, one pool after the other. */
  readonly figures?: (rewards: readonly MeasuredReward[]) => AsyncIterable<PoolFigures>;
  /** What the base drew in other ways, to compare the choice among the largest N with. Default: nothing. */
  readonly baselines?: readonly BaselineDraws[];
}

/** What the base's responses alone tell; the rest of `Metrics` is added by whoever ran what it describes. */
export type MeasuredMetrics = Omit<
  Metrics,
  | "model"
  | "temperature"
  | "sampler"
  | "adaptive"
  | "adaptiveVotes"
  | "baselines"
  | "adapters"
  | "findings"
  | "seconds"
>;

/**
 * The N to measure, ascending, each once.
 * @param drawn responses drawn per prompt (the fewest of any prompt).
 * @param ns default: those of `DEFAULT_NS` below `drawn`, and `drawn`.
 * @throws UsageError for an N that is not a whole number from 1 to `drawn`, and for none.
 */
export function measuredNs(drawn: number, ns?: readonly number[]): number[] {
  if (ns === undefined) return [...DEFAULT_NS.filter((n) => n < drawn), drawn];
  if (ns.length === 0) throw new UsageError("No N is given to measure: name at least one, 10 for example.");
  for (const n of ns) {
    if (!Number.isInteger(n) || n < 1)
      throw new UsageError(`N must be a whole number of at least 1, not ${String(n)}.`);
    if (n > drawn) {
      throw new UsageError(
        `N = ${String(n)} cannot be measured with ${String(drawn)} responses per prompt: choose a smaller N, or draw more.`,
      );
    }
  }
  return [...new Set(ns)].sort((a, b) => a - b);
}

/** Coverage by prompt (labelled ones) at n. */
export function coverageByPrompt(facts: readonly Facts[], n: number): number[] {
  return facts.flatMap(({ correct }) =>
    correct === undefined
      ? []
      : [
          coverageAt(
            correct.length,
            correct.reduce((a, b) => a + b, 0),
            n,
          ),
        ],
  );
}

/**
 * The N at which the reward's expectation over subsets is known.
 * @throws UsageError if there is none.
 */
function measurableNs(reward: SelfReward, sizes: readonly number[], ns: readonly number[]): number[] {
  const known = ns.filter((n) => sizes.every((size) => reward.measurable?.(size, n) ?? true));
  if (known.length > 0) return known;
  throw new UsageError(
    `The reward ${reward.name} cannot be measured at N = ${ns.join(", ")}: its expectation over subsets takes every subset, and ` +
      `there are too many; measure it at the number of responses drawn.`,
  );
}

/** What one seed drew, graded. */
interface Draw extends Gathered {
  /** One sample: the mean over the responses drawn. */
  readonly sampled: Answers;
}

/** Best-of-N under one reward for every N at which it can be measured. @param place the reward's. */
function bestOfN(
  { ns }: MeasuredReward,
  place: number,
  draws: readonly Draw[],
  { ground, greedy }: Base,
  graded: GradedBaselines,
): Record<string, BestOfNMetrics> {
  const all = ground.resamples(ground.prompts);
  const answers = ns.map((_, i) => draws.map((draw) => draw.answers[place]![i]!));
  const largest = answers.at(-1)!;
  const rows = (runs: readonly Answers[], field: keyof Answers): (readonly number[])[] =>
    runs.map((run) => run[field]);
  const sampledLength = draws.map(({ sampled }) => sampled.length);
  const measured = (own: readonly Answers[], previous: readonly Answers[] | undefined): BestOfNMetrics => ({
    ...answerMetrics(own, ground, greedy),
    ...(ground.labelledPrompts > 0 &&
      previous && {
        accuracyFromPrevious: estimateDifference(
          rows(own, "correct"),
          rows(previous, "correct"),
          ground.resamples(ground.labelledPrompts),
          "share",
        ),
      }),
    ...(ground.labelledPrompts > 0 && {
      accuracyToLargestN:
        own === largest
          ? { value: 0, low: 0, high: 0 }
          : estimateDifference(
              rows(largest, "correct"),
              rows(own, "correct"),
              ground.resamples(ground.labelledPrompts),
              "share",
            ),
    }),
    ...(ground.labelledPrompts > 0 &&
      own === largest &&
      gainsOver(rows(own, "correct"), graded, ground.resamples(ground.labelledPrompts))),
    logLikelihoodToLargestN: estimateDifference(rows(largest, "logProb"), rows(own, "logProb"), all),
    lengthChange: estimateDifference(rows(own, "length"), sampledLength, all),
  });
  return Object.fromEntries(ns.map((n, i) => [String(n), measured(answers[i]!, answers[i - 1])]));
}

/** Histograms of log π_base(y|x) over all responses drawn, with the same edges. */
function histograms(facts: readonly Facts[]): Metrics["histograms"] {
  const values = facts.flatMap((prompt) => prompt.logProbs);
  const edges = binEdges(values);
  const all = histogram(values, edges);
  const graded = (right: number): number[] =>
    facts.flatMap(({ logProbs, correct }) => logProbs.filter((_, i) => correct?.[i] === right));
  if (facts.every((prompt) => prompt.correct === undefined)) return { all };
  return { correct: histogram(graded(1), edges), incorrect: histogram(graded(0), edges), all };
}

/** How many prompts have both correct and incorrect responses, of any seed. */
function mixedPrompts(draws: readonly Draw[]): number {
  const isMixed = ({ correct }: Facts): boolean => new Set(correct).size > 1;
  return draws[0]!.facts.filter((_, p) => draws.some(({ facts }) => isMixed(facts[p]!))).length;
}

/** By prompt that has both correct and incorrect responses (of any seed): the area, a mean over its seeds. */
function areasByPrompt(
  scores: readonly (readonly (readonly number[])[])[],
  draws: readonly Draw[],
): readonly number[] {
  return draws[0]!.facts.flatMap((_, p) => {
    const areas = draws.flatMap(({ facts }, s) => {
      const { correct } = facts[p]!;
      return (correct && rankingAuc(scores[s]![p]!, correct)) ?? [];
    });
    return areas.length === 0 ? [] : [areas.reduce((a, b) => a + b, 0) / areas.length];
  });
}

/** Each reward's AUC, and by how much it is below the largest; nothing where no prompt has both kinds of responses. */
function aucOf(
  areas: ReadonlyMap<string, readonly number[]>,
  draws: readonly Draw[],
  ground: Ground,
): Pick<MeasuredMetrics, "mixedPrompts" | "auc" | "aucBelowBest"> {
  const known = [...areas].filter(([, values]) => values.length > 0);
  if (known.length === 0) return {};
  const mixed = known[0]![1].length;
  const resamples = { ...ground.resamples(mixed), seeds: 1 };
  const auc = Object.fromEntries(
    known.map(([reward, values]) => [reward, estimateMean(values, resamples, "share")]),
  );
  const [best, ...others] = [...known].sort(([a], [b]) => auc[b]!.value - auc[a]!.value);
  const below = others.map(([reward, values]) => [
    reward,
    estimateDifference(best![1], values, resamples, "share"),
  ]);
  return {
    mixedPrompts: mixedPrompts(draws),
    auc,
    ...(below.length > 0 && { aucBelowBest: Object.fromEntries(below) as Record<string, Estimate> }),
  };
}

/** Coverage and its relative lift over greedy by N, where there are labels. */
function coverageOf(
  draws: readonly Draw[],
  { ground, greedy }: Base,
  ns: readonly number[],
): Pick<MeasuredMetrics, "coverage" | "coverageLift"> {
  if (ground.labelledPrompts === 0) return {};
  const labelled = ground.resamples(ground.labelledPrompts);
  const coverage: Record<string, Estimate> = {};
  const coverageLift: Record<string, Estimate> = {};
  for (const n of ns) {
    const values = draws.map(({ facts }) => coverageByPrompt(facts, n));
    coverage[String(n)] = estimateMean(values, labelled, "share");
    const lift = estimateLift(values, greedy.correct, labelled);
    if (lift) coverageLift[String(n)] = lift;
  }
  return { coverage, ...(Object.keys(coverageLift).length > 0 && { coverageLift }) };
}

/** The pools of each further seed. @throws UsageError where one has other prompts, or a prompt without responses. */
function furtherPools({ task, pools, furtherSeeds = [] }: MeasureInputs): readonly (readonly Pool[])[] {
  for (const own of furtherSeeds) {
    const same =
      own.length === pools.length &&
      own.every(({ prompt, responses }, p) => prompt.id === pools[p]!.prompt.id && responses.length > 0);
    if (!same)
      throw new UsageError(
        `The seeds to measure ${task.name} with have drawn responses to different prompts.`,
      );
  }
  return furtherSeeds;
}

/** Each reward's area and tilt, where its scores are no random choice. */
function ranked(
  rewards: readonly MeasuredReward[],
  draws: readonly Draw[],
  { ground }: Base,
  independent: boolean,
): Pick<MeasuredMetrics, "mixedPrompts" | "auc" | "aucBelowBest" | "tilt"> {
  const areas = new Map<string, readonly number[]>();
  const tilt: Record<string, TiltMetrics[]> = {};
  for (const [place, { reward }] of rewards.entries()) {
    // The scores of a random choice are one draw of it, and rank nothing.
    if (reward.randomized) continue;
    const scores = draws.map((draw) => draw.scores[place]!);
    areas.set(reward.name, areasByPrompt(scores, draws));
    if (!independent) continue;
    const facts = draws.map((draw) => draw.facts);
    tilt[reward.name] = tiltCurve(facts, scores, ground);
  }
  return { ...aucOf(areas, draws, ground), ...(Object.keys(tilt).length > 0 && { tilt }) };
}

/**
 * Measures greedy, the base sampled once, and best-of-N under every reward, exactly for each N (expectation over all
 * subsets of the responses drawn; an N at which a reward's has no closed form and too many subsets is absent), with 95 %
 * intervals over prompts, and over seeds where there are several. Without labels everything that needs
 * them is absent; with some, it is measured on the prompts that have them. The responses of a pool are asked for once, and only
 * numbers are kept of them: pools may read theirs from a file when asked.
 * @throws UsageError for an N above the number of responses drawn, without prompts, or where a reward lacks what it needs or can be
 * measured at no N;
 * DataError where a prompt has no greedy response.
 */
export async function measure(inputs: MeasureInputs): Promise<MeasuredMetrics> {
  const { task, pools, rewards: given } = inputs;
  const ownSizes = inputs.sizes ?? pools.map(({ responses }) => responses.length);
  const greedy = checkedGreedy(inputs, (place) => ownSizes[place]!);
  const further = furtherPools(inputs);
  const sizes = [...ownSizes, ...further.flat().map(({ responses }) => responses.length)];
  const drawn = sizes.reduce((least, size) => Math.min(least, size), Infinity);
  const ns = measuredNs(drawn, inputs.ns);
  const distinct = [...new Set(sizes)];
  const rewards = given.map((reward) => ({ reward, ns: measurableNs(reward, distinct, ns) }));
  const counts: Counts = { ends: countEnds(), same: new Map() };
  const draws: Draw[] = [];
  for (const [seed, own] of [pools, ...further].entries()) {
    const isFirst = seed === 0;
    const figures =
      (isFirst ? inputs.figures?.(rewards) : undefined) ??
      figuresOf(task, rewards, own, isFirst ? greedy : undefined);
    const gathered = await gather(rewards, figures, counts);
    draws.push({ ...gathered, sampled: sampledOnce(gathered.facts) });
  }
  const base = baseOf(inputs, draws[0]!.facts, draws[0]!.greedy, draws.length);
  const { ground } = base;
  const graded = gradedBaselines(inputs);
  const { tilt, ...auc } = ranked(rewards, draws, base, inputs.independent === true);
  return {
    task: task.name,
    prompts: pools.length,
    n: drawn,
    labelled: ground.labelledPrompts > 0,
    labelledPrompts: ground.labelledPrompts,
    ...(task.learnsFromTest && { transductive: true as const }),
    ...(task.chance !== undefined && { chance: task.chance }),
    greedy: answerMetrics([base.greedy], ground),
    base: answerMetrics(
      draws.map(({ sampled }) => sampled),
      ground,
      base.greedy,
    ),
    bestOfN: Object.fromEntries(
      rewards.map((own, place) => [own.reward.name, bestOfN(own, place, draws, base, graded)]),
    ),
    ...coverageOf(draws, base, ns),
    histograms: histograms(draws.flatMap(({ facts }) => facts)),
    ...(rewards.length > 1 && {
      agreement: Object.fromEntries([...counts.same].map(([pair, same]) => [pair, same / sizes.length])),
    }),
    ...auc,
    ...(tilt && { tilt }),
    ...counts.ends.ends(),
  };
}
