/** Formulas in prose: which of them state no value, so that their numbers are none either. */
import { equationSides, wholeValue } from "./whole-value.js";

const FORMULA =
  /\$\$([^$]{1,300})\$\$|(?<![\\$\d])\$([^\s$][^$\n]{0,300}?)(?<![\s\\])\$(?!\d)|\\\(([^\n]{1,300}?)\\\)|\\\[([^[\]]{1,300}?)\\\]/g;
/** Text and commands, which hold no variable. */
const COMMAND = /\\(?:text|textbf|mathrm|operatorname|mbox)\s?\{[^{}]{0,60}\}|\\[A-Za-z]+/g;

/** What makes a number the argument of something. */
const FUNCTION = /\\(?:sqrt|log|ln|sin|cos|tan)(?![A-Za-z])/;

/** Where a text's formulas stand that end in no number but in variables or functions, such as `$17^x$`, `$y = 2x + 3$` or `$\log_2(7)$`. */
export function openFormulas(text: string): readonly (readonly [start: number, end: number])[] {
  const found: [number, number][] = [];
  if (!/[$\\]/.test(text)) return found;
  for (const match of text.matchAll(FORMULA)) {
    const content = match[1] ?? match[2] ?? match[3] ?? match[4] ?? "";
    if (hasVariables(content)) found.push([match.index, match.index + match[0].length]);
  }
  return found;
}

function hasVariables(content: string): boolean {
  const last = equationSides(content).at(-1)!;
  if (FUNCTION.test(last)) return wholeValue(last)?.kind !== "number";
  const plain = last.replace(COMMAND, " ");
  // A word is prose between two amounts of money.
  if (!/[A-Za-z]/.test(plain) || /[A-Za-z]{2}\s/.test(content.replace(COMMAND, " "))) return false;
  return wholeValue(last)?.kind !== "number";
}
