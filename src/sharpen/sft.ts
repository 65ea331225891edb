import { UsageError } from "../core/errors.js";
import type { ScoreRequest } from "../policy/policy.js";
import type { Trainers } from "../policy/trainer.js";
import { checkFit, fitAdapter, type FitHooks, type FitOptions, type FitResult } from "./fit-adapter.js";
import { inBatches, meanLoss, type FitBatch, type FitProblem } from "./fit-problem.js";
import { sftObjective } from "./objectives/index.js";

/** Examples scored at once. */
const SCORE_BATCH = 256;

/**
 * SFT-Sharpening (paper §2.1): fits π̂ = argmax Σ log π(y^BoN | x) over a LoRA adapter, with AdamW, and keeps the iterate
 * with the lowest loss on validation prompts' own chosen responses, which needs no labels. Each step's loss is the mean
 * per response token of its batch, as in supervised fine-tuning everywhere.
 * @param trainers who trains: `localTrainers(policy)` on this machine.
 * @param examples prompts with their chosen responses' token ids; @param validation likewise, of other prompts.
 * @throws UsageError without examples, for one without tokens, or for settings out of range; InterruptedError once `signal`
 * has fired.
 */
export async function sftSharpen<A>(
  trainers: Trainers<A>,
  examples: readonly ScoreRequest[],
  validation: readonly ScoreRequest[],
  options: FitOptions,
  hooks: FitHooks<A> = {},
): Promise<FitResult<A>> {
  const { epochs } = checkFit(options);
  return fitAdapter(trainers, sftProblem(examples, validation, epochs), options, hooks);
}

/**
 * What SFT-Sharpening fits; see `sftSharpen`.
 * @throws UsageError without examples, or for one without tokens.
 */
export function sftProblem(
  examples: readonly ScoreRequest[],
  validation: readonly ScoreRequest[],
  epochs: number,
): FitProblem<ScoreRequest> {
  if (examples.length === 0)
    throw new UsageError("There is nothing to train on: no prompt has a chosen response.");
  const empty = [...examples, ...validation].find(({ tokens }) => tokens.length === 0);
  if (empty)
    throw new UsageError(`The response to prompt "${empty.prompt.id}" has no tokens to learn; leave it out.`);
  const judged = validation.length > 0 ? validation : examples;
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

/** Sequences weigh alike by the token. */
function batch(sequences: readonly ScoreRequest[]): FitBatch {
  const size = sequences.reduce((sum, { tokens }) => sum + tokens.length, 0);
  return { sequences, objective: sftObjective(sequences.length, size), size };
}
