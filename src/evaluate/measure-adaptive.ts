import type { Response } from "../policy/policy.js";
import { answerMetrics, factsOf, oneEach, prepareBase, sampledOnce } from "./answers.js";
import type { Base, BaseInputs } from "./answers.js";
import type { AdaptiveMetrics } from "./metrics.js";

/** What the rule did. */
export interface AdaptiveInputs extends BaseInputs {
  /** The response chosen for each prompt, in any order. */
  readonly chosen: readonly Response[];
  /** Responses drawn, by prompt. */
  readonly drawn: readonly number[];
  /** Prompts on which the cap was hit before the rule fired. */
  readonly capped: number;
  readonly cap: number;
}

/**
 * Measures a rule that draws as many responses as it needs (paper App. D, eq. 10, or by the lead of a vote) against the base's greedy responses.
 * @param base what `prepareBase` makes of the same inputs, where it is there already.
 * @throws UsageError without prompts; DataError where a prompt has no greedy or no chosen response.
 */
export function measureAdaptive(
  inputs: AdaptiveInputs,
  { ground, greedy }: Pick<Base, "ground" | "greedy"> = prepareBase(inputs),
): AdaptiveMetrics {
  const chosen = oneEach(
    inputs.pools.map((pool) => pool.prompt),
    inputs.chosen,
    "adaptively chosen response",
  ).map((response) => factsOf(inputs.task, response.promptId, [response]));
  return {
    ...answerMetrics([sampledOnce(chosen)], ground, greedy),
    meanN: inputs.drawn.reduce((a, b) => a + b, 0) / inputs.drawn.length,
    capped: inputs.capped,
    cap: inputs.cap,
  };
}
