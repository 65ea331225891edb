import { createHash } from "node:crypto";
import { UsageError } from "../core/errors.js";
import { logSoftmax, type DifferentiablePolicy } from "./differentiable.js";
import type { Conditionals } from "./sequential.js";

/**
 * Linear softmax policies π_θ(y | x) ∝ exp⟨φ(x, y), θ⟩ (paper Example J.1, Lemma J.5).
 * @param features φ(x, ·) for each prompt: response-major, `features[x][y·d + k]` = φ_k(x, y).
 * @param dimension d ≥ 1.
 * @throws UsageError when a feature table is not a whole number of rows.
 */
export function linearSoftmaxClass(
  features: readonly Float64Array[],
  dimension: number,
): DifferentiablePolicy {
  for (const table of features) {
    if (table.length === 0 || table.length % dimension !== 0) {
      throw new UsageError(`a feature table of ${table.length} values is not made of rows of ${dimension}`);
    }
  }
  const logProbs = (theta: Float64Array, x: number): Float64Array => {
    const table = features[x]!;
    const logits = new Float64Array(table.length / dimension);
    for (let y = 0; y < logits.length; y++) {
      let sum = 0;
      for (let k = 0; k < dimension; k++) sum += table[y * dimension + k]! * theta[k]!;
      logits[y] = sum;
    }
    return logSoftmax(logits);
  };
  return {
    size: dimension,
    prompts: features.length,
    logProbs,
    addGradient: (theta, x, coefficients, gradient) => {
      const table = features[x]!;
      const row = logProbs(theta, x);
      const total = coefficients.reduce((sum, value) => sum + value, 0);
      for (let y = 0; y < row.length; y++) {
        const weight = coefficients[y]! - total * Math.exp(row[y]!);
        for (let k = 0; k < dimension; k++) gradient[k]! += weight * table[y * dimension + k]!;
      }
    },
  };
}

/** Sparse features of one candidate token: [index, value] pairs into θ_h. */
export type SparseFeatures = readonly (readonly [number, number])[];

/** What an autoregressive linear softmax model is made of. */
export interface AutoregressiveLinearSoftmax {
  /** Number of tokens. */
  readonly vocabulary: number;
  /** H ≥ 1: every response has this many tokens. */
  readonly horizon: number;
  /** φ_h(x, y_<h, v); h from 0. Features that θ_h holds at zero may be left out. */
  readonly features: (step: number, prefix: readonly number[], token: number) => SparseFeatures;
  /** θ_1..θ_H. */
  readonly theta: readonly Float64Array[];
}

/**
 * The autoregressive form π_θ(y | x) = Π_h exp⟨φ_h(y_<h, y_h), θ_h⟩ / Z_h(y_<h) with a parameter for each position
 * (paper App. E, Prop. E.1 and E.2), as conditionals for `sequentialPolicy`, `enumerateResponses` and `scoreTokens`;
 * the same for every prompt.
 */
export function autoregressiveConditionals(model: AutoregressiveLinearSoftmax): Conditionals {
  return {
    next: (_promptId, prefix) => {
      const step = prefix.length;
      if (step >= model.horizon) return undefined;
      const theta = model.theta[step]!;
      const logits = new Float64Array(model.vocabulary);
      for (let token = 0; token < model.vocabulary; token++) {
        let sum = 0;
        for (const [index, value] of model.features(step, prefix, token)) sum += value * theta[index]!;
        logits[token] = sum;
      }
      return logSoftmax(logits);
    },
  };
}

/** A fingerprint of the parameters, for `SequentialOptions.fingerprint`; the features' name has to say the rest. */
export function parameterFingerprint(featuresName: string, theta: readonly Float64Array[]): string {
  const hash = createHash("sha256").update(featuresName);
  for (const step of theta) hash.update(new Uint8Array(step.buffer, step.byteOffset, step.byteLength));
  return hash.digest("hex");
}
