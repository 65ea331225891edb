import type { Facts, Ground } from "./answers.js";
import { estimateMean } from "./bootstrap.js";
import type { Estimate, TiltMetrics } from "./metrics.js";

/** Powers of two times the reward's spread: from hardly tilted to nearly its maximum. */
const STEPS = [2, 1, 0, -1, -2, -3, -4];

/**
 * softmax(scores / β): the self-normalized importance weights of π*_β ∝ π_base·exp(r/β) (paper eq. 3) on draws of π_base at
 * temperature 1. Scores of −∞ get 0, unless all are.
 * @param scores r(y_i|x) of one prompt's draws. @param beta > 0, in units of the reward. @returns weights that sum to 1.
 */
export function tiltWeights(scores: ArrayLike<number>, beta: number): Float64Array {
  const { length } = scores;
  const weights = new Float64Array(length);
  let top = -Infinity;
  for (let i = 0; i < length; i++) top = Math.max(top, scores[i]!);
  if (top === -Infinity) return weights.fill(1 / length);
  let sum = 0;
  for (let i = 0; i < length; i++) {
    weights[i] = scores[i] === top ? 1 : Math.exp((scores[i]! - top) / beta);
    sum += weights[i]!;
  }
  for (let i = 0; i < length; i++) weights[i]! /= sum;
  return weights;
}

/**
 * The β that a curve is given at when none are asked for: the reward's standard deviation within a prompt (pooled over prompts,
 * to one digit) times 4, 2, …, 1/16. None where the reward tells no two responses of a prompt apart.
 * @param scores by prompt; those that are not finite are left out.
 */
function tiltBetas(scores: readonly (readonly number[])[]): number[] {
  let [squares, free] = [0, 0];
  for (const row of scores) {
    const finite = row.filter(Number.isFinite);
    const mean = finite.reduce((a, b) => a + b, 0) / finite.length;
    for (const score of finite) squares += (score - mean) ** 2;
    free += Math.max(0, finite.length - 1);
  }
  const spread = free === 0 ? 0 : Number(Math.sqrt(squares / free).toPrecision(1));
  return spread > 0 ? STEPS.map((step) => spread * 2 ** step) : [];
}

/** One prompt's expectations under its weights. */
interface Tilted {
  readonly reward: number;
  readonly logProb: number;
  readonly correct: number | undefined;
  readonly covariance: number | undefined;
  readonly kl: number;
  readonly effective: number;
}

function tilted({ logProbs, correct }: Facts, scores: readonly number[], beta: number): Tilted {
  const weights = tiltWeights(scores, beta);
  const mean = (value: (i: number) => number): number =>
    weights.reduce((sum, weight, i) => (weight === 0 ? sum : sum + weight * value(i)), 0);
  const reward = mean((i) => scores[i]!);
  const right = correct && mean((i) => correct[i]!);
  const { length } = weights;
  return {
    reward,
    logProb: mean((i) => logProbs[i]!),
    correct: right,
    covariance: correct && mean((i) => (correct[i]! - right!) * (scores[i]! - reward)),
    // 0 but for rounding where the weights are equal.
    kl: Math.max(
      0,
      mean((i) => Math.log(length * weights[i]!)),
    ),
    effective: 1 / mean((i) => weights[i]!),
  };
}

/** All that was drawn to each prompt, with whatever seed. */
function overSeeds(facts: readonly (readonly Facts[])[]): Facts[] {
  return facts[0]!.map(({ correct }, p) => {
    const own = facts.map((seed) => seed[p]!);
    return {
      logProbs: own.flatMap(({ logProbs }) => logProbs),
      lengths: own.flatMap(({ lengths }) => lengths),
      correct: correct && Uint8Array.from(own.flatMap((seed) => [...seed.correct!])),
    };
  });
}

/**
 * The curve of π*_β over β, the largest first.
 * @param drawn by seed and prompt, of responses drawn from π_base at temperature 1.
 * @param rewards the reward of each of these responses, by seed and prompt. Prompts none of whose scores is finite are left out.
 * @param betas default: the reward's standard deviation within a prompt times 4, 2, …, 1/16.
 * @returns nothing where the reward tells no two responses apart.
 */
export function tiltCurve(
  drawn: readonly (readonly Facts[])[],
  rewards: readonly (readonly (readonly number[])[])[],
  ground: Ground,
  betas?: readonly number[],
): TiltMetrics[] {
  const facts = overSeeds(drawn);
  const scores = facts.map((_, p) => rewards.flatMap((seed) => seed[p]!));
  const kept = facts.flatMap((prompt, p) =>
    scores[p]!.some(Number.isFinite) ? [{ prompt, own: scores[p]! }] : [],
  );
  if (kept.length === 0) return [];
  const estimate = (values: readonly number[]): Estimate =>
    estimateMean(values, ground.resamples(values.length));
  return [...(betas ?? tiltBetas(scores))]
    .sort((a, b) => b - a)
    .map((beta) => {
      const rows = kept.map(({ prompt, own }) => tilted(prompt, own, beta));
      const correct = rows.flatMap((row) => row.correct ?? []);
      return {
        beta,
        reward: estimate(rows.map((row) => row.reward)),
        logLikelihood: estimate(rows.map(({ logProb }) => logProb)),
        ...(correct.length > 0 && {
          accuracy: estimateMean(correct, ground.resamples(correct.length), "share"),
          covariance: estimate(rows.flatMap(({ covariance }) => covariance ?? [])),
        }),
        kl: estimate(rows.map(({ kl }) => kl)),
        effectiveResponses: rows.reduce((sum, { effective }) => sum + effective, 0) / rows.length,
      };
    });
}
