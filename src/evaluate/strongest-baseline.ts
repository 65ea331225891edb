import { isSearch } from "./measure-baselines.js";
import type { AnswerMetrics, Estimate, GainsOver, Metrics } from "./metrics.js";

/** What a way of answering is held against: the best that the base does without a reward and without training. */
export interface Baseline {
  /** In words, for a sentence: "the base's greedy response". */
  readonly name: string;
  readonly accuracy: Estimate;
  /** The way's accuracy minus this one, in points; paired. */
  readonly gain: Estimate;
}

/** What is judged: an adapter's single sample, or a choice among N. */
interface Judged extends Pick<AnswerMetrics, "accuracy" | "liftPoints"> {
  /** Against one sample of the base; absent of a choice among N, which is not held against that. */
  readonly accuracyGain?: Estimate;
  readonly gainOver?: GainsOver;
}

/** What the paper compares with. */
export const GREEDY_RESPONSE = "the base's greedy response";

const ofTheBase = (name: string): string =>
  isSearch(name) ? `the base's ${name}` : `one sample of the base, ${name}`;

/** A baseline in a sentence that has no room: "greedy" for the greedy response. */
export const shortName = ({ name }: Pick<Baseline, "name">): string =>
  name === GREEDY_RESPONSE ? "greedy" : name;

/**
 * The one rule by which a run, a suite and the README judge: against the strongest of the base's greedy response, one sample of the base,
 * and what the base gives when asked in each other way that was measured (`Metrics.baselines`). Which is strongest is seen in the same
 * data; that costs no claim its level, since the gains over all of them were declared beforehand and are judged together (declared.ts).
 * Undefined without labels.
 */
export function strongestBaseline(
  { accuracy, accuracyGain, liftPoints, gainOver = {} }: Judged,
  { greedy, base, baselines = {} }: Pick<Metrics, "greedy" | "base" | "baselines">,
): Baseline | undefined {
  if (!accuracy) return undefined;
  const candidates = [
    ["one sample of the base", base.accuracy, accuracyGain] as const,
    [GREEDY_RESPONSE, greedy.accuracy, liftPoints] as const,
    ...Object.entries(gainOver).map(
      ([name, gain]) => [ofTheBase(name), baselines[name]?.accuracy, gain] as const,
    ),
  ].flatMap(([name, own, gain]): Baseline[] => (own && gain ? [{ name, accuracy: own, gain }] : []));
  return candidates.reduce<Baseline | undefined>(
    (best, next) => (best && best.accuracy.value >= next.accuracy.value ? best : next),
    undefined,
  );
}
