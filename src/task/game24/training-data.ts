import type { RandomStream } from "../../core/random.js";
import { LARGEST_NUMBER, isHeldOut, multisetKey, sparePuzzles } from "./puzzles.js";
import { randomTrace, solvable } from "./traces.js";

/** What the base model learns from: the response is a valid trace that answers the prompt. */
export interface TrainingExample {
  /** Such as `4 9 10 13 = 24 :`. */
  readonly prompt: string;
  /** Such as `13 - 9 = 4 , 10 - 4 = 6 , 4 * 6 = 24`. */
  readonly response: string;
}

const GAME_TARGET = 24;
/** Targets of examples other than 24 lie in 1..100. */
export const LARGEST_TARGET = 100;

let allowed: readonly (readonly number[])[] | undefined;
/** What examples are made of: all training multisets, and those of them that reach 24. */
interface Choices {
  readonly all: readonly (readonly number[])[];
  readonly for24: readonly (readonly number[])[];
}

const choices = new Map<boolean, Choices>();

/** The prompt's exact text: the task's template. */
export function promptText(numbers: readonly number[], target: number): string {
  return `${numbers.join(" ")} = ${target} :`;
}

/** Whether a text asks what `promptText` asks, the colon and spaces aside. */
export function isPuzzle(text: string): boolean {
  return /^\s*\d+(?:\s+\d+){3}\s*=\s*\d+\s*:?\s*$/.test(text);
}

/**
 * The multisets of four numbers from 1 to 13 that examples may use: all 1,820 but the test and validation puzzles,
 * which are left out whatever the target.
 */
export function trainingMultisets(): readonly (readonly number[])[] {
  allowed ??= allMultisets().filter((numbers) => !isHeldOut(numbers));
  return allowed;
}

/**
 * Draws one pretraining example. With probability a half the target is 24, and the numbers are uniform over the
 * training multisets that have a trace to 24; else the numbers are uniform over all training multisets, and the target
 * is the end of a uniformly random trace among those that end in 1..100. Given numbers and target, the trace is
 * uniform over all valid ones, so that the policy is broad; the numbers are in random order.
 * @param half leaves the spare puzzles out, too, whatever the target.
 */
export function trainingExample(stream: RandomStream, half = false): TrainingExample {
  const { all, for24 } = choicesOf(half);
  const is24 = stream.next() < 0.5;
  const among = is24 ? for24 : all;
  const numbers = among[stream.integer(among.length)]!;
  const trace = is24
    ? randomTrace(stream, numbers, GAME_TARGET)
    : randomTrace(stream, numbers, 1, LARGEST_TARGET);
  // Every multiset reaches 1..100: its sum is between 4 and 52.
  const { text, target } = trace!;
  return { prompt: promptText(stream.shuffle(numbers), target), response: text };
}

function choicesOf(half: boolean): Choices {
  let known = choices.get(half);
  if (!known) {
    const spare = new Set(half ? sparePuzzles().map(({ numbers }) => multisetKey(numbers)) : []);
    const all = trainingMultisets().filter((numbers) => !spare.has(multisetKey(numbers)));
    known = { all, for24: all.filter((numbers) => solvable(numbers, GAME_TARGET)) };
    choices.set(half, known);
  }
  return known;
}

function allMultisets(): number[][] {
  const result: number[][] = [];
  for (let a = 1; a <= LARGEST_NUMBER; a++) {
    for (let b = a; b <= LARGEST_NUMBER; b++) {
      for (let c = b; c <= LARGEST_NUMBER; c++) {
        for (let d = c; d <= LARGEST_NUMBER; d++) result.push([a, b, c, d]);
      }
    }
  }
  return result;
}
