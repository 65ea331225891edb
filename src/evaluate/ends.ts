import type { Response } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";
import { percent } from "./findings-words.js";
import type { Ends, Metrics } from "./metrics.js";

/** Where fewer responses than this share are cut off or give no answer, they are not worth a sentence. */
const FEW = 0.01;

/** How many responses there were, and of these how many were cut off or ended by themselves without an answer. */
interface Count {
  all: number;
  cut: number;
  abstained: number;
}

/** Counts how responses end, one pool after the other. */
export interface EndsCount {
  /** @param greedy of the same prompt, if it counts; @param chosen by reward: the pool's response. */
  add(pool: Pool, greedy: Response | undefined, chosen: ReadonlyMap<string, Response>): void;
  /**
   * The shares of all that was counted. Nothing where each response ends by itself with an answer, and nothing of abstaining where the
   * task reads no answer off any of those drawn: there texts are all there is.
   */
  ends(): Pick<Metrics, "ends">;
}

/** A count of nothing yet. */
export function countEnds(): EndsCount {
  const none = (): Count => ({ all: 0, cut: 0, abstained: 0 });
  const [drawn, greedyOnes, byReward] = [none(), none(), new Map<string, Count>()];
  let hasAnswers = false;
  const count = (into: Count, { finish, text }: Response, extract: Pool["extract"]): void => {
    into.all++;
    if (finish === "length") into.cut++;
    else if (extract(text) === undefined) into.abstained++;
  };
  const shares = ({ all, cut, abstained }: Count): Ends => ({
    cut: cut / all,
    abstained: hasAnswers ? abstained / all : 0,
  });
  return {
    add: ({ responses, extract }, greedy, chosen) => {
      for (const response of responses) {
        count(drawn, response, extract);
        hasAnswers ||= extract(response.text) !== undefined;
      }
      if (greedy) count(greedyOnes, greedy, extract);
      for (const [reward, response] of chosen) {
        const own = byReward.get(reward) ?? none();
        byReward.set(reward, own);
        count(own, response, extract);
      }
    },
    ends: () => {
      const chosen = Object.fromEntries([...byReward].map(([reward, own]) => [reward, shares(own)]));
      const ends = { drawn: shares(drawn), greedy: shares(greedyOnes), chosen };
      const all = [ends.drawn, ends.greedy, ...Object.values(chosen)];
      return all.some(({ cut, abstained }) => cut + abstained > 0) ? { ends } : {};
    },
  };
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
