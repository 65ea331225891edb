/** From a quantity to pixels. */
export type Scale = (value: number) => number;

/** Where everything in a chart lies. */
export interface Frame {
  readonly x: Scale;
  readonly y: Scale;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly width: number;
}

/** A scale between two ranges; logarithmic where asked for, whose domain is above 0. */
export function scaleOf(
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
  log = false,
): Scale {
  const at = log ? Math.log : (value: number) => value;
  const span = at(high) - at(low) || 1;
  return (value) => from + ((at(value) - at(low)) / span) * (to - from);
}

/** A coordinate to a tenth of a pixel. */
export const px = (value: number): number => Math.round(value * 10) / 10;

/**
 * Positions at least `gap` apart and within [low, high] where they fit, in the same order as those wanted, each as
 * near to its wish as a sweep down and a sweep up leave it.
 */
export function apart(wanted: readonly number[], gap: number, low: number, high: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
  const placed = [...wanted];
  let floor = low;
  for (const i of order) {
    placed[i] = Math.max(placed[i]!, floor);
    floor = placed[i] + gap;
  }
  let ceiling = high;
  for (const i of order.reverse()) {
    placed[i] = Math.min(placed[i]!, ceiling);
    ceiling = placed[i] - gap;
  }
  return placed;
}

/** The least domain that holds all values, with air, and no more than the limits. */
export function domainAround(
  values: readonly number[],
  limits: readonly [number, number] = [-Infinity, Infinity],
): [number, number] {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const air = (high - low || Math.abs(high) || 1) * 0.08;
  return [Math.max(limits[0], low - air), Math.min(limits[1], high + air)];
}
