import { percent } from "./findings-words.js";
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
  const choices = Object.entries(bestOfN).flatMap(([reward, byN]) => {
    const n = Math.max(...Object.keys(byN).map(Number));
    const accuracy = byN[String(n)]?.accuracy;
    return accuracy ? [{ reward, n, accuracy: accuracy.value }] : [];
  });
  const [best] = choices.sort((a, b) => b.accuracy - a.accuracy);
  if (!best || best.accuracy >= chance) return [];
  return [
    `A guess would be right on ${percent(chance)}, greedy is on ${percent(greedy.accuracy.value)} and the best choice, ` +
      `best-of-${best.n} with ${best.reward}, on ${percent(best.accuracy)}: below a guess, a gain says that more responses give ` +
      `an answer, not that the model finds it.`,
  ];
}
