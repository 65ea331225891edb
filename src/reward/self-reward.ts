import type { Policy, Prompt, Response } from "../policy/policy.js";
import type { Pruner, PruningContext } from "./pruning.js";

/** A prompt's responses, and what a self-reward may know of them: never a label. */
export interface Pool {
  readonly prompt: Prompt;
  /** y_1..y_N, by index. */
  readonly responses: readonly Response[];
  /** The task's answer extractor (canonical: equal answers are equal strings). */
  readonly extract: (text: string) => string | undefined;
  /** The base model, for rewards that ask it (judge). */
  readonly policy?: Policy;
}

/**
 * r_self(y | x; π_base): scores a prompt's responses with nothing but the model (paper §1.1, eq. 1, App. A.2).
 * A new one is a file in this folder and a line in the registry.
 * @example
 * ```ts
 * import { rewardViolations } from "whetstone/testing";
 * import type { SelfReward } from "whetstone/reward";
 *
 * // Prefers few tokens.
 * const brevity: SelfReward = {
 *   name: "brevity",
 *   description: "minus the number of tokens",
 *   needs: [],
 *   score: async ({ responses }) => responses.map(({ tokens }) => -tokens.length),
 * };
 * const response = { promptId: "p", text: "yes", tokens: [5], logProbs: [-0.7], finish: "stop" as const };
 * const pool = {
 *   prompt: { id: "p", text: "Is it?" },
 *   responses: [0, 1].map((index) => ({ ...response, index })),
 *   extract: (text: string) => text,
 * };
 * console.log(await rewardViolations(brevity, pool)); // → []
 * ```
 */
export interface SelfReward {
  /** The name used on the command line and in every table. */
  readonly name: string;
  /** One sentence for `--help` and the report. */
  readonly description: string;
  /**
   * The response fields or helpers it cannot do without; checked before a run, not in the middle of it. `policy`: it asks the model;
   * `entropies` beside it: what it asks for are those, and not that the model reads text of the reward's own.
   */
  readonly needs: readonly ("certainties" | "policy" | "entropies")[];
  /**
   * What of log π the scores follow from. `own`: of each response's own alone, and no score falls where that rises, so that of rounded
   * log-probabilities a few have to be known exactly to choose exactly. `none`: nothing of it. Absent: anything.
   */
  readonly ofLogProbs?: "own" | "none";
  /** A score a response, in the order given; higher is better; never NaN. */
  score(pool: Pool): Promise<readonly number[]>;
  /**
   * For a reward whose scores depend on the rest of the pool: P(response i is chosen) when a uniformly random subset
   * of `n` of the pool is drawn, ties shared evenly; sums to 1. Absent: the scores are pointwise, and rank weights
   * give the same quantity (evaluate/subsets).
   */
  chosenProbabilities?(pool: Pool, n: number): readonly number[];
  /**
   * Whether `chosenProbabilities` can tell for subsets of `n` of a number of responses; absent: for every n. Elsewhere
   * the reward is not measured. Always true for n = size.
   */
  measurable?(size: number, n: number): boolean;
  /**
   * The choice from a given pool is itself random: `score` is one draw of it, fixed by the prompt and the responses, and
   * `chosenProbabilities` is its expectation. Absent: the highest score is chosen.
   */
  readonly randomized?: true;
  /** Lossless early stopping of responses that cannot be chosen; absent where the score has no bound. */
  pruner?(context: PruningContext): Pruner;
}

/** The same self-reward with another way to score: everything else is asked of the given one. */
export function withScore(reward: SelfReward, score: SelfReward["score"]): SelfReward {
  const { name, description, needs, ofLogProbs, randomized } = reward;
  return {
    ...{ name, description, needs, score },
    ...(ofLogProbs && { ofLogProbs }),
    ...(randomized && { randomized }),
    ...(reward.chosenProbabilities && {
      chosenProbabilities: (pool, n) => reward.chosenProbabilities!(pool, n),
    }),
    ...(reward.measurable && { measurable: (size, n) => reward.measurable!(size, n) }),
    ...(reward.pruner && { pruner: (context) => reward.pruner!(context) }),
  };
}

/**
 * The chosen response's position: the highest score, the lowest position on ties (a serializable, stable rule).
 * @example
 * ```ts
 * import { choose } from "whetstone";
 * console.log(choose([-3.2, -1.5, -1.5])); // → 1
 * ```
 */
export function choose(scores: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] as number) > (scores[best] as number)) best = i;
  return best;
}
