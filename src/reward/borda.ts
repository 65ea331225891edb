import { UsageError } from "../core/errors.js";
import { answerClasses } from "./answer-classes.js";
import { certaintyOf } from "./self-certainty.js";
import type { Pool, SelfReward } from "./self-reward.js";
import { chosenOverSubsets, shareOfBest } from "./subset-choice.js";

/** How much a rank counts. */
export interface BordaOptions {
  /** p ≥ 0: the r-th most certain of N responses has (N − r + 1)^p votes. Default 0.5, as the method's authors' script; 0 is majority. */
  readonly power?: number;
}

const NAME = "borda";

/** Votes by position: (N − rank + 1)^p, equals sharing the mean of theirs; and the positions from the most certain on. */
function ballots(
  certainties: readonly number[],
  power: number,
): { readonly votes: number[]; readonly order: number[] } {
  const size = certainties.length;
  const order = [...certainties.keys()].sort((a, b) => certainties[b]! - certainties[a]!);
  const votes = new Array<number>(size).fill(0);
  for (let start = 0; start < size;) {
    let end = start;
    let sum = 0;
    while (end < size && certainties[order[end]!] === certainties[order[start]!])
      sum += (size - end++) ** power;
    for (let i = start; i < end; i++) votes[order[i]!] = sum / (end - start);
    start = end;
  }
  return { votes, order };
}

/** The share of all votes that each response's answer has; 0 without an answer. */
function scores(classOf: readonly number[], certainties: readonly number[], power: number): number[] {
  const { votes, order } = ballots(certainties, power);
  const byClass = new Map<number, number>();
  let all = 0;
  // Summed by rank, so that the order of the responses does not show in the last digits.
  for (const i of order) {
    const number = classOf[i]!;
    all += votes[i]!;
    if (number >= 0) byClass.set(number, (byClass.get(number) ?? 0) + votes[i]!);
  }
  return classOf.map((number) => (number < 0 ? 0 : byClass.get(number)! / all));
}

/**
 * Borda voting by self-certainty (arXiv 2502.18581): responses are ranked by self-certainty, the r-th of N gives its answer
 * (N − r + 1)^p votes, and the answer with the most votes wins. A response without an answer takes its rank, but its votes are lost;
 * it scores 0, and is chosen only where none has an answer. Scores are shares of all votes, in [0, 1]. Its expectation
 * over subsets has no closed form: see `chosenOverSubsets`.
 * `score` rejects with UsageError where a response has no `certainties`.
 * @throws UsageError for a negative power.
 */
export function borda({ power = 0.5 }: BordaOptions = {}): SelfReward {
  if (!(power >= 0 && power < Infinity))
    throw new UsageError(`The power of the reward ${NAME} must be at least 0, not ${power}.`);
  const read = (pool: Pool) => ({
    classOf: answerClasses(pool).classOf,
    certainties: pool.responses.map((response) => certaintyOf(response, NAME)),
  });
  return {
    name: NAME,
    description: "Whose answer has the most votes when the more certain responses have more of them.",
    needs: ["certainties"],
    score: (pool) =>
      new Promise((resolve) => {
        const { classOf, certainties } = read(pool);
        resolve(scores(classOf, certainties, power));
      }),
    chosenProbabilities: (pool, n) => {
      const { classOf, certainties } = read(pool);
      return chosenOverSubsets(classOf.length, n, NAME, (positions) =>
        shareOfBest(
          scores(
            positions.map((i) => classOf[i]!),
            positions.map((i) => certainties[i]!),
            power,
          ),
        ),
      );
    },
  };
}
