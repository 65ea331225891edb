import type { Histogram } from "../evaluate/metrics.js";

/** A bin: its edges, and its part of all values in percent. */
export interface Bin {
  readonly x1: number;
  readonly x2: number;
  readonly share: number;
}

/** The bins of a histogram; of one without values each has 0 %. */
export function binsOf({ edges, counts }: Histogram): Bin[] {
  const total = counts.reduce((a, b) => a + b, 0);
  return counts.map((count, i) => ({
    x1: edges[i]!,
    x2: edges[i + 1]!,
    share: total === 0 ? 0 : (100 * count) / total,
  }));
}

/** The median of binned values, linear inside its bin; undefined when there is none. */
export function binnedMedian({ edges, counts }: Histogram): number | undefined {
  const half = counts.reduce((a, b) => a + b, 0) / 2;
  let before = 0;
  for (const [i, count] of counts.entries()) {
    if (count > 0 && before + count >= half) {
      const low = edges[i]!;
      return low + ((half - before) / count) * (edges[i + 1]! - low);
    }
    before += count;
  }
  return undefined;
}
