import { median, quantile, type Replicates, type SlopeFit } from "./statistics.js";

/**
 * How much work a row does: `test` runs in a second or two, `fast` is the default of the lab (all rows within three
 * minutes), `thorough` takes up to an hour.
 */
export type Effort = "test" | "fast" | "thorough";

/** What a row is run with. */
export interface RowOptions {
  readonly effort: Effort;
  /** A non-negative safe integer; same options, same result. */
  readonly seed: number;
  /** The id of one of the row's mutations: a deliberate fault that has to turn the verdict. */
  readonly mutation?: string;
}

/**
 * What a check says. `not refuted`: nothing contradicts the statement, but within the range that was run nothing could have: a bound
 * above everything that can occur, or a rate so far below an upper bound that a law one power steeper would pass too.
 */
export type Verdict = "holds" | "not refuted" | "fails";

/** One comparison. */
export interface Check {
  /** What is compared, in words. */
  readonly claim: string;
  readonly measured: number;
  readonly relation: "<=" | ">=";
  readonly bound: number;
  /** Every constant in the bound, in words or numbers. */
  readonly constants: string;
  readonly verdict: Verdict;
}

/** A fitted rate beside the theorem's exponent. */
export interface RateFit extends SlopeFit {
  /** What against what, e.g. `m against 1/ε`. */
  readonly name: string;
  readonly expected: number;
  /** How far the exponent itself may be from it: log factors and rounding at finite range. */
  readonly tolerance: number;
  /** `equal`: neither steeper nor flatter; `at most`: not steeper. */
  readonly kind: "equal" | "at most";
  readonly verdict: Verdict;
}

/** A line or a cloud of points in a row's figure. */
export interface Series {
  readonly name: string;
  /** `measured` has dots (and intervals), `bound` is a line, `reference` a dashed line. */
  readonly kind: "measured" | "bound" | "reference";
  readonly points: readonly {
    readonly x: number;
    readonly y: number;
    readonly low?: number;
    readonly high?: number;
  }[];
}

/** An axis of a figure. */
export interface Axis {
  readonly label: string;
  readonly log?: boolean;
}

/** A row's figure, as plain data. */
export interface Figure {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  readonly caption: string;
}

/** What a row found. Plain data: it crosses threads and is printed by `--json`. */
export interface RowResult {
  /** Instances (and, where stated, replicates) that were measured. */
  readonly instances: number;
  readonly checks: readonly Check[];
  readonly fits: readonly RateFit[];
  readonly figure: Figure;
  /** One sentence with the numbers that matter. */
  readonly summary: string;
  /** Where a bound says nothing, what was estimated and not exact. */
  readonly notes: readonly string[];
  /** The worst verdict of all checks and fits. */
  readonly verdict: Verdict;
}

/** A deliberate fault. */
export interface Mutation {
  readonly id: string;
  readonly description: string;
}

/** One statement of the paper and how it is checked. */
export interface Row {
  /** `thm-4.1`: what `--only` takes. */
  readonly id: string;
  /** `Theorem 4.1 / 4.1′`. */
  readonly title: string;
  /** The statement with its constants. */
  readonly statement: string;
  /** What of the paper is checked or used, by its number. */
  readonly source: readonly string[];
  /** The file that checks it, from the repository's root. */
  readonly file: string;
  /** The instance family and how it is generated. */
  readonly family: string;
  /** What the check does not show. */
  readonly limits: string;
  readonly mutations: readonly Mutation[];
  run(options: RowOptions): RowResult;
}

/**
 * A comparison with slack for rounding only (relative 1e-9).
 * @param extreme the worst value that could have been measured, whatever is true: where it passes too, the verdict is `not refuted`.
 */
export function compare(
  claim: string,
  measured: number,
  relation: Check["relation"],
  bound: number,
  constants: string,
  extreme?: number,
): Check {
  const slack = 1e-9 * Math.max(1e-3, Math.abs(bound));
  const passes = (value: number): boolean =>
    relation === "<=" ? value <= bound + slack : value >= bound - slack;
  const idle = extreme !== undefined && passes(extreme);
  const verdict = passes(measured) ? (idle ? "not refuted" : "holds") : "fails";
  return { claim, measured, relation, bound, constants, verdict };
}

/**
 * How many standard errors of its slope a fit is given beyond its tolerance. A normal variate is beyond 4.5 with probability
 * 3.4e-6 on each side, so that a run of all rows, with fewer than 60 fits, fails by chance at most 4 times in 10,000; the other
 * simulated checks have a risk of at most 1e-6 each.
 */
const STANDARD_ERRORS = 4.5;

/**
 * Judges a fit. It fails where the slope is further from the theorem's exponent than tolerance and sampling error together, or
 * where runs that never end leave no slope. It holds only if the same data with a law one power steeper (for `equal`, or one power
 * flatter) would have failed.
 */
export function judgeFit(
  name: string,
  fit: SlopeFit,
  expected: number,
  tolerance: number,
  kind: RateFit["kind"] = "equal",
): RateFit {
  // No error can be told where too many runs never ended; no comparison with NaN passes.
  const reach = Number.isFinite(fit.error) ? tolerance + STANDARD_ERRORS * fit.error : NaN;
  const excess = fit.slope - expected;
  const refused = (above: number): boolean => !(above <= reach) || (kind === "equal" && above < -reach);
  const tells = refused(excess + 1) && (kind === "at most" || refused(excess - 1));
  const verdict = refused(excess) ? "fails" : tells ? "holds" : "not refuted";
  return { ...fit, name, expected, tolerance, kind, verdict };
}

/** The worst of several verdicts; `fails` where there are none. */
export function worstVerdict(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.length === 0 || verdicts.includes("fails")) return "fails";
  return verdicts.includes("not refuted") ? "not refuted" : "holds";
}

/** Puts a result together. */
export function rowResult(parts: Omit<RowResult, "verdict">): RowResult {
  return { ...parts, verdict: worstVerdict([...parts.checks, ...parts.fits].map(({ verdict }) => verdict)) };
}

/** A measured curve: medians, with 10–90 % of the replicates around them. */
export function measuredSeries(name: string, curve: readonly Replicates[]): Series {
  const points = curve.map(({ x, values }) => ({
    x,
    y: median(values),
    low: quantile(values, 0.1),
    high: quantile(values, 0.9),
  }));
  return { name, kind: "measured", points };
}

/** Picks a size by effort. */
export function byEffort<T>(effort: Effort, sizes: Readonly<Record<Effort, T>>): T {
  return sizes[effort];
}

/** A number for a sentence: never −0, and with a minus sign rather than a hyphen. */
export function fixed(value: number, digits = 2): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}
