import { sampleSizes } from "./largest-n.js";
import type { AdapterMetrics, AnswerMetrics, Estimate, Metrics } from "./metrics.js";
import { studentQuantile, twoSidedP } from "./student.js";

/**
 * The comparisons that a page may make claims about are declared here, before anything is measured: every reward at its largest N
 * against greedy, from its smallest to its largest N and step by step, whether it ranks right above wrong, and every pair of
 * rewards in that; one sample of the base against greedy; where other ways to draw one response were measured, every reward and every
 * adapter against each; and every adapter against its baselines and in coverage, likelihood and length. A claim needs to be clear
 * of 0 in all of them together (Holm 1979): on a page where nothing is true the chance that any claim is made is at most 5 %.
 */

/** One comparison: an estimate and what it is if there is nothing. */
interface Declared {
  readonly estimate: Estimate | undefined;
  readonly prompts: number;
  /** Default 0. */
  readonly nothing?: number;
  /** The least and the most that it can be; default: anything. */
  readonly range?: readonly [least: number, most: number];
}

type Gains = "accuracyGain" | "liftPoints" | "gainOver" | "coverageChange" | "logLikelihoodGain";

/** What the declared comparisons are read from. */
export type DeclaredFrom = Pick<
  Metrics,
  "prompts" | "labelledPrompts" | "bestOfN" | "auc" | "aucBelowBest" | "mixedPrompts"
> & {
  readonly base?: Pick<AnswerMetrics, "liftPoints">;
  readonly adapters: Readonly<Record<string, Pick<AdapterMetrics, Gains>>>;
};

/** The chance that all of a page's false claims together have. */
const RISK = 0.05;

function declaredIn(metrics: DeclaredFrom): readonly Declared[] {
  const { prompts } = metrics;
  const labelled = metrics.labelledPrompts ?? prompts;
  const mixed = metrics.mixedPrompts ?? labelled;
  const points = (estimate: Estimate | undefined, of = labelled): Declared => ({
    estimate,
    prompts: of,
    range: [-1, 1],
  });
  const ofRewards = Object.values(metrics.bestOfN).flatMap((byN): Declared[] => {
    const sizes = sampleSizes(byN);
    const last = byN[sizes.at(-1) ?? 0];
    return [
      points(last?.liftPoints),
      ...Object.values(last?.gainOver ?? {}).map((gain) => points(gain)),
      { estimate: last?.logLikelihoodLift, prompts },
      { estimate: last?.lengthChange, prompts },
      { estimate: byN[sizes[0] ?? 0]?.logLikelihoodToLargestN, prompts },
      ...sizes.slice(0, -1).map((n) => points(byN[n]?.accuracyToLargestN)),
      ...sizes.map((n) => points(byN[n]?.accuracyFromPrevious)),
    ];
  });
  const ofAdapters = Object.values(metrics.adapters).flatMap((adapter): Declared[] => {
    const n = sampleSizes(adapter.coverageChange ?? {}).at(-1) ?? 0;
    return [
      points(adapter.accuracyGain),
      points(adapter.liftPoints),
      ...Object.values(adapter.gainOver ?? {}).map((gain) => points(gain)),
      points(adapter.coverageChange?.[n]),
      { estimate: adapter.logLikelihoodGain, prompts },
    ];
  });
  return [
    points(metrics.base?.liftPoints),
    ...ofRewards,
    ...Object.values(metrics.auc ?? {}).map((estimate): Declared => ({
      estimate,
      prompts: mixed,
      nothing: 0.5,
      range: [0, 1],
    })),
    ...Object.values(metrics.aucBelowBest ?? {}).map((estimate) => points(estimate, mixed)),
    ...ofAdapters,
  ];
}

/**
 * Each reward's area is compared with the largest one, and which is largest was seen in the same data: what is declared is all pairs of
 * rewards. How many of them stand in no list; none of these is ever claimed.
 */
function unlistedPairs({ aucBelowBest }: DeclaredFrom): number {
  const others = Object.keys(aucBelowBest ?? {}).length;
  return (others * (others - 1)) / 2;
}

/**
 * The p-value that an estimate's 95 % interval stands for, by Student's t: how many half-widths, on the side of nothing, the value is
 * away from it. 1 for a value that is nothing.
 */
export function pValue({ value, low, high }: Estimate, prompts: number, nothing = 0): number {
  const away = value - nothing;
  const half = away > 0 ? value - low : high - value;
  if (away === 0 || Number.isNaN(half)) return 1;
  if (half <= 0) return 0;
  const freedom = Math.max(1, prompts - 1);
  return twoSidedP((studentQuantile(0.95, freedom) * Math.abs(away)) / half, freedom);
}

/** Which of several p-values Holm's step-down procedure rejects, at a joint risk. */
function holm(ps: readonly number[], risk = RISK): boolean[] {
  const order = [...ps.keys()].sort((a, b) => ps[a]! - ps[b]!);
  const rejected = new Array<boolean>(ps.length).fill(false);
  for (const [rank, i] of order.entries()) {
    if (ps[i]! > risk / (ps.length - rank)) break;
    rejected[i] = true;
  }
  return rejected;
}

/** What the comparisons that were declared together allow to be said of one of them. */
export interface Claim {
  /** Whether it may be called a rise, a gain or a loss. */
  readonly clear: boolean;
  /** How many comparisons it was judged among. */
  readonly among: number;
  /**
   * The estimate with the interval that decides, at the level at which Holm's procedure stopped (1 − 5 %/(m − rejected)): it is clear of
   * nothing exactly where `clear` says so.
   */
  readonly simultaneous: Estimate;
}

/** A 95 % interval, each side stretched to another level as Student's t is, and cut where no value can be. */
function stretched({ estimate, prompts, range }: Declared & { estimate: Estimate }, level: number): Estimate {
  const freedom = Math.max(1, prompts - 1);
  const factor = studentQuantile(level, freedom) / studentQuantile(0.95, freedom);
  const { value, low, high } = estimate;
  const [least, most] = range ?? [-Infinity, Infinity];
  return {
    value,
    low: Math.max(least, value - factor * (value - low)),
    high: Math.min(most, value + factor * (high - value)),
  };
}

const known = new WeakMap<DeclaredFrom, ReadonlyMap<Estimate, Claim>>();

/** The fewest prompts on which a difference may be called clear. */
export const FEWEST_PROMPTS = 10;

/** What may be claimed of each declared comparison. Comparisons that have too few prompts take no part. */
export function claims(metrics: DeclaredFrom): ReadonlyMap<Estimate, Claim> {
  const cached = known.get(metrics);
  if (cached !== undefined) return cached;
  const declared = declaredIn(metrics).flatMap((own) =>
    own.estimate === undefined || own.prompts < FEWEST_PROMPTS ? [] : [{ ...own, estimate: own.estimate }],
  );
  const rejected = holm([
    ...declared.map(({ estimate, prompts, nothing }) => pValue(estimate, prompts, nothing)),
    ...new Array<number>(unlistedPairs(metrics)).fill(1),
  ]);
  const among = rejected.length;
  const kept = among - rejected.filter((clear) => clear).length;
  const level = 1 - RISK / Math.max(1, kept);
  const found = new Map(
    declared.map((own, i) => [
      own.estimate,
      { clear: rejected[i]!, among, simultaneous: stretched(own, level) },
    ]),
  );
  known.set(metrics, found);
  return found;
}
