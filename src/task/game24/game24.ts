import { sha256 } from "../../core/files.js";
import { UsageError } from "../../core/errors.js";
import { randomStream } from "../../core/random.js";
import type { Prompt } from "../../policy/policy.js";
import type { Split, Task } from "../task.js";
import { extractOperations, gradeTrace } from "./grade.js";
import { splitPuzzles, type Puzzle } from "./puzzles.js";
import { promptText } from "./training-data.js";

export interface Game24Options {
  /**
   * How many orders of its numbers each training puzzle is asked in: 1 (default) to 24. The first is ascending, the
   * others are random; a puzzle with equal numbers has fewer different orders, and then fewer prompts.
   */
  readonly orders?: number;
  /** The longest response worth drawing, in tokens; default 18, right for one token per number. */
  readonly maxTokens?: number;
}

const TARGET = 24;
const LONGEST_RESPONSE = 18;
const ORDER_SEED = 24;
const MOST_ORDERS = 24;
const SPLITS = ["train", "validation", "test"] as const;

/** Changes with the template, the extractor or the grader, which the digest cannot see otherwise. */
const RULES = "game24/1: `a b c d = 24 :`; operations; strict three steps";

/**
 * Game of 24: four numbers, and three steps that make 24 of them, as in the response
 * `13 - 9 = 4 , 10 - 4 = 6 , 4 * 6 = 24` to the prompt `4 9 10 13 = 24 :`.
 *
 * Prompt ids are split and rank, `test-901`; those of training puzzles also tell the order, `train-17-o0`. More `orders`
 * add prompts after the earlier ones and change none of them. Responses have 17 tokens and the end token with one token
 * per number, hence `maxTokens` 18. Sixteen puzzles (two of the test split) need fractions or negative numbers; they stay.
 * @throws UsageError unless `orders` is an integer from 1 to 24 and `maxTokens` one of at least 1.
 */
export function game24(options: Game24Options = {}): Task {
  const orders = options.orders ?? 1;
  if (!Number.isInteger(orders) || orders < 1 || orders > MOST_ORDERS) {
    throw new UsageError(`orders must be an integer from 1 to ${MOST_ORDERS}, not ${orders}.`);
  }
  const maxTokens = options.maxTokens ?? LONGEST_RESPONSE;
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) {
    throw new UsageError(`maxTokens must be an integer of at least 1, not ${maxTokens}.`);
  }
  const prompts: Readonly<Record<Split, readonly Prompt[]>> = {
    train: trainingPrompts(splitPuzzles("train"), orders),
    validation: splitPuzzles("validation").map((puzzle) => listedPrompt("validation", puzzle)),
    test: splitPuzzles("test").map((puzzle) => listedPrompt("test", puzzle)),
  };
  const puzzleOf = new Map<string, readonly number[]>(
    SPLITS.flatMap((split) =>
      splitPuzzles(split).map((puzzle) => [`${split}-${puzzle.rank}`, puzzle.numbers] as const),
    ),
  );
  return {
    name: "game24",
    digest: sha256(JSON.stringify([RULES, prompts])),
    maxTokens,
    prompts: (split) => prompts[split],
    extract: extractOperations,
    grade: (promptId, text) => {
      const numbers = puzzleOf.get(promptId.replace(/-o\d+$/, ""));
      if (numbers === undefined) throw new UsageError(`game24 has no prompt "${promptId}".`);
      return gradeTrace(numbers, TARGET, text);
    },
  };
}

function listedPrompt(split: Split, { rank, numbers }: Puzzle): Prompt {
  return { id: `${split}-${rank}`, text: promptText(numbers, TARGET) };
}

/** All first orders, then all second ones, and so on, so that the first prompts are of different puzzles. */
function trainingPrompts(puzzles: readonly Puzzle[], orders: number): readonly Prompt[] {
  const ordersOf = puzzles.map(differentOrders);
  const result: Prompt[] = [];
  for (let order = 0; order < orders; order++) {
    puzzles.forEach(({ rank }, at) => {
      const numbers = ordersOf[at]![order];
      if (numbers) result.push({ id: `train-${rank}-o${order}`, text: promptText(numbers, TARGET) });
    });
  }
  return result;
}

/** The different orders of a puzzle's numbers: ascending first, the others shuffled by its rank alone. */
function differentOrders({ rank, numbers }: Puzzle): readonly (readonly number[])[] {
  const found = new Map<string, readonly number[]>();
  const visit = (order: readonly number[], left: readonly number[]): void => {
    if (left.length === 0) found.set(order.join(" "), order);
    left.forEach((number, at) => visit([...order, number], left.toSpliced(at, 1)));
  };
  visit([], numbers);
  const [first, ...others] = found.values();
  return [first!, ...randomStream(ORDER_SEED, `game24 orders ${rank}`).shuffle(others)];
}
