import { claims, FEWEST_PROMPTS, type Claim, type DeclaredFrom } from "./declared.js";
import type { Estimate } from "./metrics.js";

/**
 * Differences closer to 0 than this are written as 0, and are none: of log-likelihoods they may be what single precision rounds
 * when a response is scored that was drawn.
 */
const WRITTEN = { points: 0.0005, nats: 0.005, tokens: 0.05 } as const;

/** What a difference is counted in; points are of shares in [0, 1]. */
export type DifferenceUnit = keyof typeof WRITTEN;

/**
 * What the comparisons of `among` that were declared together say of one whose own interval is clear of `nothing` though it is not clear
 * among them; undefined for every other. Wherever such an estimate is printed, the interval that decides stands beside its own.
 */
export function overruled(
  estimate: Estimate | undefined,
  among: DeclaredFrom | undefined,
  nothing = 0,
): Claim | undefined {
  if (estimate === undefined || among === undefined) return undefined;
  const claim = claims(among).get(estimate);
  const alone = estimate.low > nothing || estimate.high < nothing;
  return claim && !claim.clear && alone ? claim : undefined;
}

/** Which way a difference goes, if its interval is clear of 0; `few` where there are too few prompts to say. */
export type Direction = "up" | "down" | "unclear" | "few";

/**
 * The direction of a paired difference measured on `prompts` prompts; unclear where it is absent.
 * @param among the metrics that it is one of: then it has to be clear among all comparisons that were declared, and not by itself alone.
 */
export function directionOf(
  difference: Estimate | undefined,
  prompts: number,
  unit: DifferenceUnit = "points",
  among?: DeclaredFrom,
): Direction {
  if (prompts < FEWEST_PROMPTS) return "few";
  if (difference === undefined) return "unclear";
  if (overruled(difference, among)) return "unclear";
  if (difference.low > WRITTEN[unit]) return "up";
  return difference.high < -WRITTEN[unit] ? "down" : "unclear";
}

/** −0.0 is written 0.0. */
const fixed = (value: number, digits: number): string => {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
};

const signed = (value: number, digits: number): string =>
  Number(value.toFixed(digits)) > 0 ? `+${fixed(value, digits)}` : fixed(value, digits);

/** `46.1 %` */
export const percent = (value: number): string => `${fixed(100 * value, 1)} %`;

/** `18.2` */
export const decimal = (value: number, digits = 1): string => fixed(value, digits);

const bounds = ({ low, high }: Estimate, written: (value: number) => string): string =>
  `[${written(low)}, ${written(high)}]`;

/** `, [−0.4, +4.6] among all 46 comparisons` where these overrule the interval of the figure by itself; else nothing. */
function amongAll(claim: Claim | undefined, written: (value: number) => string): string {
  return claim ? `, ${bounds(claim.simultaneous, written)} among all ${claim.among} comparisons` : "";
}

/** `0.81 [0.78, 0.84]` @param nothing what it is if there is nothing; with `among`, as in `change`. */
export function withInterval(estimate: Estimate, among?: DeclaredFrom, nothing = 0): string {
  const written = (value: number): string => fixed(value, 2);
  const own = `${written(estimate.value)} ${bounds(estimate, written)}`;
  return own + amongAll(overruled(estimate, among, nothing), written);
}

/**
 * `+6.2 points [+1.3, +11.0]`, or another unit.
 * @param among the metrics that it is one of: where they overrule the interval, the one that decides is added.
 */
export function change(estimate: Estimate, unit: DifferenceUnit, among?: DeclaredFrom): string {
  const scale = unit === "points" ? 100 : 1;
  const written = (value: number): string => signed(scale * value, 1);
  const own = `${written(estimate.value)} ${unit} ${bounds(estimate, written)}`;
  return own + amongAll(overruled(estimate, among), written);
}

/** With a capital at its start. */
export const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
