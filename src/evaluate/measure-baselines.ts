import { DataError } from "../core/errors.js";
import type { Response } from "../policy/policy.js";
import { answerMetrics, byPrompt, factsOf, prepareBase, sampledOnce } from "./answers.js";
import type { BaseInputs } from "./answers.js";
import type { AnswerMetrics } from "./metrics.js";

/** What the base drew in one way other than at the run's temperature. */
export interface BaselineDraws {
  /** In words: `temperature 0.5`. */
  readonly name: string;
  /** At least one a prompt, in any order; log-probabilities at temperature 1. */
  readonly responses: readonly Response[];
}

/** What `measureBaselines` takes. */
export interface BaselineInputs extends BaseInputs {
  readonly drawn: readonly BaselineDraws[];
}

/**
 * Measures one sample of each way of drawing against the base's greedy responses, all differences paired by prompt; by name, in the
 * order given.
 * @throws UsageError without prompts; DataError where a prompt has no greedy response, or none drawn in one of the ways.
 */
export function measureBaselines(inputs: BaselineInputs): Record<string, AnswerMetrics> {
  const { ground, greedy } = prepareBase(inputs);
  return Object.fromEntries(
    inputs.drawn.map(({ name, responses }) => {
      const own = byPrompt(responses);
      const facts = inputs.pools.map(({ prompt: { id } }) => {
        const drawn = own.get(id);
        if (drawn === undefined)
          throw new DataError(`Prompt "${id}" has no response drawn with ${name}: continue the run.`);
        return factsOf(inputs.task, id, drawn);
      });
      return [name, answerMetrics([sampledOnce(facts)], ground, greedy)];
    }),
  );
}
