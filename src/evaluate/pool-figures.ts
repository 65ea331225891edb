import type { Response } from "../policy/policy.js";
import { choose, type Pool, type SelfReward } from "../reward/self-reward.js";
import { remembered } from "../task/answers/remembered.js";
import type { Task } from "../task/task.js";
import { agreement } from "./agreement.js";
import { answersOf, factsOf, type Facts } from "./answers.js";
import { endsOf, type PoolEnds } from "./ends.js";
import { rankWeights } from "./subsets.js";

/** A self-reward, and the N at which it is measured. */
export interface MeasuredReward {
  readonly reward: SelfReward;
  readonly ns: readonly number[];
}

/** Expected values of one prompt's answer. */
export interface Expected {
  /** P(correct); undefined without a label. */
  readonly correct: number | undefined;
  readonly logProb: number;
  readonly length: number;
}

/** What a measurement keeps of one pool: numbers, and no response. Plain values, so that they may come from another thread. */
export interface PoolFigures {
  readonly facts: Facts;
  /** Of the greedy response; undefined for a further seed. */
  readonly greedy: Facts | undefined;
  /** By reward: the scores of the responses. */
  readonly scores: readonly (readonly number[])[];
  /** By reward: the `index` of the response that it chose. */
  readonly chosen: readonly number[];
  /** By reward and N. */
  readonly answers: readonly (readonly Expected[])[];
  readonly ends: PoolEnds;
  /** Whether two rewards choose the same answer, 1 or 0; keyed as `agreement`. */
  readonly same: Readonly<Record<string, number>>;
}

/** The pool as it is read now, with an extractor that reads every text once: majority alone asks for it again at each N. */
function readOnce({ prompt, responses, extract, policy }: Pool): Pool {
  return { prompt, responses, extract: remembered(extract), ...(policy && { policy }) };
}

function expected(facts: Facts, weights: ArrayLike<number>): Expected {
  const { correct, logProb, length } = answersOf([facts], () => weights);
  return { correct: correct[0], logProb: logProb[0]!, length: length[0]! };
}

/**
 * Grades and scores one pool.
 * @param greedy the greedy response to its prompt; undefined: a further seed, which has none of its own.
 */
export async function poolFigures(
  task: Task,
  rewards: readonly MeasuredReward[],
  given: Pool,
  greedy: Response | undefined,
): Promise<PoolFigures> {
  const pool = readOnce(given);
  const { id } = pool.prompt;
  const facts = factsOf(task, id, pool.responses);
  const scores: (readonly number[])[] = [];
  const chosen = new Map<string, Response>();
  const answers: Expected[][] = [];
  for (const { reward, ns } of rewards) {
    const scored = await reward.score(pool);
    scores.push(scored);
    chosen.set(reward.name, pool.responses[choose(scored)]!);
    answers.push(
      ns.map((n) => expected(facts, reward.chosenProbabilities?.(pool, n) ?? rankWeights(scored, n))),
    );
  }
  const texts = new Map([...chosen].map(([reward, { text }]) => [reward, [text]]));
  return {
    facts,
    greedy: greedy && factsOf(task, id, [greedy]),
    scores,
    chosen: rewards.map(({ reward }) => chosen.get(reward.name)!.index),
    answers,
    ends: endsOf(pool, greedy, chosen),
    same: agreement(texts, (_, text) => pool.extract(text)),
  };
}

/** The figures of each pool, read one after the other in their order. @param greedy as `poolFigures`, by pool. */
export async function* figuresOf(
  task: Task,
  rewards: readonly MeasuredReward[],
  pools: readonly Pool[],
  greedy: readonly Response[] | undefined,
): AsyncGenerator<PoolFigures> {
  for (const [place, pool] of pools.entries()) yield await poolFigures(task, rewards, pool, greedy?.[place]);
}
