import { UsageError } from "../core/errors.js";
import type { Prompt, ScoreRequest } from "../policy/policy.js";
import { inBatches, meanLoss, type FitBatch, type FitProblem } from "./fit-problem.js";
import { rewardRegressionObjective, xpoObjective, type ResponsePair } from "./objectives/index.js";

/** A response with what is known of it before training. */
export interface RewardedResponse {
  readonly tokens: readonly number[];
  /** log π_base(y|x), whole sequence, temperature 1, in nats. */
  readonly reference: number;
  /** r(y|x). */
  readonly reward: number;
}

/** The responses to one prompt whose pairs are learned from; at least two. */
export interface PairExample {
  readonly prompt: Prompt;
  readonly responses: readonly RewardedResponse[];
}

/** Which responses of an example make pairs: every two of them, or the first with each of the others (XPO's y and y′). */
export type Pairing = "all" | "first";

/** How many pairs so many responses make. */
export function pairCount(responses: number, pairing: Pairing): number {
  return pairing === "all" ? (responses * (responses - 1)) / 2 : responses - 1;
}

/** What the regression on pairs is done with. */
export interface PairOptions {
  /** β > 0. */
  readonly beta: number;
  readonly pairing: Pairing;
  /** XPO's α ≥ 0; absent: the offline objective. */
  readonly alpha?: number;
}

/** A step's sequences and its objective: reward regression, or XPO's where there is an α. */
export function pairBatch(examples: readonly PairExample[], { beta, pairing, alpha }: PairOptions): FitBatch {
  const sequences: ScoreRequest[] = [];
  const pairs: ResponsePair[] = [];
  for (const { prompt, responses } of examples) {
    const at = sequences.length;
    responses.forEach(({ tokens }) => sequences.push({ prompt, tokens }));
    const firsts = pairing === "all" ? responses.length : 1;
    for (let i = 0; i < firsts; i++) {
      for (let j = i + 1; j < responses.length; j++) {
        const [y, other] = [responses[i]!, responses[j]!];
        pairs.push({
          first: at + i,
          second: at + j,
          referenceGap: y.reference - other.reference,
          rewardGap: y.reward - other.reward,
        });
      }
    }
  }
  const options = { beta, pairs, sequences: sequences.length };
  const objective =
    alpha === undefined ? rewardRegressionObjective(options) : xpoObjective({ ...options, alpha });
  return { sequences, objective, size: pairs.length };
}

/** Prompts whose pairs are scored at once. */
const SCORE_BATCH = 32;

/**
 * RLHF-Sharpening, offline (paper eq. 4/8): reward regression on all pairs of each prompt's responses, judged by the same
 * loss on other prompts.
 * @throws UsageError without pairs to learn from, or for β ≤ 0.
 */
export function dpoProblem(
  examples: readonly PairExample[],
  validation: readonly PairExample[],
  { beta, epochs }: { readonly beta: number; readonly epochs: number },
): FitProblem<PairExample> {
  if (!(beta > 0 && beta < Infinity)) throw new UsageError(`β must be positive, not ${beta}.`);
  if (examples.length === 0)
    throw new UsageError("There is nothing to train on: no prompt has two responses with a reward.");
  const judged = validation.length > 0 ? validation : examples;
  const batch = (part: readonly PairExample[]): FitBatch => pairBatch(part, { beta, pairing: "all" });
  return {
    iterates: epochs,
    passes: 1,
    count: () => examples.length,
    examples: () => Promise.resolve(examples),
    wholeIterates: false,
    batch,
    judge: async (trainer) => ({
      validationLoss: await meanLoss(trainer, inBatches(judged, SCORE_BATCH, batch)),
    }),
  };
}
