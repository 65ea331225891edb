import type { PartialResponse, Response } from "../policy/policy.js";

/**
 * Tells which unfinished responses of one prompt can no longer be chosen, whatever their remaining tokens are: lossless
 * early stopping. Told of every finished response, in any order; asked after every token of the others.
 */
export interface Pruner {
  finished(response: Response): void;
  /** True only if the response cannot be the chosen one any more. */
  hopeless(partial: PartialResponse): boolean;
  /** Why it is hopeless; asked of such a response alone. Absent: it does not tell. */
  why?(partial: PartialResponse): Ruling;
}

/** What rules an unfinished response out: however it goes on, it stays below a finished one. */
export interface Ruling {
  /** The most that it could still score; of majority, the most votes that another answer could still have. */
  readonly most: number;
  /** What it would have had to reach: the score, or the votes, of that finished response. */
  readonly bound: number;
  /** That finished response's index. */
  readonly by: number;
}

/** What a pruner may know of the draw. */
export interface PruningContext {
  /** N: how many responses are drawn. */
  readonly n: number;
  readonly maxTokens: number;
  readonly extract: (text: string) => string | undefined;
}

/**
 * Log-probabilities are at most 0 but for rounding in float32; a response within this many nats of the bound stays.
 */
const ROUNDING_NATS = 1e-3;

/**
 * For a score that is at most `bound(partial)` however the response goes on: drops what cannot reach the best finished one.
 * @param lowest scores below it count as it, so that such responses are equals, and the first of equals is chosen.
 */
export function boundPruner(
  score: (response: Response) => number,
  bound: (partial: PartialResponse) => number,
  lowest: number,
): Pruner {
  // Nothing is below the lowest score, so that nothing is dropped on account of one.
  let best = lowest;
  let by = -1;
  return {
    finished: (response) => {
      const own = score(response);
      if (own > best) [best, by] = [own, response.index];
    },
    hopeless: (partial) => Math.max(bound(partial), lowest) < best - ROUNDING_NATS,
    why: (partial) => ({ most: Math.max(bound(partial), lowest), bound: best, by }),
  };
}

/**
 * For majority: once the leading answer cannot be caught, only its earliest response is still open, since among equals the
 * lowest index is chosen; so every later one is dropped.
 */
export function majorityPruner({ n, extract }: PruningContext): Pruner {
  const counts = new Map<string, { count: number; lowest: number }>();
  let finished = 0;
  let lowest = Infinity;
  let votes = { most: 0, bound: 0 };
  const decide = (): void => {
    const open = n - finished;
    const ranked = [...counts.values()].sort((a, b) => b.count - a.count);
    const leader = ranked[0];
    const next = ranked[1]?.count ?? 0;
    lowest = leader !== undefined && leader.count > next + open ? leader.lowest : Infinity;
    votes = { most: next + open, bound: leader?.count ?? 0 };
  };
  return {
    finished: ({ text, index }) => {
      finished++;
      const answer = extract(text);
      if (answer !== undefined) {
        const entry = counts.get(answer) ?? { count: 0, lowest: Infinity };
        entry.count++;
        entry.lowest = Math.min(entry.lowest, index);
        counts.set(answer, entry);
      }
      decide();
    },
    hopeless: ({ index }) => index > lowest,
    why: () => ({ ...votes, by: lowest }),
  };
}
