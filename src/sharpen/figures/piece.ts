import type { Facts } from "../../evaluate/answers.js";
import { poolFigures, type MeasuredReward, type PoolFigures } from "../../evaluate/pool-figures.js";
import type { Prompt } from "../../policy/policy.js";
import { rewardNamed } from "../../reward/registry.js";
import { withScore } from "../../reward/self-reward.js";
import { readPlaces, type ResponsePlaces } from "../../run/response-index.js";
import type { TaskRecipe } from "../../task/registry.js";
import type { Task } from "../../task/task.js";

/** What a thread is told once. */
export interface ThreadWork {
  readonly task: TaskRecipe;
  /** Of the task as the main thread has it. */
  readonly digest: string;
  readonly rewards: readonly { readonly name: string; readonly ns: readonly number[] }[];
}

/** A prompt that a thread is to read. */
export interface PieceItem {
  readonly prompt: Prompt;
  readonly greedy: ResponsePlaces;
  readonly drawn: ResponsePlaces;
  /** By reward: the scores that are recorded already. */
  readonly known: readonly (readonly number[] | undefined)[];
}

/** Some prompts that a thread is to read. */
export type Piece = readonly PieceItem[];

/** `PoolFigures` of several pools, what there is a number of for each response as arrays that take no copying. */
export interface PackedFigures {
  readonly logProbs: Float64Array<ArrayBuffer>;
  readonly lengths: Float64Array<ArrayBuffer>;
  /** By reward. */
  readonly scores: readonly Float64Array<ArrayBuffer>[];
  readonly pools: readonly (Omit<PoolFigures, "facts" | "scores"> & Pick<Facts, "correct">)[];
}

/** Reads, grades and scores the prompts of a piece. @throws as `readPlaces` and the rewards. */
export async function figuresOfPiece(
  task: Task,
  rewards: ThreadWork["rewards"],
  items: readonly PieceItem[],
): Promise<PackedFigures> {
  const figures: PoolFigures[] = [];
  for (const { prompt, greedy, drawn, known } of items) {
    const responses = readPlaces(drawn);
    const pool = { prompt, responses, extract: (text: string) => task.extract(text) };
    const measured = rewards.map(({ name, ns }, place): MeasuredReward => {
      const reward = rewardNamed(name);
      const scores = known[place];
      return { reward: scores ? withScore(reward, () => Promise.resolve(scores)) : reward, ns };
    });
    figures.push(await poolFigures(task, measured, pool, readPlaces(greedy)[0]));
  }
  return packed(figures);
}

function packed(figures: readonly PoolFigures[]): PackedFigures {
  const joined = (rowOf: (one: PoolFigures) => readonly number[]): Float64Array<ArrayBuffer> =>
    Float64Array.from(figures.flatMap(rowOf));
  return {
    logProbs: joined(({ facts }) => facts.logProbs),
    lengths: joined(({ facts }) => facts.lengths),
    scores: (figures[0]?.scores ?? []).map((_, place) => joined(({ scores }) => scores[place]!)),
    pools: figures.map(({ facts, scores: _, ...rest }) => ({ ...rest, correct: facts.correct })),
  };
}

/** The buffers of packed figures, which may be handed over without a copy. */
export const buffersOf = ({ logProbs, lengths, scores }: PackedFigures): ArrayBuffer[] =>
  [logProbs, lengths, ...scores].map(({ buffer }) => buffer);

/** The figures as they were. @param sizes how many responses each pool has. */
export function unpacked(
  { logProbs, lengths, scores, pools }: PackedFigures,
  sizes: readonly number[],
): PoolFigures[] {
  let end = 0;
  return pools.map(({ correct, ...rest }, at) => {
    const start = end;
    end += sizes[at]!;
    const own = (values: Float64Array): number[] => Array.from(values.subarray(start, end));
    return {
      ...rest,
      facts: { logProbs: own(logProbs), lengths: own(lengths), correct },
      scores: scores.map(own),
    };
  });
}
