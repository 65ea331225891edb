import { UsageError } from "../../core/errors.js";
import { checkFit } from "../fit-adapter.js";
import { dpoProblem, pairCount, type PairExample } from "../pairs.js";
import { baseResponses, checkRegressable, pairExamples } from "./base-responses.js";
import type { MethodContext, MethodPlan } from "./method.js";

/** β of DPO when none is given: the target is then π_base³. The paper's own choice is for its guarantee (Thm 4.2). */
export const DEFAULT_BETA = 0.5;
/** Responses per validation prompt: the loss on few pairs would choose the iterate by chance. */
export const VALIDATION_RESPONSES = 8;

/** How many pairs there are in all. */
const pairsIn = (examples: readonly PairExample[]): number =>
  examples.reduce((sum, { responses }) => sum + pairCount(responses.length, "all"), 0);

/**
 * RLHF-Sharpening, offline (paper eq. 4/8): reward regression on every pair of the base's N responses to each training
 * prompt; N = 2 is the paper's. References are the log-probabilities of sampling.
 */
export async function planDpo(context: MethodContext): Promise<MethodPlan> {
  const { split, settings, reward } = context;
  checkRegressable(reward, "dpo");
  const { trainN, beta = DEFAULT_BETA } = settings;
  const judgedN = Math.max(trainN, VALIDATION_RESPONSES);
  const learned = await baseResponses(context, split.train, trainN, "drawing pairs");
  const judged = await baseResponses(context, split.validation, judgedN, "drawing validation pairs");
  const examples = await pairExamples(context, "dpo", split.train, learned);
  if (examples.every(({ responses }) => responses.every(({ reward: r }) => r === responses[0]!.reward))) {
    throw new UsageError(
      `No two of the ${trainN} responses to a prompt differ in ${reward.name}, so there is nothing to learn: raise trainN.`,
    );
  }
  const validation = await pairExamples(context, "dpo", split.validation, judged);
  const problem = dpoProblem(examples, validation, { beta, epochs: checkFit(settings.fit).epochs });
  return {
    fitTo: (fit) => fit(problem),
    iterates: problem.iterates,
    facts: {
      modelCalls: split.train.length * trainN,
      validationCalls: split.validation.length * judgedN,
      trainingPairs: pairsIn(examples),
      beta,
    },
  };
}
