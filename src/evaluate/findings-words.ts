import type { Estimate } from "./metrics.js";

/** The fewest prompts on which a difference may be called clear: a bootstrap over fewer is too narrow. */
export const FEWEST_PROMPTS = 10;

/** Equal figures that were summed in another order differ by this much at most. */
const ROUNDING = 1e-9;

/** Which way a difference goes, if its interval is clear of 0. */
export type Direction = "up" | "down" | "unclear";

/** The direction of a paired difference measured on `prompts` prompts; unclear where it is absent or the prompts are few. */
export function directionOf(difference: Estimate | undefined, prompts: number): Direction {
  if (difference === undefined || prompts < FEWEST_PROMPTS) return "unclear";
  if (difference.low > ROUNDING) return "up";
  return difference.high < -ROUNDING ? "down" : "unclear";
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
export function change({ value, low, high }: Estimate, unit: "points" | "nats" | "tokens"): string {
  const scale = unit === "points" ? 100 : 1;
  const [a, b, c] = [value, low, high].map((x) => signed(scale * x, 1));
  return `${a!} ${unit} [${b!}, ${c!}]`;
}

/** With a capital at its start. */
export const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
