import type { RandomStream } from "../core/random.js";
import { logSoftmax } from "../policy/differentiable.js";
import { paperBeta } from "../sharpen/objectives/index.js";
import { normalize, singlePrompt, type Instance } from "./instance.js";
import { adaptiveOracle } from "./oracle.js";
import { logLikelihoodReward, margin, regularizedReturn, unsharpenedMass } from "./quantities.js";
import { finiteSecBound, secTable, type SecTable } from "./sec.js";
import { explicitAlpha, xpoFinite, type XpoBoundQuantities } from "./xpo.js";

/** ρ: the chance that the explicit bound of Thm 4.3 fails. */
export const xpoRho = 0.05;

/** What an instance for XPO and its class are made from. */
export interface ClaimsOptions {
  /** k: responses that the class has a false claim about. */
  readonly rare: number;
  /** π_base of each of them. */
  readonly eta: number;
  /** γ_margin of the two likely responses; default 1/2. */
  readonly gamma?: number;
  /** δ; default 0.1. */
  readonly delta?: number;
}

/** An instance whose class keeps a secret for each rare response. */
export interface Claims {
  readonly instance: Instance;
  readonly beta: number;
  readonly delta: number;
  /** π*_β first, then one candidate a rare response that claims that response to be the best; as log-probabilities. */
  readonly logCandidates: readonly Float64Array[];
  /** β log(π/π_base) − r of each candidate, as `secTable` takes them. */
  readonly potentials: readonly Float64Array[];
}

/**
 * π_base ∝ (1+γ, 1) on what k rare responses of probability η leave: coverage of the class's claims costs about 1/η. β by the
 * paper's formula.
 */
export function claims({ rare, eta, gamma = 0.5, delta = 0.1 }: ClaimsOptions): Claims {
  const likely = normalize([1 + gamma, 1]).map((p) => p * (1 - rare * eta));
  const base = Float64Array.from([...likely, ...new Array<number>(rare).fill(eta)]);
  const instance = singlePrompt(base);
  const beta = paperBeta(margin(instance), base.length, delta);
  const truth = logLikelihoodReward(instance)[0]!;
  const claimed = [
    truth,
    ...Array.from({ length: rare }, (_, k) => truth.map((r, y) => (y === k + 2 ? truth[0]! + 0.5 : r))),
  ];
  // π_base·exp(r/β) in the log domain: at a small β its least probabilities are no float64.
  const logCandidates = claimed.map((reward) =>
    logSoftmax(reward.map((value, y) => truth[y]! + value / beta)),
  );
  const potentials = logCandidates.map((row) => row.map((log, y) => beta * (log - truth[y]!) - truth[y]!));
  return { instance, beta, delta, logCandidates, potentials };
}

/** What the explicit bound is made of. */
export function claimsQuantities(
  { beta, logCandidates, potentials }: Claims,
  rounds: number,
): XpoBoundQuantities {
  const spread = (values: Float64Array): number => Math.max(...values) - Math.min(...values);
  const truth = logCandidates[0]!;
  return {
    beta,
    range: Math.max(...potentials.map(spread)),
    logRange: Math.max(...logCandidates.map((row) => spread(row.map((log, y) => log - truth[y]!)))),
    classSize: logCandidates.length,
    rounds,
    rho: xpoRho,
    sec: finiteSecBound(logCandidates.length, rounds),
  };
}

/** The largest regret J_β(π*) − J_β(π) that π_base or a member of the class has: no run can end with a larger one. */
export function largestRegret({ instance, beta, logCandidates }: Claims): number {
  const rewards = logLikelihoodReward(instance);
  const value = (row: Float64Array): number => regularizedReturn(instance, [row], rewards, beta);
  const all = logCandidates.map((row) => value(row.map(Math.exp)));
  return all[0]! - Math.min(value(instance.base[0]!), ...all);
}

/** What SEC of the class is made of. */
export function claimsSecTable({ logCandidates, potentials, instance }: Claims): SecTable {
  return secTable(
    logCandidates.map((row) => row.map(Math.exp)),
    potentials,
    instance.base[0]!,
  );
}

/** How the learner may be broken, for mutations. */
export interface XpoFault {
  readonly lossSign: 1 | -1;
  readonly explore: boolean;
  readonly ignores: boolean;
}

/** What a run of XPO came to. */
export interface XpoOutcome {
  /** J_β(π*) − J_β(returned). */
  readonly regret: number;
  /** Draws up to the last round at which what would be returned was not sharpened; ∞ where that is the last round of all. */
  readonly settled: number;
}

/** One run of XPO through the oracle; α as the explicit bound has it for `alphaRounds` rounds. */
export function runXpo(
  setting: Claims,
  rounds: number,
  alphaRounds: number,
  fault: XpoFault,
  stream: RandomStream,
): XpoOutcome {
  const { instance, beta, delta } = setting;
  const { ignores, ...options } = fault;
  const alpha = explicitAlpha(claimsQuantities(setting, alphaRounds));
  // The theorem allows any minimizer, so ties go to the claims: the truth comes last.
  const [truth, ...claimed] = setting.logCandidates;
  const logCandidates = [...claimed, truth!];
  const oracle = adaptiveOracle(instance, stream);
  const rewards = logLikelihoodReward(instance);
  const row = (index: number): Float64Array =>
    index < 0 ? instance.base[0]! : logCandidates[index]!.map(Math.exp);
  const bad = [-1, ...logCandidates.keys()].filter((k) => unsharpenedMass(instance, [row(k)], delta) > 0);
  let settled = 1;
  const onRound = (round: number, returned: number): void => {
    if (bad.includes(ignores ? -1 : returned)) settled = round === rounds ? Infinity : oracle.spent().draws;
  };
  const responses = instance.base[0]!.length;
  const returned = xpoFinite(oracle, { ...options, alpha, logCandidates, beta, rounds, responses, onRound });
  const best = regularizedReturn(instance, [truth!.map(Math.exp)], rewards, beta);
  const reached = regularizedReturn(instance, [row(ignores ? -1 : returned)], rewards, beta);
  return { regret: best - reached, settled };
}
