import { readFileSync } from "node:fs";
import { DataError } from "../../core/errors.js";
import { randomStream } from "../../core/random.js";
import type { Split } from "../task.js";

/** Four numbers that can make 24 in real arithmetic, as Game of 24 lists them. */
export interface Puzzle {
  /** 1 (what people solve most often) to 1362. */
  readonly rank: number;
  /** Four integers from 1 to 13, ascending. */
  readonly numbers: readonly number[];
}

/** Every number in a puzzle or a training example lies in 1..13, as on playing cards. */
export const LARGEST_NUMBER = 13;

const PUZZLE_COUNT = 1362;
const FIRST_TEST_RANK = 901;
const LAST_TEST_RANK = 1000;
const EXTRA_TEST_PUZZLES = 156;
const VALIDATION_PUZZLES = 100;
const SPLIT_SEED = 24;

// The same depth from src/task/game24 and from dist/task/game24.
const PUZZLE_FILE = new URL("../../../data/game24/puzzles.csv", import.meta.url);

let loaded: readonly Puzzle[] | undefined;
let splits: Readonly<Record<Split, readonly Puzzle[]>> | undefined;
let heldOut: ReadonlySet<number> | undefined;

/** The 1,362 puzzles by rank (data/game24/puzzles.csv, read once). */
function puzzles(): readonly Puzzle[] {
  loaded ??= readPuzzles();
  return loaded;
}

/**
 * The puzzles of a split; the three are disjoint as multisets and together are all of them.
 * `test`: ranks 901–1000 in order (the usual test split), then 156 others; `validation`: 100 others; `train`: the
 * remaining 1,006. All but the first hundred are in a fixed random order, so that any prefix is a fair sample of ranks.
 * @throws DataError if data/game24/puzzles.csv is missing or is not the list that the package ships.
 */
export function splitPuzzles(split: Split): readonly Puzzle[] {
  splits ??= makeSplits(puzzles());
  return splits[split];
}

/**
 * Half of the training puzzles, 503: a base that was pretrained without them (`npm run pretrain:game24 -- --half`) can be sharpened on
 * them, since to it they are what the held-out ones are.
 */
export function sparePuzzles(): readonly Puzzle[] {
  const train = splitPuzzles("train");
  return train.slice(train.length / 2);
}

/** A number that two lists of four numbers (each 0..200) share exactly when they are the same multiset. */
export function multisetKey(numbers: readonly number[]): number {
  let key = 0;
  for (const number of [...numbers].sort((a, b) => a - b)) key = key * 201 + number;
  return key;
}

/** Whether the numbers, in any order, are a test or validation puzzle: then no training example may use them. */
export function isHeldOut(numbers: readonly number[]): boolean {
  heldOut ??= new Set(
    [...splitPuzzles("test"), ...splitPuzzles("validation")].map((puzzle) => multisetKey(puzzle.numbers)),
  );
  return heldOut.has(multisetKey(numbers));
}

function readPuzzles(): readonly Puzzle[] {
  let text: string;
  try {
    text = readFileSync(PUZZLE_FILE, "utf8");
  } catch (cause) {
    throw new DataError(`The puzzle list ${PUZZLE_FILE.pathname} cannot be read; reinstall whetstone.`, {
      cause,
    });
  }
  const result = text
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line, index): Puzzle => {
      const match = /^(\d+),(\d+) (\d+) (\d+) (\d+)$/.exec(line);
      const [rank, ...numbers] = (match ?? []).slice(1).map(Number);
      if (rank !== index + 1) {
        throw new DataError(
          `Line ${index + 2} of ${PUZZLE_FILE.pathname} is not puzzle ${index + 1}; reinstall whetstone.`,
        );
      }
      return { rank, numbers };
    });
  if (result.length !== PUZZLE_COUNT) {
    throw new DataError(
      `${PUZZLE_FILE.pathname} holds ${result.length} puzzles instead of ${PUZZLE_COUNT}; reinstall whetstone.`,
    );
  }
  return result;
}

function makeSplits(all: readonly Puzzle[]): Readonly<Record<Split, readonly Puzzle[]>> {
  const isUsualTest = (puzzle: Puzzle): boolean =>
    puzzle.rank >= FIRST_TEST_RANK && puzzle.rank <= LAST_TEST_RANK;
  const rest = randomStream(SPLIT_SEED, "game24 splits").shuffle(
    all.filter((puzzle) => !isUsualTest(puzzle)),
  );
  const trainStart = EXTRA_TEST_PUZZLES + VALIDATION_PUZZLES;
  return {
    test: [...all.filter(isUsualTest), ...rest.slice(0, EXTRA_TEST_PUZZLES)],
    validation: rest.slice(EXTRA_TEST_PUZZLES, trainStart),
    train: rest.slice(trainStart),
  };
}
