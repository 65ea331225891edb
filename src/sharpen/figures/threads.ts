import { availableParallelism } from "node:os";
import { inThreads } from "../../core/in-threads.js";
import { figuresOf, type MeasuredReward, type PoolFigures } from "../../evaluate/pool-figures.js";
import type { Response } from "../../policy/policy.js";
import { rewards as builtIn } from "../../reward/registry.js";
import type { Pool, SelfReward } from "../../reward/self-reward.js";
import { recipeOf } from "../../task/registry.js";
import type { Task } from "../../task/task.js";
import type { DrawnPrompts } from "../drawn-prompts.js";
import type { RecordedRewards } from "../selections.js";
import { unpacked, type PackedFigures, type Piece, type ThreadWork } from "./piece.js";

/** A thread takes a quarter of a second to start, in which some thousand responses are read. */
const RESPONSES_PER_THREAD = 10_000;
/** Responses that a thread is given at a time. */
const PIECE = 1000;

/** How many threads measure. */
export interface Threads {
  /** At most; default: as many as there are processors. */
  readonly most?: number | undefined;
  /** A run of fewer responses for each is measured by fewer threads. Default 10,000. */
  readonly responsesEach?: number | undefined;
}

/** What is to be measured. */
export interface FiguresInputs {
  readonly task: Task;
  /** The rewards as they were given, and as they are recorded. */
  readonly rewards: readonly SelfReward[];
  readonly recorded: RecordedRewards;
  readonly drawn: DrawnPrompts;
  readonly pools: readonly Pool[];
  readonly greedy: readonly Response[];
}

/**
 * Who reads a run's pools in several threads, each prompt in one of them; the figures are those of one thread, to the bit, and come in
 * its order. Undefined where this thread is to do it alone: a small run, one processor, a task or reward that is somebody's own code or asks the
 * model, and the sources as they are, which no thread could load.
 */
export function figuresInThreads(
  inputs: FiguresInputs,
  { most = availableParallelism(), responsesEach = RESPONSES_PER_THREAD }: Threads = {},
): ((measured: readonly MeasuredReward[]) => AsyncIterable<PoolFigures>) | undefined {
  const { task, rewards, drawn } = inputs;
  const recipe = recipeOf(task);
  const responses = drawn.sizes.reduce((a, b) => a + b, 0);
  const count = Math.min(most, Math.floor(responses / responsesEach));
  const isOurs = rewards.every(
    (reward) => builtIn[reward.name] === reward && !reward.needs.includes("policy"),
  );
  if (recipe === undefined || count < 2 || !isOurs || !import.meta.url.endsWith(".js")) return undefined;
  return (measured) => {
    const told = measured.map(({ reward, ns }) => ({ name: reward.name, ns }));
    return readInThreads(inputs, measured, { task: recipe, digest: task.digest, rewards: told }, count);
  };
}

async function* readInThreads(
  inputs: FiguresInputs,
  measured: readonly MeasuredReward[],
  work: ThreadWork,
  count: number,
): AsyncGenerator<PoolFigures> {
  const { task, drawn, recorded, pools, greedy } = inputs;
  const pieces = piecesOf(drawn.sizes);
  const itemsOf = ({ from, to }: Places): Piece =>
    drawn.prompts.slice(from, to).map((prompt, at) => ({
      prompt,
      ...drawn.places(from + at),
      known: recorded.known(prompt.id),
    }));
  const replies = inThreads<Piece, PackedFigures>({
    module: new URL("./thread.js", import.meta.url),
    data: work,
    threads: count,
    pieces: pieces.length,
    pieceOf: (number) => itemsOf(pieces[number]!),
    what: "measures the run",
    remedy: "measure it with one thread",
  });
  let number = 0;
  for await (const packed of replies) {
    const { from, to } = pieces[number++]!;
    const figures = packed
      ? unpacked(packed, drawn.sizes.slice(from, to))
      : figuresOf(task, measured, pools.slice(from, to), greedy.slice(from, to));
    let place = from;
    for await (const own of figures) {
      const { id } = drawn.prompts[place++]!;
      for (const [reward, scores] of own.scores.entries())
        recorded.keep(id, reward, scores, own.chosen[reward]!);
      yield own;
    }
  }
}

interface Places {
  readonly from: number;
  readonly to: number;
}

/** Prompts that follow one another, together with at least so many responses as a piece has. */
function piecesOf(sizes: readonly number[]): Places[] {
  const pieces: Places[] = [];
  let [from, responses] = [0, 0];
  for (const [place, size] of sizes.entries()) {
    responses += size;
    if (responses < PIECE && place < sizes.length - 1) continue;
    pieces.push({ from, to: place + 1 });
    [from, responses] = [place + 1, 0];
  }
  return pieces;
}
