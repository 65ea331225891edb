import type { Answers, Facts } from "./answers.js";
import type { EndsCount } from "./ends.js";
import type { Expected, MeasuredReward, PoolFigures } from "./pool-figures.js";

/**
 * A measurement keeps numbers of each pool, and no response: each pool is read once, scored, graded and let go. So a run of millions of
 * responses is measured in the memory that its figures take.
 */

/** What one seed drew, in numbers. */
export interface Gathered {
  /** By prompt. */
  readonly facts: readonly Facts[];
  /** Of the greedy response, by prompt; none for a further seed. */
  readonly greedy: readonly Facts[];
  /** By reward and prompt. */
  readonly scores: readonly (readonly (readonly number[])[])[];
  /** By reward and N: the expected values by prompt. */
  readonly answers: readonly (readonly Answers[])[];
}

/** What is counted over all seeds together. */
export interface Counts {
  readonly ends: EndsCount;
  /** On how many prompts two rewards choose the same answer; keyed as `agreement`. */
  readonly same: Map<string, number>;
}

type Growing = { [field in keyof Answers]: number[] };

const growing = (): Growing => ({ correct: [], logProb: [], length: [] });

function add(to: Growing, { correct, logProb, length }: Expected): void {
  to.logProb.push(logProb);
  to.length.push(length);
  if (correct !== undefined) to.correct.push(correct);
}

/**
 * Puts the figures of one seed's pools together.
 * @param figures in the pools' order.
 * @param counts what is counted goes there.
 */
export async function gather(
  rewards: readonly MeasuredReward[],
  figures: AsyncIterable<PoolFigures>,
  counts: Counts,
): Promise<Gathered> {
  const facts: Facts[] = [];
  const greedy: Facts[] = [];
  const scores = rewards.map((): (readonly number[])[] => []);
  const answers = rewards.map(({ ns }) => ns.map(growing));
  for await (const pool of figures) {
    facts.push(pool.facts);
    if (pool.greedy) greedy.push(pool.greedy);
    for (const r of rewards.keys()) {
      scores[r]!.push(pool.scores[r]!);
      for (const [i, own] of pool.answers[r]!.entries()) add(answers[r]![i]!, own);
    }
    counts.ends.add(pool.ends);
    for (const [pair, share] of Object.entries(pool.same))
      counts.same.set(pair, (counts.same.get(pair) ?? 0) + share);
  }
  return { facts, greedy, scores, answers };
}
