import { percent } from "./findings-words.js";
import { highest } from "./largest-n.js";
import type { Metrics } from "./metrics.js";

/**
 * Says where neither greedy nor any choice among N is right as often as a guess among the answers that the task allows: then a
 * gain is one in form. Nothing where a choice is, where any answer is possible, or without labels.
 */
export function guessFinding({
  chance,
  greedy,
  bestOfN,
}: Pick<Metrics, "chance" | "greedy" | "bestOfN">): string[] {
  if (chance === undefined || !greedy.accuracy || greedy.accuracy.value >= chance) return [];
  const best = highest({ bestOfN }, ({ accuracy }) => accuracy);
  const chosen = best?.answer.accuracy?.value;
  if (!best || chosen === undefined || chosen >= chance) return [];
  return [
    `A guess would be right on ${percent(chance)}, greedy is on ${percent(greedy.accuracy.value)} and the best choice, ` +
      `best-of-${best.n} with ${best.reward}, on ${percent(chosen)}: below a guess, a gain says that more responses give ` +
      `an answer, not that the model finds it.`,
  ];
}
