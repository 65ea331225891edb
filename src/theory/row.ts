import type { SlopeFit } from "./statistics.js";

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

/** One comparison; the row's verdict is that all hold. */
export interface Check {
  /** What is compared, in words. */
  readonly claim: string;
  readonly measured: number;
  readonly relation: "<=" | ">=";
  readonly bound: number;
  /** Every constant in the bound, in words or numbers. */
  readonly constants: string;
  readonly holds: boolean;
}

/** A fitted rate beside the theorem's exponent. */
export interface RateFit extends SlopeFit {
  /** What against what, e.g. `m against 1/ε`. */
  readonly name: string;
  readonly expected: number;
  /** How far the fit may be from it: log factors and rounding at finite range. */
  readonly tolerance: number;
  /** `equal`: |slope − expected| ≤ tolerance; `at most`: the interval's upper end ≤ expected + tolerance. */
  readonly kind: "equal" | "at most";
  readonly holds: boolean;
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
  /** Whether every check and every fit holds. */
  readonly holds: boolean;
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

/** A comparison with slack for rounding only (relative 1e-9). */
export function compare(
  claim: string,
  measured: number,
  relation: Check["relation"],
  bound: number,
  constants: string,
): Check {
  const slack = 1e-9 * Math.max(1e-3, Math.abs(bound));
  const holds = relation === "<=" ? measured <= bound + slack : measured >= bound - slack;
  return { claim, measured, relation, bound, constants, holds };
}

/** Judges a fit. The tolerance is for log factors and finite range; an interval wider than it says nothing. */
export function judgeFit(
  name: string,
  fit: SlopeFit,
  expected: number,
  tolerance: number,
  kind: RateFit["kind"] = "equal",
): RateFit {
  const holds =
    kind === "equal"
      ? Math.abs(fit.slope - expected) <= tolerance && fit.high - fit.low <= 2 * tolerance
      : fit.high <= expected + tolerance;
  return { ...fit, name, expected, tolerance, kind, holds };
}

/** Puts a result together; it holds when there is something to hold and all of it does. */
export function rowResult(parts: Omit<RowResult, "holds">): RowResult {
  const verdicts = [...parts.checks, ...parts.fits].map(({ holds }) => holds);
  return { ...parts, holds: verdicts.length > 0 && verdicts.every(Boolean) };
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
