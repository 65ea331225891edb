import { UsageError } from "../../core/errors.js";
import type { Objective } from "./objective.js";
import { rewardRegressionObjective, type RewardRegressionOptions } from "./reward-regression.js";

/** What XPO's objective is a function of. */
export interface XpoOptions extends RewardRegressionOptions {
  /** α ≥ 0, the weight of the optimism term; 0 gives the offline form on the same pairs. */
  readonly alpha: number;
  /**
   * Sign before the squared sum: 1. (−1 is the paper's misprint and there only to show what it does: the loss is then
   * unbounded below.)
   */
  readonly lossSign?: 1 | -1;
}

/**
 * XPO, reward variant (paper Alg. 1): [α Σ_D log π(y′|x) + Σ_D residual²] / |D|, minimized over π. The first term is
 * the optimism: it pushes mass off the base's responses y′.
 *
 * Erratum: the paper's display prints a minus before the squared sum, while its own proof (the functional L̂ in J.2.2)
 * minimizes the sum with a plus. The minus would maximize the regression loss, so the plus is what is implemented.
 * Divided by |D| as the other objectives are; the minimizer is the same.
 * @throws UsageError for α < 0 and as `rewardRegressionObjective`.
 */
export function xpoObjective(options: XpoOptions): Objective {
  const { alpha, pairs, sequences, lossSign = 1 } = options;
  if (!(alpha >= 0)) throw new UsageError(`α must not be negative, and is ${alpha}`);
  const regression = rewardRegressionObjective(options);
  const total = pairs.reduce((sum, pair) => sum + (pair.weight ?? 1), 0);
  return {
    name: "xpo",
    sequences,
    evaluate: (logProbs) => {
      const fit = regression.evaluate(logProbs);
      const gradient = fit.gradient.map((value) => lossSign * value);
      let loss = lossSign * fit.loss;
      for (const pair of pairs) {
        const share = (alpha * (pair.weight ?? 1)) / total;
        loss += share * logProbs[pair.second]!;
        gradient[pair.second]! += share;
      }
      return { loss, gradient };
    },
  };
}

/** The quantities in the paper's choice of α (Thm J.2). */
export interface XpoAlphaOptions {
  readonly beta: number;
  /** R_max + V_max: range of the reward plus range of β log(π/π_base) over the class. */
  readonly range: number;
  /** log 𝒩: log of the class size or covering number. */
  readonly logClassSize: number;
  /** T, the number of rounds. */
  readonly rounds: number;
  /** ρ, the failure probability. */
  readonly rho: number;
  /** The sequential extrapolation coefficient (Def. J.1). */
  readonly sec: number;
}

/** α = β/(R_max+V_max)·√(log(2·𝒩·T/ρ)/(SEC·T)) (paper Thm 4.3/J.2). */
export function paperAlpha({ beta, range, logClassSize, rounds, rho, sec }: XpoAlphaOptions): number {
  return (beta / range) * Math.sqrt((Math.log((2 * rounds) / rho) + logClassSize) / (sec * rounds));
}

/** β = γ_margin/(2·log(2|Y|/δ)) (paper Thm 4.3): sharp enough that π*_β(y*) ≥ 1 − δ. */
export function paperBeta(margin: number, responses: number, delta: number): number {
  return margin / (2 * Math.log((2 * responses) / delta));
}
