import type { EpochMetrics } from "../evaluate/metrics.js";

/** The ways to choose among iterates. */
export const KEEPS = ["best", "objective", "last"] as const;
export type Keep = (typeof KEEPS)[number];

/** What the choice among iterates is made from. */
type Judged = Pick<EpochMetrics, "epoch" | "validationLoss" | "objective">;

/**
 * The iterate that is kept of these, the first of equals: by `best` the one with the lowest validation loss; by `objective` the one
 * with the highest J_β of those whose gain over the base is above its paired standard error and whose responses show no sign of
 * collapse, else the base; or the last.
 */
export function keptEpoch(epochs: readonly Judged[], keep: Keep = "best"): number {
  if (keep === "last") return epochs.at(-1)!.epoch;
  if (keep === "best")
    return epochs.reduce((best, epoch) => (epoch.validationLoss < best.validationLoss ? epoch : best)).epoch;
  const [base, ...others] = epochs as readonly [Judged, ...Judged[]];
  const value = ({ objective }: Judged): number => objective?.value ?? -Infinity;
  const better = others.filter(
    (epoch) =>
      epoch.objective?.collapsed !== true &&
      value(epoch) - value(base) > (epoch.objective?.error ?? Infinity),
  );
  return better.reduce((best, epoch) => (value(epoch) > value(best) ? epoch : best), base).epoch;
}

/**
 * Whether a training is over: all its iterates are there, or its patience is at an end.
 * @param iterates besides the base.
 */
export function hasEnded(
  epochs: readonly Judged[],
  iterates: number,
  patience = 0,
  keep: Keep = "best",
): boolean {
  if (epochs.length > iterates) return true;
  const kept = (): number => keptEpoch(epochs, keep === "last" ? "best" : keep);
  return patience > 0 && epochs.length > 0 && epochs.length - 1 - kept() >= patience;
}
