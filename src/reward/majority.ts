import { UsageError } from "../core/errors.js";
import { answerClasses } from "./answer-classes.js";
import { majorityClassProbabilities } from "./majority-probabilities.js";
import { majorityPruner } from "./pruning.js";
import type { SelfReward } from "./self-reward.js";

/**
 * Majority vote, self-consistency (paper App. A.2): Σ over y' with the same extracted answer of π_base(y'|x), estimated by
 * the answer's share of the pool, in [0, 1].
 *
 * Responses without an extractable answer form no class: they agree on nothing. Each scores 0, below every answered one,
 * so that one is chosen only where no response has an answer, and then all alike.
 *
 * The score depends on the rest of the pool, hence `chosenProbabilities`: exact, ties among answers shared evenly, and
 * an answer's share divided evenly among its responses. @throws UsageError unless 1 ≤ n ≤ the pool's size, n an integer.
 */
export const majority: SelfReward = {
  name: "majority",
  description: "How many of the other responses give the same answer (self-consistency).",
  needs: [],
  ofLogProbs: "none",
  pruner: majorityPruner,
  score: (pool) => {
    const { classOf, sizes } = answerClasses(pool);
    return Promise.resolve(classOf.map((number) => (number < 0 ? 0 : sizes[number]! / classOf.length)));
  },
  chosenProbabilities: (pool, n) => {
    const { classOf, sizes, unanswered } = answerClasses(pool);
    const total = classOf.length;
    if (!Number.isInteger(n) || n < 1 || n > total) {
      throw new UsageError(
        `Majority among ${String(n)} of the ${String(total)} responses to prompt "${pool.prompt.id}" is not defined: ` +
          `ask for a whole number from 1 to ${String(total)}.`,
      );
    }
    const { classes, none } = majorityClassProbabilities(sizes, unanswered, n);
    return classOf.map((number) => (number < 0 ? none / unanswered : classes[number]! / sizes[number]!));
  },
};
