import type { EpochMetrics } from "../evaluate/metrics.js";
import type { ScoreRequest } from "../policy/policy.js";
import type { Trainer } from "../policy/trainer.js";
import type { Objective } from "./objectives/index.js";

/** One iterate: after an epoch (SFT, DPO), or after a round (XPO). */
export type Iterate = Pick<EpochMetrics, "epoch" | "trainLoss" | "validationLoss" | "objective">;

/** A batch: its sequences and what is minimized as a function of their log-probabilities. */
export interface FitBatch {
  readonly sequences: readonly ScoreRequest[];
  readonly objective: Objective;
  /** The weight of its loss in a mean over batches: its tokens, or its pairs. */
  readonly size: number;
}

/** What an adapter is fitted to, and what judges its iterates. */
export interface FitProblem<E> {
  /** What is trained, whatever the settings name. Default: what they name. */
  readonly targets?: readonly string[];
  /** How many iterates there will be besides the base. */
  readonly iterates: number;
  /** Passes over its examples that make an iterate. */
  readonly passes: number;
  /** How many examples iterate t (1, 2, …) is fitted to: known before they are drawn, since the learning rate falls over all steps. */
  count(t: number): number;
  /** These examples, drawn with the adapter as it is where the method asks for that. */
  examples(t: number, trainer: Trainer): Promise<readonly E[]>;
  /**
   * Whether an iterate is learned as a whole or not at all, since its examples are others once the trainer has taken a step. Default: no:
   * what was drawn for it is kept, and training goes on in its midst.
   */
  readonly wholeIterates?: boolean | undefined;
  batch(examples: readonly E[]): FitBatch;
  /** The lower its validation loss, the better the iterate: on other prompts, and without labels. @param epoch 0 for the base. */
  judge(trainer: Trainer, epoch: number): Promise<Pick<Iterate, "validationLoss" | "objective">>;
}

/** log π(y | x) of whole sequences under the parameters as they are, in nats. */
export async function sequenceLogProbs(
  trainer: Pick<Trainer, "logProbs">,
  sequences: readonly ScoreRequest[],
): Promise<number[]> {
  return (await trainer.logProbs(sequences)).map((row) => {
    let sum = 0;
    for (let t = 0; t < row.length; t++) sum += row[t]!;
    return sum;
  });
}

/** The mean of the loss over batches, weighted by their sizes, without a step. */
export async function meanLoss(
  trainer: Pick<Trainer, "logProbs">,
  batches: Iterable<FitBatch>,
): Promise<number> {
  let [total, size] = [0, 0];
  for (const batch of batches) {
    const { loss } = batch.objective.evaluate(await sequenceLogProbs(trainer, batch.sequences));
    total += loss * batch.size;
    size += batch.size;
  }
  return total / size;
}

/** Items in batches of at most `size`, made into batches of a fit. */
export function* inBatches<E>(
  items: readonly E[],
  size: number,
  make: (part: readonly E[]) => FitBatch,
): Generator<FitBatch> {
  for (let at = 0; at < items.length; at += size) yield make(items.slice(at, at + size));
}
