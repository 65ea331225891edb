export { titleOf as methodName } from "../sharpen/methods/registry.js";
import type { DeclaredFrom } from "../evaluate/declared.js";
import { directionOf, overruled, type Direction } from "../evaluate/findings-words.js";
import type { Estimate, Metrics } from "../evaluate/metrics.js";
import { fixed } from "../page/numbers.js";

export { fixed };

const NBSP = "\u00a0";

/** A sentence whose figures stay on one line with their percent signs. */
export const unbroken = (text: string): string => text.replaceAll(" %", `${NBSP}%`);

/** How a figure is written: its scale, its decimals, its unit. */
export interface Unit {
  readonly scale: number;
  readonly decimals: number;
  /** After the number in running text, e.g. " %"; empty for bare numbers. */
  readonly suffix: string;
  readonly signed?: boolean;
}

/** A share of [0, 1], in percent. */
export const PERCENT: Unit = { scale: 100, decimals: 1, suffix: `${NBSP}%` };
/** A difference of shares, in points. */
export const POINTS: Unit = { scale: 100, decimals: 1, suffix: `${NBSP}points`, signed: true };
/** A relative change that is already in percent. */
export const RELATIVE: Unit = { scale: 1, decimals: 1, suffix: `${NBSP}%`, signed: true };
/** Log-probabilities. */
export const NATS: Unit = { scale: 1, decimals: 2, suffix: `${NBSP}nats` };
/** A difference of log-probabilities. */
export const NATS_GAIN: Unit = { ...NATS, signed: true };
/** Lengths. */
export const TOKENS: Unit = { scale: 1, decimals: 1, suffix: `${NBSP}tokens` };
/** A probability or area in [0, 1], as it stands. */
export const SHARE: Unit = { scale: 1, decimals: 3, suffix: "" };

/** A value in running text, with its unit. */
export function inWords(value: number, unit: Unit): string {
  return fixed(value * unit.scale, unit.decimals, unit.signed) + unit.suffix;
}

/** A value in a table, whose heading carries the unit. */
export function inTable(value: number, unit: Unit): string {
  return fixed(value * unit.scale, unit.decimals, unit.signed);
}

/** An estimate's interval in running text: "25.1 to 30.4". */
export function intervalInWords(estimate: Estimate, unit: Unit): string {
  return `${inTable(estimate.low, unit)} to ${inTable(estimate.high, unit)}`;
}

/** An estimate's interval in a table: "[25.1, 30.4]". */
export function intervalInTable(estimate: Estimate, unit: Unit): string {
  return `[${inTable(estimate.low, unit)}, ${inTable(estimate.high, unit)}]`;
}

/** "1,234". */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "4.2 s", "3 min 20 s". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${fixed(seconds, 1)}${NBSP}s`;
  const whole = Math.round(seconds);
  return `${count(Math.floor(whole / 60))}${NBSP}min ${whole % 60}${NBSP}s`;
}

/** "a, b and c". */
export function list(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1) ?? ""}`;
}

/** "1 prompt", "2 prompts". */
export function plural(n: number, word: string): string {
  return `${count(n)}${NBSP}${word}${n === 1 ? "" : "s"}`;
}

/**
 * Where a difference lies: clear of 0 on either side among all comparisons that were declared, or not, or on too few prompts to say; of
 * accuracies it is counted in points, else in nats.
 */
export function direction(gain: Estimate, unit: Unit, metrics: DeclaredFrom): Direction {
  const { prompts, labelledPrompts } = metrics;
  return unit === NATS_GAIN
    ? directionOf(gain, prompts, "nats", metrics)
    : directionOf(gain, labelledPrompts ?? prompts, "points", metrics);
}

/** A difference's interval in running text, and beside it the one that decides where all declared comparisons overrule it. */
export function decidingInterval(gain: Estimate, unit: Unit, metrics: DeclaredFrom): string {
  const claim = overruled(gain, metrics);
  const all = claim
    ? `; ${intervalInWords(claim.simultaneous, unit)} among all ${claim.among} comparisons of this page`
    : "";
  return intervalInWords(gain, unit) + all;
}

/** How a run's responses were drawn: `temperature 1`, or what `Metrics.sampler` says. */
export function samplerInWords({ temperature, sampler }: Pick<Metrics, "temperature" | "sampler">): string {
  return sampler ?? `temperature ${temperature}`;
}
