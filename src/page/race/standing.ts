import { fixed } from "../numbers.js";
import type { Lane, Race } from "./state.js";

/** How a lane stands: what it looks like, and what is said of it. */
export interface Standing {
  readonly look: "waiting" | "drawing" | "whole" | "leading" | "out" | "won";
  readonly words: string;
}

/** A score or a log-likelihood, as short as it can be told apart. */
export const shortScore = (value: number): string => fixed(value, Math.abs(value) < 10 ? 2 : 1);

/** Why a lane can no longer be chosen: "−14.2 ‹ −11.9 at token 23". */
export function reasonOut({ at, most, bound, by }: NonNullable<Lane["out"]>): string {
  const where = `at token ${at}`;
  if (most === undefined || bound === undefined) return `out ${where}`;
  const against = by === undefined || by < 0 || !Number.isFinite(by) ? "" : ` of #${by}`;
  return `${shortScore(most)} ‹ ${shortScore(bound)}${against} ${where}`;
}

/** Why a whole lane was not chosen. */
function reasonBehind(score: number, { c, why }: NonNullable<Race["chosen"]>): string {
  if (score === why.score) return `${shortScore(score)} as well, and #${c} comes first`;
  return `${shortScore(score)} ‹ ${shortScore(why.score)} at its end`;
}

/** What is said of each lane. */
export function standingOf(lane: Lane, { leader, chosen, start }: Race): Standing {
  if (chosen?.c === lane.c) return { look: "won", words: "chosen" };
  if (lane.out) return { look: "out", words: reasonOut(lane.out) };
  const score = chosen?.why.scores.find(({ c }) => c === lane.c)?.score;
  if (score !== undefined && chosen) return { look: "out", words: reasonBehind(score, chosen) };
  if (lane.finish !== undefined)
    return leader?.c === lane.c
      ? { look: "leading", words: `leads with ${shortScore(leader.score)}` }
      : { look: "whole", words: lane.finish === "length" ? "whole, cut at its length" : "whole" };
  if (lane.tokens > 0) return { look: "drawing", words: "being drawn" };
  return { look: "waiting", words: start ? "waits for a row" : "" };
}
