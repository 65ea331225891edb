/**
 * Every way to combine four numbers in three steps `a op b = c`, op one of + - * /, where each step takes two numbers
 * that are left and puts back its result, and each result is an integer in 0..200 (no negative difference, only exact
 * division), so that a vocabulary of one token per number 0..200 suffices.
 *
 * Two traces are the same if their texts are: `2 + 3` and `3 + 2` differ, the two 4s of `4 4 …` do not.
 */
import type { RandomStream } from "../../core/random.js";
import { multisetKey } from "./puzzles.js";

/** The largest result of a step in a trace. */
const LARGEST_VALUE = 200;

const OPERATORS = ["+", "-", "*", "/"] as const;

/** The traces of a multiset, sorted by what they end in. A code is the path of choices; `trace` reads it. */
interface TraceTable {
  readonly numbers: readonly number[];
  readonly codes: Uint16Array;
  /** Codes of the traces that end in v: `codes[starts[v]]` up to `codes[starts[v + 1]]`. */
  readonly starts: Uint32Array;
}

const tables = new Map<number, TraceTable>();

/** Whether some trace of the four numbers (integers in 0..200, in any order) ends in the target. */
export function solvable(numbers: readonly number[], target: number): boolean {
  const [start, end] = range(traceTable(numbers), target, target);
  return end > start;
}

/** All distinct traces of the four numbers that end in the target, as texts such as `13 - 9 = 4 , 10 - 4 = 6 , 4 * 6 = 24`. */
export function traces(numbers: readonly number[], target: number): string[] {
  const table = traceTable(numbers);
  const [start, end] = range(table, target, target);
  return Array.from(table.codes.subarray(start, end), (code) => trace(table.numbers, code).text);
}

/** A trace and the value that it ends in. */
export interface Trace {
  readonly text: string;
  readonly target: number;
}

/**
 * A trace drawn uniformly from the distinct ones of the four numbers that end in a value from `low` to `high`,
 * inclusive; undefined if there are none. Takes one value of the stream.
 */
export function randomTrace(
  stream: RandomStream,
  numbers: readonly number[],
  low: number,
  high: number = low,
): Trace | undefined {
  const table = traceTable(numbers);
  const [start, end] = range(table, low, high);
  if (start === end) return undefined;
  return trace(table.numbers, table.codes[start + stream.integer(end - start)]!);
}

function range(table: TraceTable, low: number, high: number): [number, number] {
  if (low > high || high < 0 || low > LARGEST_VALUE) return [0, 0];
  return [table.starts[Math.max(0, low)]!, table.starts[Math.min(LARGEST_VALUE, high) + 1]!];
}

function traceTable(numbers: readonly number[]): TraceTable {
  const key = multisetKey(numbers);
  let table = tables.get(key);
  if (table === undefined) {
    table = enumerate([...numbers].sort((a, b) => a - b));
    tables.set(key, table);
  }
  return table;
}

function enumerate(numbers: readonly number[]): TraceTable {
  const codes: number[] = [];
  const values: number[] = [];
  const visit = (left: readonly number[], code: number): void => {
    if (left.length === 1) {
      codes.push(code);
      values.push(left[0]!);
      return;
    }
    for (let i = 0; i < left.length; i++) {
      for (let j = 0; j < left.length; j++) {
        if (i === j || isRepeat(left, i, j)) continue;
        for (let op = 0; op < OPERATORS.length; op++) {
          const value = apply(op, left[i]!, left[j]!);
          if (value !== undefined) visit(combine(left, i, j, value), encode(code, left.length, i, j, op));
        }
      }
    }
  };
  visit(numbers, 0);
  return { numbers, ...sortByValue(codes, values) };
}

/** A counting sort, since all multisets together have millions of traces; codes of equal values keep their order. */
function sortByValue(
  codes: readonly number[],
  values: readonly number[],
): Pick<TraceTable, "codes" | "starts"> {
  const starts = new Uint32Array(LARGEST_VALUE + 2);
  for (const value of values) starts[value + 1]! += 1;
  for (let value = 0; value <= LARGEST_VALUE; value++) starts[value + 1]! += starts[value]!;
  const next = starts.slice();
  const sorted = new Uint16Array(codes.length);
  codes.forEach((code, at) => (sorted[next[values[at]!]!++] = code));
  return { codes: sorted, starts };
}

/** Whether an earlier pair of positions holds the same two values: its traces would have the same texts. */
function isRepeat(left: readonly number[], i: number, j: number): boolean {
  for (let a = 0; a <= i; a++) {
    for (let b = 0; b < (a === i ? j : left.length); b++) {
      if (a !== b && left[a] === left[i] && left[b] === left[j]) return true;
    }
  }
  return false;
}

function apply(op: number, a: number, b: number): number | undefined {
  let value: number;
  if (op === 0) value = a + b;
  else if (op === 1) value = a - b;
  else if (op === 2) value = a * b;
  else if (b !== 0 && a % b === 0) value = a / b;
  else return undefined;
  return value >= 0 && value <= LARGEST_VALUE ? value : undefined;
}

function combine(left: readonly number[], i: number, j: number, value: number): number[] {
  const next: number[] = [];
  for (let k = 0; k < left.length; k++) if (k !== i && k !== j) next.push(left[k]!);
  next.push(value);
  return next;
}

/** Appends a step to a code: mixed radix (i, j, op) with 4, 3 and 2 numbers left; at most 64·36·16 = 36,864. */
function encode(code: number, count: number, i: number, j: number, op: number): number {
  return ((code * count + i) * count + j) * OPERATORS.length + op;
}

function trace(numbers: readonly number[], code: number): Trace {
  const choices: [number, number, number][] = [];
  for (let count = 2, rest = code; count <= 4; count++) {
    const op = rest % OPERATORS.length;
    rest = (rest - op) / OPERATORS.length;
    const j = rest % count;
    rest = (rest - j) / count;
    const i = rest % count;
    rest = (rest - i) / count;
    choices.unshift([i, j, op]);
  }
  let left: readonly number[] = numbers;
  let text = "";
  for (const [i, j, op] of choices) {
    const value = apply(op, left[i]!, left[j]!)!;
    text += `${text === "" ? "" : " , "}${left[i]!} ${OPERATORS[op]!} ${left[j]!} = ${value}`;
    left = combine(left, i, j, value);
  }
  return { text, target: left[0]! };
}
