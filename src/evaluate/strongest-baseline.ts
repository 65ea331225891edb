import type { AdapterMetrics, AnswerMetrics, Estimate } from "./metrics.js";

/** What an adapter's single sample is held against: the best that the base does with one response. */
export interface Baseline {
  /** In words, for a sentence: "the base's greedy response". */
  readonly name: string;
  readonly accuracy: Estimate;
  /** The adapter's accuracy minus this one, in points; paired. */
  readonly gain: Estimate;
}

/**
 * The one rule by which a run, a suite and the README judge an adapter: against the stronger of the base's greedy response and one
 * sample of the base, which cost as much as one sample of the adapter. Undefined without labels.
 */
export function strongestBaseline(
  { accuracy, accuracyGain, liftPoints }: Pick<AdapterMetrics, "accuracy" | "accuracyGain" | "liftPoints">,
  greedy: Pick<AnswerMetrics, "accuracy">,
  base: Pick<AnswerMetrics, "accuracy">,
): Baseline | undefined {
  if (!accuracy || !accuracyGain || !base.accuracy) return undefined;
  const sample = { name: "one sample of the base", accuracy: base.accuracy, gain: accuracyGain };
  return liftPoints && greedy.accuracy && greedy.accuracy.value > base.accuracy.value
    ? { name: "the base's greedy response", accuracy: greedy.accuracy, gain: liftPoints }
    : sample;
}
