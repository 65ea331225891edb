import { xpoObjective, type ResponsePair } from "../sharpen/objectives/index.js";
import type { Drawn, QueryOracle } from "./oracle.js";

/** How XPO over a finite class of one prompt is run. */
export interface FiniteXpoOptions {
  /** Π as rows of log-probabilities, all finite; the first wins ties. */
  readonly logCandidates: readonly Float64Array[];
  readonly alpha: number;
  readonly beta: number;
  /** T. */
  readonly rounds: number;
  /** Number of responses Y. */
  readonly responses: number;
  /** r(y) by response; log π_base, as the oracle tells it, by default. */
  readonly reward?: (response: number) => number;
  /** Responses drawn once per new iterate to estimate its J_β; 32 by default. */
  readonly evaluations?: number;
  /** −1: the misprinted sign, for a mutation. */
  readonly lossSign?: 1 | -1;
  /** `false`: y is drawn from π_base and α = 0, which is the offline form; for a mutation and for comparison. */
  readonly explore?: boolean;
  /** Called after each round with the candidate that would be returned now (−1: π_base). */
  readonly onRound?: (round: number, returned: number) => void;
}

/**
 * XPO (paper Alg. 1) over a finite class, exactly: π^(1) = π_base; each round draws y ~ π^(t), y′ ~ π_base, and takes
 * the candidate of least `xpoObjective` on all pairs so far. The iterate with the best estimated J_β is returned: each
 * new iterate gets `evaluations` draws of r(y) − β log[π(y)/π_base(y)]. Sees the oracle only.
 * @returns the candidate returned after the last round; −1 is π_base.
 */
export function xpoFinite(oracle: QueryOracle, options: FiniteXpoOptions): number {
  const { logCandidates: logs, beta, evaluations = 32, explore = true, lossSign = 1 } = options;
  const alpha = explore ? options.alpha : 0;
  const rewardOf = ({ response, logProb }: Drawn): number => options.reward?.(response) ?? logProb;
  const candidates = logs.map((row) => row.map(Math.exp));
  const pairs = new Map<number, ResponsePair & { weight: number }>();
  const estimates = new Map<number, number>();
  let current = -1;
  let returned = -1;
  for (let round = 1; round <= options.rounds; round++) {
    if (explore && !estimates.has(current)) {
      let sum = 0;
      for (let i = 0; i < evaluations; i++) {
        const drawn = current < 0 ? oracle.draw(0) : oracle.generate(0, candidates[current]!);
        const ratio = current < 0 ? 0 : logs[current]![drawn.response]! - drawn.logProb;
        sum += rewardOf(drawn) - beta * ratio;
      }
      estimates.set(current, sum / evaluations);
      if (sum / evaluations > (estimates.get(returned) ?? -Infinity)) returned = current;
    }
    const first = explore && current >= 0 ? oracle.generate(0, candidates[current]!) : oracle.draw(0);
    const second = oracle.draw(0);
    const gap = first.logProb - second.logProb;
    const key = first.response * options.responses + second.response;
    const known = pairs.get(key);
    if (known !== undefined) known.weight++;
    else {
      pairs.set(key, {
        first: first.response,
        second: second.response,
        referenceGap: gap,
        rewardGap: rewardOf(first) - rewardOf(second),
        weight: 1,
      });
    }
    const objective = xpoObjective({
      alpha,
      beta,
      lossSign,
      pairs: [...pairs.values()],
      sequences: options.responses,
    });
    current = argmin(logs.map((row) => objective.evaluate(row).loss));
    options.onRound?.(round, explore ? returned : current);
  }
  return explore ? returned : current;
}

function argmin(values: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! < values[best]! - 1e-15) best = i;
  return best;
}

/** What the explicit form of Thm J.2 is made of. */
export interface XpoBoundQuantities {
  readonly beta: number;
  /** B: the largest |δ| over class and pairs. λ = B². */
  readonly range: number;
  /** W: the largest range over y of log(π/π*_β)(y) over the class. */
  readonly logRange: number;
  readonly classSize: number;
  readonly rounds: number;
  readonly rho: number;
  /** An upper bound on SEC at λ = B². */
  readonly sec: number;
}

/**
 * The α that balances the explicit bound: β·√((B²ℓ + 0.632λ)(1 + ln T)/(0.396·SEC·T)), ℓ = log(2|Π|T/ρ). It is the paper's
 * α = β/(R_max+V_max)·√(…/(SEC·T)) up to logs and scale: ours carries B where the paper divides by R_max + V_max, since
 * α·log π has to have the unit of a squared reward. The two agree where the range is 1.
 */
export function explicitAlpha(q: XpoBoundQuantities): number {
  return q.beta * Math.sqrt(noise(q) / (0.396 * q.sec * q.rounds));
}

const noise = ({ range, classSize, rounds, rho }: XpoBoundQuantities): number =>
  range ** 2 * (Math.log((2 * classSize * rounds) / rho) + 0.632) * (1 + Math.log(rounds));

/**
 * Thm 4.3/J.2 with its constants, for a finite realizable class and exact rewards: with probability ≥ 1−ρ,
 * min_t J_β(π*) − J_β(π^(t)) ≤ (1.26·√(SEC·(B²ℓ + 0.632λ)(1 + ln T)) + βW·√(2ℓ))/√T, ℓ = log(2|Π|T/ρ), λ = B².
 *
 * J(π*) − J(π^t) = E^(t)[δ_t] + β·E_base[log π^t/π*]. The objective at π^t is at most its value at π*, so the second term is
 * ≤ −(β/α(t−1))·Σ_{i<t} δ_t(i)² + βW√(ℓ/2(t−1)) (Hoeffding); Σ E^(i)δ_t² ≤ 1.582(Σ δ_t(i)² + B²ℓ) (multiplicative
 * Chernoff for martingales); the first term is split by AM–GM against SEC's denominator with weight 0.791·α(t−1)/β.
 * Summed over t = 2..T, and π^(1) is left out of the minimum.
 */
export function xpoRegretBound(q: XpoBoundQuantities): number {
  const logTerm = Math.log((2 * q.classSize * q.rounds) / q.rho);
  const main = 2 * Math.sqrt(0.396 * q.sec * noise(q)) + q.beta * q.logRange * Math.sqrt(2 * logTerm);
  return main / Math.sqrt(q.rounds) / (1 - 1 / q.rounds);
}
