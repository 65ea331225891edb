import type { BestOfNMetrics, Estimate, Metrics } from "./metrics.js";

/** The sample sizes of a record keyed by N, ascending. */
export function sampleSizes(byN: Readonly<Record<string, unknown>>): number[] {
  return Object.keys(byN)
    .map(Number)
    .filter((n) => Number.isInteger(n) && n > 0)
    .sort((a, b) => a - b);
}

/** A self-reward's choice at the largest N that it was measured at. */
export interface LargestN {
  readonly reward: string;
  readonly n: number;
  readonly answer: BestOfNMetrics;
}

/** Every reward's metrics at the largest N that it was measured at. */
export function largestN({ bestOfN }: Pick<Metrics, "bestOfN">): LargestN[] {
  return Object.entries(bestOfN).flatMap(([reward, byN]) => {
    const n = sampleSizes(byN).at(-1);
    const answer = n === undefined ? undefined : byN[n];
    return n === undefined || answer === undefined ? [] : [{ reward, n, answer }];
  });
}

/** The self-reward that does best at its largest N. */
export function highest(
  metrics: Pick<Metrics, "bestOfN">,
  pick: (answer: BestOfNMetrics) => Estimate | undefined,
): LargestN | undefined {
  const value = ({ answer }: LargestN): number => pick(answer)?.value ?? -Infinity;
  return largestN(metrics).sort((a, b) => value(b) - value(a))[0];
}
