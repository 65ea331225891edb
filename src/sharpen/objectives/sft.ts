import { UsageError } from "../../core/errors.js";
import type { Objective } from "./objective.js";

/**
 * SFT-Sharpening (paper §2.1): the mean negative log-likelihood −Σ w_i log π(y_i | x_i) / Σ w_i of the kept responses.
 * @param weights how often each sequence occurs (non-negative, not all 0), or just the number of sequences.
 * @throws UsageError for no sequences or no weight.
 */
export function sftObjective(weights: number | ArrayLike<number>): Objective {
  const counts = typeof weights === "number" ? new Float64Array(weights).fill(1) : Float64Array.from(weights);
  const total = counts.reduce((sum, value) => sum + value, 0);
  if (!(total > 0)) throw new UsageError("SFT needs at least one sequence with a positive weight");
  return {
    name: "sft",
    sequences: counts.length,
    evaluate: (logProbs) => {
      let loss = 0;
      for (let i = 0; i < counts.length; i++) loss -= (counts[i]! / total) * logProbs[i]!;
      return { loss, gradient: counts.map((count) => -count / total) };
    },
  };
}
