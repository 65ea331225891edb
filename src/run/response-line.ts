import { utf8 } from "../core/lines.js";
import type { Response } from "../policy/policy.js";

/**
 * A line of responses.jsonl read without a JSON parser: some ten times as fast, as most of a line is numbers. It reads exactly what
 * `storedResponse` and `JSON.stringify` write, and leaves everything else (other fields, another order, spaces, numbers of more than 15
 * digits) to the parser. What it does read is what the parser and the schema would give.
 */

const ASCII = { quote: 0x22, backslash: 0x5c, minus: 0x2d, dot: 0x2e, zero: 0x30, comma: 0x2c, close: 0x5d };

/** Numbers of at most so many digits are whole below 2^53: divided by a power of ten that is exact too, they are rounded once, rightly. */
const MOST_DIGITS = 15;
const POWERS = Array.from({ length: 23 }, (_, k) => Number(`1e${k}`));

const literal = (text: string): Uint8Array => Buffer.from(text, "latin1");
const PROMPT_ID = literal('{"promptId":"');
const INDEX = literal(',"index":');
const TEXT = literal(',"text":"');
const TOKENS = literal(',"tokens":[');
const LOG_PROBS = literal(',"logProbs":[');
const FINISH = literal(',"finish":"');
const CERTAINTIES = literal(',"certainties":[');
const END = literal("}");

/** What makes a response unique in its file. */
export interface ResponseId {
  readonly promptId: string;
  readonly index: number;
}

/** A place in a line. Each method reads from it on, and gives undefined, or NaN, for what it does not read. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Whether this is next, and then it is passed. */
  passes(expected: Uint8Array): boolean {
    const [bytes, at] = [this.#bytes, this.#at];
    for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
    this.#at = at + expected.length;
    return true;
  }

  /** The string whose opening quote was passed. */
  string(): string | undefined {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    let isPlain = true;
    let isAscii = true;
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === ASCII.quote) break;
      if (byte < 0x20) return undefined;
      if (byte > 0x7e) isAscii = false;
      if (byte === ASCII.backslash) {
        isPlain = false;
        at++;
      }
    }
    if (at >= bytes.length) return undefined;
    this.#at = at + 1;
    if (isPlain && isAscii) return bytes.toString("latin1", start, at);
    try {
      const text = utf8.decode(bytes.subarray(start, at));
      return isPlain ? text : (JSON.parse(`"${text}"`) as string);
    } catch {
      return undefined;
    }
  }

  number(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    const isNegative = bytes[at] === ASCII.minus;
    if (isNegative) at++;
    const first = at;
    // In 32 bits first: most numbers have no more than nine digits, and these are half of all the work.
    let digits = 0;
    for (let d = bytes[at]! - ASCII.zero; d >= 0 && d <= 9; d = bytes[++at]! - ASCII.zero)
      digits = (Math.imul(digits, 10) + d) | 0;
    const whole = at - first;
    if (whole === 0 || (whole > 1 && bytes[first] === ASCII.zero)) return NaN;
    let scale = 0;
    if (bytes[at] === ASCII.dot) {
      const point = ++at;
      for (let d = bytes[at]! - ASCII.zero; d >= 0 && d <= 9; d = bytes[++at]! - ASCII.zero)
        digits = (Math.imul(digits, 10) + d) | 0;
      scale = at - point;
      if (scale === 0) return NaN;
    }
    this.#at = at;
    const count = whole + scale;
    const all = count <= 9 ? digits : count <= MOST_DIGITS ? this.#longNumber(first, at) : NaN;
    if (bytes[at] === 0x65) scale -= this.#exponent();
    const size = scale === 0 ? all : scale > 0 ? all / POWERS[scale]! : all * POWERS[-scale]!;
    return isNegative ? -size : size;
  }

  /** The digits of these bytes as one number, without their point. */
  #longNumber(start: number, end: number): number {
    let value = 0;
    for (let at = start; at < end; at++) {
      const byte = this.#bytes[at]!;
      if (byte !== ASCII.dot) value = value * 10 + (byte - ASCII.zero);
    }
    return value;
  }

  /** The exponent that begins here; NaN if it is none of one or two digits. */
  #exponent(): number {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    const sign = bytes[at] === ASCII.minus ? -1 : 1;
    if (bytes[at] === ASCII.minus || bytes[at] === 0x2b) at++;
    const first = at;
    let value = 0;
    for (let d = bytes[at]! - ASCII.zero; d >= 0 && d <= 9; d = bytes[++at]! - ASCII.zero)
      value = value * 10 + d;
    this.#at = at;
    return at === first || at - first > 2 ? NaN : sign * value;
  }

  /** A whole number of at least `least`. */
  whole(least: number): number {
    const value = this.number();
    return Number.isInteger(value) && value >= least ? value : NaN;
  }

  /** The numbers of an array whose opening bracket was passed. @param least where they are to be whole: the lowest. */
  numbers(least?: number): number[] | undefined {
    const bytes = this.#bytes;
    const values: number[] = [];
    if (bytes[this.#at] === ASCII.close) {
      this.#at++;
      return values;
    }
    for (;;) {
      const value = this.#plainNumber(least !== undefined);
      const number = Number.isNaN(value) ? this.number() : value;
      if (Number.isNaN(number) || (least !== undefined && !(Number.isInteger(number) && number >= least)))
        return undefined;
      values.push(number);
      const next = bytes[this.#at++];
      if (next === ASCII.close) return values;
      if (next !== ASCII.comma) return undefined;
    }
  }

  /**
   * The commonest form of a number, which is most of the work: whole, or `0.` and digits, at most nine of which count. NaN for every other, which
   * is not passed.
   */
  #plainNumber(isWhole: boolean): number {
    const bytes = this.#bytes;
    let at = this.#at;
    const isNegative = bytes[at] === ASCII.minus;
    if (isNegative) at++;
    const first = bytes[at]!;
    let digits = first - ASCII.zero;
    if (digits < 0 || digits > 9) return NaN;
    let counted = digits === 0 ? 0 : 1;
    let d = bytes[++at]! - ASCII.zero;
    if (first !== ASCII.zero)
      for (; d >= 0 && d <= 9; d = bytes[++at]! - ASCII.zero, counted++) digits = Math.imul(digits, 10) + d;
    let scale = 0;
    if (!isWhole && bytes[at] === ASCII.dot) {
      const point = ++at;
      d = bytes[at]! - ASCII.zero;
      for (; d >= 0 && d <= 9; d = bytes[++at]! - ASCII.zero) {
        digits = (Math.imul(digits, 10) + d) | 0;
        if (digits !== 0 || counted > 0) counted++;
      }
      scale = at - point;
      if (scale === 0 || scale >= POWERS.length) return NaN;
    }
    const next = bytes[at];
    if (counted > 9 || (next !== ASCII.comma && next !== ASCII.close)) return NaN;
    this.#at = at;
    const size = scale === 0 ? digits : digits / POWERS[scale]!;
    return isNegative ? -size : size;
  }
}

