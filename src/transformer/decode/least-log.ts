/** Below the logarithm of any weight that float32 holds. */
const NOTHING_LOG = -200;

/**
 * log of the least probability that the search for a nucleus has to look at, in a vocabulary of `size`. It stands beside the graph of that
 * search, because browsers draw with it, where no graph is built.
 */
export function leastLog(p: number, size: number): number {
  return p < 1 ? Math.log((1 - p) / size) : NOTHING_LOG;
}
