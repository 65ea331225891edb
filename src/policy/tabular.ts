import { UsageError } from "../core/errors.js";
import { logSoftmax, type DifferentiablePolicy } from "./differentiable.js";
import type { Policy } from "./policy.js";
import { sequentialPolicy } from "./sequential.js";

/**
 * The full tabular class: one free logit for each prompt and response, θ[x·Y + y]; contains every policy of full
 * support, so it is always realizable (paper Asm. 4.1 holds by construction).
 * @param responses number of responses Y, the same for each prompt.
 */
export function tabularClass(prompts: number, responses: number): DifferentiablePolicy {
  const logProbs = (theta: Float64Array, x: number): Float64Array =>
    logSoftmax(theta.subarray(x * responses, (x + 1) * responses));
  return {
    size: prompts * responses,
    prompts,
    logProbs,
    addGradient: (theta, x, coefficients, gradient) => {
      const row = logProbs(theta, x);
      const total = coefficients.reduce((sum, value) => sum + value, 0);
      for (let y = 0; y < responses; y++) {
        gradient[x * responses + y]! += coefficients[y]! - total * Math.exp(row[y]!);
      }
    },
  };
}

/**
 * π(y | x) as a table: a `Policy` whose every response is a single token, the response's number.
 * @param rows probabilities by prompt id; each row non-negative and summing to 1 (to 1e-9).
 * @throws UsageError for a row that is not a distribution, or (later) a prompt without a row.
 */
export function tabularPolicy(rows: Readonly<Record<string, readonly number[]>>, name = "tabular"): Policy {
  const table = new Map<string, Float64Array>();
  for (const [id, row] of Object.entries(rows)) {
    const sum = row.reduce((total, value) => total + value, 0);
    if (row.some((value) => !(value >= 0)) || Math.abs(sum - 1) > 1e-9) {
      throw new UsageError(
        `the probabilities of prompt ${id} are not a distribution (sum ${sum}); normalize them`,
      );
    }
    table.set(id, Float64Array.from(row, Math.log));
  }
  return sequentialPolicy({
    name,
    fingerprint: JSON.stringify(["tabular", rows]),
    next: (promptId, prefix) => {
      const row = table.get(promptId);
      if (row === undefined) throw new UsageError(`policy ${name} has no prompt ${promptId}`);
      return prefix.length === 0 ? row : undefined;
    },
  });
}
