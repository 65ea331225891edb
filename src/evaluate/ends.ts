import type { Response } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";
import { percent } from "./findings-words.js";
import type { Ends, Metrics } from "./metrics.js";

/** Where fewer responses than this share are cut off or give no answer, they are not worth a sentence. */
const FEW = 0.01;

/** How many responses there were, and of these how many were cut off or ended by themselves without an answer. */
interface Count {
  readonly all: number;
  readonly cut: number;
  readonly abstained: number;
}

/** How the responses of one pool end. */
export interface PoolEnds {
  readonly drawn: Count;
  /** Of the greedy response, if it counts. */
  readonly greedy: Count;
  /** Of the one response that each reward chose. */
  readonly chosen: Readonly<Record<string, Count>>;
  /** Whether the task reads an answer off any of those drawn, cut off or not. */
  readonly hasAnswers: boolean;
}

const NONE: Count = { all: 0, cut: 0, abstained: 0 };

const sum = (a: Count, b: Count): Count => ({
  all: a.all + b.all,
  cut: a.cut + b.cut,
  abstained: a.abstained + b.abstained,
});

/** @param greedy of the same prompt, if it counts; @param chosen by reward: the pool's response. */
export function endsOf(
  { responses, extract }: Pool,
  greedy: Response | undefined,
  chosen: ReadonlyMap<string, Response>,
): PoolEnds {
  const one = ({ finish, text }: Response): Count => {
    const cut = finish === "length";
    return { all: 1, cut: Number(cut), abstained: Number(!cut && extract(text) === undefined) };
  };
  return {
    drawn: responses.map(one).reduce(sum, NONE),
    greedy: greedy ? one(greedy) : NONE,
    chosen: Object.fromEntries([...chosen].map(([reward, response]) => [reward, one(response)])),
    hasAnswers: responses.some(({ text }) => extract(text) !== undefined),
  };
}

/** Counts how responses end, one pool after the other. */
export interface EndsCount {
  add(pool: PoolEnds): void;
  /**
   * The shares of all that was counted. Nothing where each response ends by itself with an answer, and nothing of abstaining where the
   * task reads no answer off any of those drawn: there texts are all there is.
   */
  ends(): Pick<Metrics, "ends">;
}

/** A count of nothing yet. */
export function countEnds(): EndsCount {
  let [drawn, greedy, hasAnswers] = [NONE, NONE, false];
  const byReward = new Map<string, Count>();
  const shares = ({ all, cut, abstained }: Count): Ends => ({
    cut: cut / all,
    abstained: hasAnswers ? abstained / all : 0,
  });
  return {
    add: (pool) => {
      drawn = sum(drawn, pool.drawn);
      greedy = sum(greedy, pool.greedy);
      hasAnswers ||= pool.hasAnswers;
      for (const [reward, own] of Object.entries(pool.chosen))
        byReward.set(reward, sum(byReward.get(reward) ?? NONE, own));
    },
    ends: () => {
      const chosen = Object.fromEntries([...byReward].map(([reward, own]) => [reward, shares(own)]));
      const ends = { drawn: shares(drawn), greedy: shares(greedy), chosen };
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
