import { percent } from "./findings-words.js";
import { highest } from "./largest-n.js";
import type { AnswerMetrics, Metrics } from "./metrics.js";

/**
 * Says where neither greedy nor any choice among N is right as often as a guess among the answers that the task allows: then a
 * gain is one in form. Nothing where a choice is, where any answer is possible, or without labels.
 */
export function guessFinding(metrics: Pick<Metrics, "chance" | "greedy" | "bestOfN">): string[] {
  const best = highest(metrics, ({ accuracy }) => accuracy);
  return best
    ? belowGuess(metrics, `the best choice, best-of-${best.n} with ${best.reward},`, best.answer)
    : [];
}

/** The same for an adapter, sampled once. */
export function adapterGuessFinding(
  base: Pick<Metrics, "chance" | "greedy">,
  adapter: AnswerMetrics,
): string[] {
  return belowGuess(base, "one sample of the adapter", adapter);
}

function belowGuess(
  { chance, greedy }: Pick<Metrics, "chance" | "greedy">,
  name: string,
  { accuracy }: AnswerMetrics,
): string[] {
  if (chance === undefined || !greedy.accuracy || !accuracy) return [];
  if (greedy.accuracy.value >= chance || accuracy.value >= chance) return [];
  return [
    `A guess would be right on ${percent(chance)}, greedy is on ${percent(greedy.accuracy.value)} and ${name} on ` +
      `${percent(accuracy.value)}: below a guess, a gain says that more responses give an answer, not that the model finds it.`,
  ];
}
