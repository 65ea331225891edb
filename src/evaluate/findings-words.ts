import type { Estimate } from "./metrics.js";

/** The fewest prompts on which a difference may be called clear: a bootstrap over fewer is too narrow. */
export const FEWEST_PROMPTS = 10;

/**
 * Differences closer to 0 than this are written as 0, and are none: of log-likelihoods they may be what single precision rounds
 * when a response is scored that was drawn.
 */
const WRITTEN = { points: 0.0005, nats: 0.005, tokens: 0.05 } as const;

/** What a difference is counted in; points are of shares in [0, 1]. */
export type DifferenceUnit = keyof typeof WRITTEN;

/** Which way a difference goes, if its interval is clear of 0. */
export type Direction = "up" | "down" | "unclear";

/** The direction of a paired difference measured on `prompts` prompts; unclear where it is absent or the prompts are few. */
export function directionOf(
  difference: Estimate | undefined,
  prompts: number,
  unit: DifferenceUnit = "points",
): Direction {
  if (difference === undefined || prompts < FEWEST_PROMPTS) return "unclear";
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

/** `0.81 [0.78, 0.84]` */
export const withInterval = ({ value, low, high }: Estimate): string =>
  `${fixed(value, 2)} [${fixed(low, 2)}, ${fixed(high, 2)}]`;

/** `+6.2 points [+1.3, +11.0]`, or another unit. */
export function change({ value, low, high }: Estimate, unit: DifferenceUnit): string {
  const scale = unit === "points" ? 100 : 1;
  const [a, b, c] = [value, low, high].map((x) => signed(scale * x, 1));
  return `${a!} ${unit} [${b!}, ${c!}]`;
}

/** With a capital at its start. */
export const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
