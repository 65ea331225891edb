import type { RandomStream } from "../core/random.js";
import { rewardRegressionObjective, type ResponsePair } from "../sharpen/objectives/index.js";
import type { Instance, Rows } from "./instance.js";
import type { DrawnPair, SampleOracle } from "./oracle.js";
import { concentrability, logLikelihoodReward, overPrompts, sharpenedOptimum } from "./quantities.js";
import type { ProductClass } from "./sft.js";

/**
 * RLHF-Sharpening's offline form (paper eq. 4/8) over a product class: prompt by prompt the candidate of least loss on
 * the pairs, the first on ties (the class is in random order). r = log π_base comes from the pairs themselves.
 * @param sign −1 turns the reward, for a mutation.
 */
export function dpoLearn(product: ProductClass, pairs: readonly DrawnPair[], beta: number, sign = 1): Rows {
  return product.candidates.map((rows, x) => {
    const sequences = rows[0]!.length;
    const own: ResponsePair[] = pairs
      .filter(({ prompt }) => prompt === x)
      .map(({ first, second, count, firstLogProb, secondLogProb }) => {
        const gap = firstLogProb - secondLogProb;
        return { first, second, referenceGap: gap, rewardGap: sign * gap, weight: count };
      });
    if (own.length === 0) return rows[0]!;
    const objective = rewardRegressionObjective({ beta, pairs: own, sequences });
    let best = rows[0]!;
    let least = Infinity;
    for (const row of rows) {
      const { loss } = objective.evaluate(row.map(Math.log));
      if (loss < least - 1e-18) {
        best = row;
        least = loss;
      }
    }
    return best;
  });
}

/** n pairs through the oracle (m = 2n), then `dpoLearn`. */
export function dpo(oracle: SampleOracle, n: number, product: ProductClass, beta: number, sign = 1): Rows {
  return dpoLearn(product, oracle.pairs(n), beta, sign);
}

/** For each prompt π*_β and the same for permuted bases, in random order: a realizable class of full support. */
export function sharpenedClass(
  instance: Instance,
  beta: number,
  perPrompt: number,
  stream: RandomStream,
): ProductClass {
  const rewards = logLikelihoodReward(instance);
  const optimum = sharpenedOptimum(instance, rewards, beta);
  const candidates = optimum.map((row) => {
    const decoys = Array.from({ length: perPrompt - 1 }, () => Float64Array.from(stream.shuffle([...row])));
    // Keeps log-ratios finite; at the β in use (≥ 0.004) no probability is that small, so the class stays realizable.
    return stream.shuffle([row, ...decoys]).map((candidate) => candidate.map((p) => Math.max(p, 1e-300)));
  });
  return { candidates, logSize: instance.base.length * Math.log(perPrompt) };
}

/** What Thm 4.2's bound is made of. */
export interface DpoQuantities {
  /** C_conc: the largest C_π over the class (paper eq. 9). */
  readonly concentrability: number;
  /** B: the largest |β log(π/π_base)(y) − r(y) − β log(π/π_base)(y′) + r(y′)| over class, prompts and pairs. */
  readonly range: number;
  /** E_x[log 1/π_base(y*|x)]; at most log C_cov. */
  readonly surprise: number;
}

/** The quantities of an instance and a class, exactly. */
export function dpoQuantities(instance: Instance, product: ProductClass, beta: number): DpoQuantities {
  let range = 0;
  product.candidates.forEach((rows, x) => {
    for (const row of rows) {
      const values = row.map((p, y) => beta * Math.log(p) - (1 + beta) * Math.log(instance.base[x]![y]!));
      range = Math.max(range, Math.max(...values) - Math.min(...values));
    }
  });
  const largest = overPrompts(instance, (x, base) =>
    Math.max(
      ...product.candidates[x]!.map((row) =>
        concentrability({ weights: Float64Array.of(1), base: [base] }, [row]),
      ),
    ),
  );
  const surprise = overPrompts(instance, (_, base) => -Math.log(Math.max(...base)));
  return { concentrability: largest, range, surprise };
}

/**
 * Thm 4.2 with its constants, for a finite realizable class and exact rewards: with probability ≥ 1−ρ,
 * P_x[π̂(y*|x) ≤ 1−δ] ≤ (β·E[log 1/π(y*)] + 2B·√(C_conc·log(|Π|/ρ)/n)) / (δ·log(1+γ_margin)).
 * A minimizer has zero loss, so E[Δ²] ≤ B²·log(|Π|/ρ)/n for its residual Δ; J_β(π*) − J_β(π̂) ≤ 2√(C_conc·E[Δ²]) by
 * Cauchy–Schwarz through π_base; the best response on y* loses at most β·log 1/π(y*) to the KL term; each unit of mass
 * off y* costs log(1+γ_margin) of reward; and Markov. (β log π = −∞ is excluded by full support.)
 */
export function dpoFailureBound(q: {
  readonly quantities: DpoQuantities;
  readonly beta: number;
  readonly logClassOverRho: number;
  readonly n: number;
  readonly delta: number;
  readonly margin: number;
}): number {
  const { concentrability: c, range, surprise } = q.quantities;
  const regret = 2 * range * Math.sqrt((c * q.logClassOverRho) / q.n);
  return (q.beta * surprise + regret) / (q.delta * Math.log1p(q.margin));
}
