import type { Decimal } from "./rational.js";

/** Digits with what may separate groups of them or their decimals: bounded, so that a list of a million numbers is no run. */
const RUN = /(?:\d+(?:[.,'_]\d+| \d{3}(?!\d)){0,40}|\.\d+)/y;

/** Digits that were read, and where they end. */
export interface Digits extends Decimal {
  readonly end: number;
}

/**
 * The numeral at a position, by one rule for its signs:
 * 1. Space, `'` and `_` only ever separate groups of three digits: `1 234 567`, `1'234`.
 * 2. Where both `.` and `,` occur, the last is the decimal sign and the other separates groups: `1.234,56` and `1,234.56`.
 * 3. A sign that occurs several times separates groups, of three or as in India: `1.234.567`, `12,34,567`.
 * 4. One `.` is the decimal sign, always: `1.234` is 1 and a bit.
 * 5. One `,` separates a group where exactly three digits follow and one to three, not beginning with 0, precede it: `1,234`;
 *    otherwise it is the decimal sign: `3,14`, `0,125`, `1234,567`.
 * What fits none of these (`1,2,3`, `1.2.3`) is read up to the sign that does not fit.
 * @returns undefined where no digit stands there.
 */
export function digitsAt(text: string, at: number): Digits | undefined {
  RUN.lastIndex = at;
  const run = RUN.exec(text)?.[0];
  if (run === undefined) return undefined;
  if (run.startsWith(".")) return { digits: `0${run}`, exponent: 0, end: at + run.length };
  const groups = run.split(/[.,'_ ]/);
  const signs = run.replace(/\d+/g, "");
  // A list, `1,2,3`: its first number alone, not 1.2.
  const longest = isList(groups, signs) ? 0 : signs.length;
  for (let count = longest; count >= 0; count--) {
    const digits = asNumeral(groups.slice(0, count + 1), signs.slice(0, count));
    if (digits === undefined) continue;
    const length = groups.slice(0, count + 1).reduce((sum, group) => sum + group.length, count);
    return { digits, exponent: 0, end: at + length };
  }
  return undefined;
}

function isList(groups: readonly string[], signs: string): boolean {
  return signs.length > 1 && /^,+$/.test(signs) && !areGroups(groups, signs);
}

function asNumeral(groups: readonly string[], signs: string): string | undefined {
  if (signs === "") return groups[0];
  const last = signs.at(-1)!;
  const mayBeOneGroup = signs !== "." && !(signs === "," && groups[0]!.startsWith("0"));
  if (mayBeOneGroup && areGroups(groups, signs)) return groups.join("");
  if (last !== "." && last !== ",") return undefined;
  const before = groups.slice(0, -1);
  const others = signs.slice(0, -1);
  if (others !== "" && (others.includes(last) || !areGroups(before, others))) return undefined;
  return `${before.join("")}.${groups.at(-1)!}`;
}

/** Whether all signs are the same and stand between groups of three digits, or as in India of two before the last three. */
function areGroups(groups: readonly string[], signs: string): boolean {
  if (new Set(signs).size !== 1) return false;
  const [first = "", ...rest] = groups;
  const lastIsThree = rest.at(-1)?.length === 3;
  if (rest.every(({ length }) => length === 3)) return first.length <= 3;
  return (
    signs.startsWith(",") &&
    lastIsThree &&
    first.length <= 2 &&
    rest.slice(0, -1).every(({ length }) => length === 2)
  );
}
