import type { Response } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";
import { percent } from "./findings-words.js";
import type { Ends, Metrics } from "./metrics.js";

/** Where fewer responses than this share are cut off or give no answer, they are not worth a sentence. */
const FEW = 0.01;

/** @param answered whether an answer can be read off a response's text, by its place. */
function shares(responses: readonly Response[], answered: (place: number, text: string) => boolean): Ends {
  let [cut, abstained] = [0, 0];
  responses.forEach(({ finish, text }, place) => {
    if (finish === "length") cut++;
    else if (!answered(place, text)) abstained++;
  });
  return { cut: cut / responses.length, abstained: abstained / responses.length };
}

/**
 * How responses end: those drawn, the greedy ones, and what each reward chose. Nothing where each ends by itself with an answer, and nothing
 * of abstaining where the task reads no answer off any response: there texts are all there is.
 * @param pools at least one; @param greedy of the same prompts, in any order.
 * @param chosen by reward: the response chosen from each pool, in their order.
 */
export function endsOf(
  pools: readonly Pool[],
  greedy: readonly Response[],
  chosen: ReadonlyMap<string, readonly Response[]>,
): Pick<Metrics, "ends"> {
  const drawn = pools.flatMap(({ responses }) => responses);
  const byPrompt = new Map(pools.map(({ prompt, extract }) => [prompt.id, extract]));
  const known = greedy.filter(({ promptId }) => byPrompt.has(promptId));
  const answers = pools.flatMap(({ responses, extract }) =>
    responses.map(({ text }) => extract(text) !== undefined),
  );
  const open = !answers.includes(true);
  const ends = {
    drawn: shares(drawn, (place) => open || answers[place]!),
    greedy: shares(known, (place, text) => open || byPrompt.get(known[place]!.promptId)!(text) !== undefined),
    chosen: Object.fromEntries(
      [...chosen].map(([reward, responses]) => [
        reward,
        shares(responses, (place, text) => open || pools[place]!.extract(text) !== undefined),
      ]),
    ),
  };
  const all = [ends.drawn, ends.greedy, ...Object.values(ends.chosen)];
  return all.some(({ cut, abstained }) => cut + abstained > 0) ? { ends } : {};
}

/** Says how many responses were cut off or end without an answer, and what they are counted as; nothing where they are few. */
export function endsFinding({ ends, labelled }: Pick<Metrics, "ends" | "labelled">): string[] {
  if (ends === undefined) return [];
  const { drawn, greedy } = ends;
  if (Math.max(drawn.cut, drawn.abstained, greedy.cut, greedy.abstained) < FEW) return [];
  const said = ({ cut, abstained }: Ends): string =>
    `${percent(cut)} cut off, ${percent(abstained)} without an answer`;
  const chosen = Object.entries(ends.chosen).map(([reward, own]) => `; chosen by ${reward}: ${said(own)}`);
  const counted = labelled
    ? " No answer counts as wrong, a response that was cut off by the answer that it has, if any."
    : "";
  return [`How responses end: ${said(drawn)}; greedy ones: ${said(greedy)}${chosen.join("")}.${counted}`];
}
