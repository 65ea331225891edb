import type { Histogram } from "./metrics.js";

/** Fewest and most bins that are drawn. */
const BINS = { least: 10, most: 60 } as const;

/** Bins of the Freedman–Diaconis width, 2·IQR/∛n, kept to a number that can be drawn. */
function binCount(sorted: Float64Array): number {
  const at = (q: number): number => sorted[Math.floor(q * (sorted.length - 1))]!;
  const width = (2 * (at(0.75) - at(0.25))) / Math.cbrt(sorted.length);
  const bins = width > 0 ? Math.ceil((at(1) - at(0)) / width) : BINS.least;
  return Math.min(BINS.most, Math.max(BINS.least, bins));
}

/**
 * Edges of equal bins that hold all the values: from their minimum to their maximum; 1 wide in all, around the value, if they
 * are all equal.
 * @param values at least one, finite.
 */
export function binEdges(values: ArrayLike<number>): number[] {
  const sorted = Float64Array.from(values).sort();
  let low = sorted[0]!;
  let high = sorted.at(-1)!;
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const bins = binCount(sorted);
  return Array.from({ length: bins + 1 }, (_, i) => (i === bins ? high : low + ((high - low) * i) / bins));
}

/**
 * Counts of values by bin; a bin holds its lower edge, the last one also its upper edge.
 * @param values within the edges.
 * @param edges ascending and equally spaced, at least two.
 */
export function histogram(values: ArrayLike<number>, edges: readonly number[]): Histogram {
  const bins = edges.length - 1;
  const low = edges[0]!;
  const width = (edges[bins]! - low) / bins;
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    let bin = Math.min(bins - 1, Math.max(0, Math.floor((values[i]! - low) / width)));
    // The division may round across an edge; the edges decide.
    if (values[i]! < edges[bin]!) bin--;
    else if (bin < bins - 1 && values[i]! >= edges[bin + 1]!) bin++;
    counts[bin]!++;
  }
  return { edges, counts };
}
