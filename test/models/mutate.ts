import type { RandomStream } from "../../src/core/random.js";

/** Numbers at which sizes wrap, signs change and floats lose integers. */
const NUMBERS = [
  "0",
  "-1",
  "1",
  "255",
  "65536",
  "2147483648",
  "4294967295",
  "9007199254740993",
  "1e308",
  "1e999",
  "-0",
  "0.5",
];
const WORDS = [
  "null",
  "true",
  "{}",
  "[]",
  '""',
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\u0000",
  "\\ud800",
  "\0",
  "__proto__",
  "constructor",
];
const BYTES = [0, 1, 0x7f, 0x80, 0xc3, 0xff];

/**
 * A damaged copy: one to six changes within the first `reach` bytes, each of them a byte, a bit, a piece cut out, repeated or moved,
 * a number or a word in place of another; one copy in ten is cut off as well.
 */
export function mutate(source: Buffer, draws: RandomStream, reach = source.length): Buffer {
  const below = (count: number): number => Math.floor(draws.next() * count);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  let bytes: Buffer = Buffer.from(draws.next() < 0.1 ? source.subarray(0, below(source.length)) : source);
  for (let changes = 1 + below(6); changes > 0 && bytes.length > 0; changes--) {
    const at = below(Math.min(reach, bytes.length));
    const piece = bytes.subarray(at, at + 1 + below(40));
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (below(8)) {
      case 0:
      case 1:
        bytes[at] = below(256);
        break;
      case 2:
        bytes[at] = pick(BYTES);
        break;
      case 3:
        bytes[at]! ^= 1 << below(8);
        break;
      case 4:
        bytes = Buffer.concat([before, after.subarray(piece.length)]);
        break;
      case 5:
        bytes = Buffer.concat([before, piece, after]);
        break;
      case 6:
        bytes = Buffer.concat([before, Buffer.from(pick(WORDS)), after]);
        break;
      default:
        bytes = replacedNumber(bytes, at, pick(NUMBERS));
    }
  }
  return bytes;
}

/** The first number from a place on becomes another; where there is none, nothing changes. */
function replacedNumber(bytes: Buffer, from: number, number: string): Buffer {
  const isDigit = (at: number): boolean => bytes[at]! >= 0x30 && bytes[at]! <= 0x39;
  let start = from;
  while (start < bytes.length && !isDigit(start)) start++;
  let end = start;
  while (end < bytes.length && isDigit(end)) end++;
  if (start === end) return bytes;
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(number), bytes.subarray(end)]);
}