function idAt(cursor: Cursor): ResponseId | undefined {
  if (!cursor.passes(PROMPT_ID)) return undefined;
  const promptId = cursor.string();
  if (promptId === undefined || promptId === "" || !cursor.passes(INDEX)) return undefined;
  const index = cursor.whole(-1);
  return Number.isNaN(index) ? undefined : { promptId, index };
}

/** Whose response a line is; undefined where it takes a JSON parser to know. @param bytes from the start of the line. */
export function responseIdOf(bytes: Buffer): ResponseId | undefined {
  const cursor = new Cursor(bytes);
  const id = idAt(cursor);
  return id !== undefined && cursor.passes(TEXT) ? id : undefined;
}

/** How many tokens a line's response has, without reading them; undefined where it takes a JSON parser to know. @param bytes from the start of the line. */
export function tokensOfLine(bytes: Buffer): number | undefined {
  // Neither can stand within a string: its quotes have a backslash before them.
  const tokens = bytes.indexOf(TOKENS);
  if (tokens < 0) return undefined;
  const start = tokens + TOKENS.length;
  if (bytes[start] !== ASCII.close) return itemsFrom(bytes, start);
  const logProbs = bytes.indexOf(LOG_PROBS, start);
  return logProbs === start + 1 ? itemsFrom(bytes, logProbs + LOG_PROBS.length) : undefined;
}

/** Items of an array whose opening bracket was passed; undefined where it does not end. */
function itemsFrom(bytes: Buffer, start: number): number | undefined {
  if (bytes[start] === ASCII.close) return 0;
  const end = bytes.indexOf(ASCII.close, start);
  return end < 0 ? undefined : 1 + commasIn(bytes, start, end);
}

const COMMAS = 0x2c2c2c2c;
const NO_WORDS = new Int32Array(0);
/** Words whose counts fit one byte each. */
const MOST_WORDS = 255;

/** Commas in [start, end), four bytes at a time, which takes a third of the time: a file of many gigabytes is mostly such arrays. */
function commasIn(bytes: Buffer, start: number, end: number): number {
  const offset = bytes.byteOffset;
  const aligned = start + (-(offset + start) & 3);
  const isShort = aligned >= end;
  const words = isShort ? NO_WORDS : new Int32Array(bytes.buffer, offset + aligned, (end - aligned) >> 2);
  const first = isShort ? end : aligned;
  const rest = first + 4 * words.length;
  let count = 0;
  for (let at = start; at < first; at++) if (bytes[at] === ASCII.comma) count++;
  for (let at = 0; at < words.length;) {
    // One count in each byte.
    let counts = 0;
    for (const stop = Math.min(words.length, at + MOST_WORDS); at < stop; at++) {
      const other = words[at]! ^ COMMAS;
      // The highest bit of each byte that is a comma.
      counts += ~(((other & 0x7f7f7f7f) + 0x7f7f7f7f) | other | 0x7f7f7f7f) >>> 7;
    }
    count += (counts & 255) + ((counts >>> 8) & 255) + ((counts >>> 16) & 255) + (counts >>> 24);
  }
  for (let at = rest; at < end; at++) if (bytes[at] === ASCII.comma) count++;
  return count;
}

/** A line's response, as it was stored; undefined where it takes a JSON parser to read it. @param bytes the line, without its break. */
export function parseResponseLine(bytes: Buffer): Response | undefined {
  const cursor = new Cursor(bytes);
  const id = idAt(cursor);
  if (id === undefined || !cursor.passes(TEXT)) return undefined;
  const text = cursor.string();
  if (text === undefined || !cursor.passes(TOKENS)) return undefined;
  const tokens = cursor.numbers(0);
  if (tokens === undefined || !cursor.passes(LOG_PROBS)) return undefined;
  const logProbs = cursor.numbers();
  if (logProbs === undefined || !cursor.passes(FINISH)) return undefined;
  const finish = cursor.string();
  if (finish !== "stop" && finish !== "length") return undefined;
  if (tokens.length > 0 && logProbs.length !== tokens.length) return undefined;
  const response = { ...id, text, tokens, logProbs, finish } as const;
  if (cursor.passes(END)) return cursor.isAtEnd ? response : undefined;
  if (!cursor.passes(CERTAINTIES)) return undefined;
  const certainties = cursor.numbers();
  if (certainties?.length !== logProbs.length || !cursor.passes(END) || !cursor.isAtEnd) return undefined;
  return { ...response, certainties };
}
