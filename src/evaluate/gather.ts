import type { Response } from "../policy/policy.js";
import { choose, type Pool, type SelfReward } from "../reward/self-reward.js";
import type { Task } from "../task/task.js";
import { agreement } from "./agreement.js";
import { answersOf, factsOf, type Answers, type Facts } from "./answers.js";
import type { EndsCount } from "./ends.js";
import { rankWeights } from "./subsets.js";

/**
 * A measurement keeps numbers of each pool, and no response: each pool is read once, scored, graded and let go. So a run of millions of
 * responses is measured in the memory that its figures take.
 */

/** A self-reward, and the N at which it is measured. */
export interface MeasuredReward {
  readonly reward: SelfReward;
  readonly ns: readonly number[];
}

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

/** The pool as it is read now, with an extractor that reads every text once: majority alone asks for it again at each N. */
function remembering({ prompt, responses, extract, policy }: Pool): Pool {
  const known = new Map<string, string | undefined>();
  const remembered = (text: string): string | undefined => {
    if (!known.has(text)) known.set(text, extract(text));
    return known.get(text);
  };
  return { prompt, responses, extract: remembered, ...(policy && { policy }) };
}

type Growing = { [field in keyof Answers]: number[] };

const growing = (): Growing => ({ correct: [], logProb: [], length: [] });

function add(to: Growing, facts: Facts, weights: ArrayLike<number>): void {
  const own = answersOf([facts], () => weights);
  to.logProb.push(own.logProb[0]!);
  to.length.push(own.length[0]!);
  to.correct.push(...own.correct);
}

/**
 * Reads each pool once, in their order.
 * @param greedy the greedy response to each pool's prompt; absent: a further seed, which has none of its own.
 * @param counts what is counted goes there.
 */
export async function gather(
  task: Task,
  rewards: readonly MeasuredReward[],
  pools: readonly Pool[],
  greedy: readonly Response[] | undefined,
  counts: Counts,
): Promise<Gathered> {
  const facts: Facts[] = [];
  const greedyFacts: Facts[] = [];
  const scores = rewards.map((): (readonly number[])[] => []);
  const answers = rewards.map(({ ns }) => ns.map(growing));
  for (const [place, given] of pools.entries()) {
    const pool = remembering(given);
    const { id } = pool.prompt;
    const own = factsOf(task, id, pool.responses);
    facts.push(own);
    const best = greedy?.[place];
    if (best) greedyFacts.push(factsOf(task, id, [best]));
    const chosen = new Map<string, Response>();
    for (const [r, { reward, ns }] of rewards.entries()) {
      const scored = await reward.score(pool);
      scores[r]!.push(scored);
      chosen.set(reward.name, pool.responses[choose(scored)]!);
      for (const [i, n] of ns.entries())
        add(answers[r]![i]!, own, reward.chosenProbabilities?.(pool, n) ?? rankWeights(scored, n));
    }
    counts.ends.add(pool, best, chosen);
    countSame(counts.same, pool, chosen);
  }
  return { facts, greedy: greedyFacts, scores, answers };
}

function countSame(same: Map<string, number>, pool: Pool, chosen: ReadonlyMap<string, Response>): void {
  const texts = new Map([...chosen].map(([reward, { text }]) => [reward, [text]]));
  for (const [pair, share] of Object.entries(agreement(texts, (_, text) => pool.extract(text))))
    same.set(pair, (same.get(pair) ?? 0) + share);
}
