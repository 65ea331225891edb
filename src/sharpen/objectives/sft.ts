import { UsageError } from "../../core/errors.js";
import type { Objective } from "./objective.js";

/**
 * SFT-Sharpening (paper §2.1): the negative log-likelihood −Σ w_i log π(y_i | x_i) / total of the kept responses.
 * @param weights how often each sequence occurs (non-negative, not all 0), or just the number of sequences.
 * @param total what the sum is divided by: Σ w_i by default, or the number of tokens, for the mean per token.
 * @throws UsageError for no sequences or no weight.
 * @example
 * ```ts
 * import { sftObjective } from "whetstone/train";
 * const objective = sftObjective([2, 1]);
 * console.log(objective.evaluate([-1, -4]).loss); // → 2
 * ```
 */
export function sftObjective(weights: number | ArrayLike<number>, total?: number): Objective {
  const counts = typeof weights === "number" ? new Float64Array(weights).fill(1) : Float64Array.from(weights);
  const divisor = total ?? counts.reduce((sum, value) => sum + value, 0);
  if (!(divisor > 0)) throw new UsageError("SFT needs at least one sequence with a positive weight");
  const gradient = counts.map((count) => -count / divisor);
  return {
    name: "sft",
    sequences: counts.length,
    constantGradient: gradient,
    evaluate: (logProbs) => {
      let loss = 0;
      for (let i = 0; i < counts.length; i++) loss -= (counts[i]! / divisor) * logProbs[i]!;
      return { loss, gradient: gradient.slice() };
    },
  };
}
