/**
 * The letter (A to J) that a response to a multiple-choice question chooses. Looked for, in this order: the last
 * `\boxed{B}`; the last "answer is B", "answer: (B)", "choice is B" or the like; a last line that is the letter alone; a
 * first line such as `B`, `B.`, `(B) …` or `B: …`, unless other lines list other letters in the same way; the last
 * `(B)`; the last "option B" or "choice B". Lower-case letters count where they are alone or in parentheses.
 */
import { lastBoxed } from "./boxed.js";

const SAID =
  /\b(?:[Aa]nswer|ANSWER|[Cc]hoice|[Oo]ption)(?:\s+(?:is|IS)\b|\s*[:=])\W*(?:(?:the|option|Option|choice|letter|text|textbf|mathrm|mathbf|is)\b\W*)*([A-J])(?![\w'\u2019])/g;
const SAID_LOWER = /\banswer(?:\s+is\b|\s*[:=])[^\w(]*\(([a-j])\)/gi;
const ALONE = /^\W*([A-Ja-j])\W*$/;
const LISTED = /^\W*([A-Ja-j])(?:[.):]|\*\*)(?!\w)/;
const IN_PARENTHESES = /\(([A-Ja-j])\)/g;
const NAMED = /\b(?:[Oo]ption|[Cc]hoice)\s+\W*([A-J])(?![\w'\u2019])/g;

/** The letter, in upper case; see the top of the file. Undefined if the text chooses none. */
export function choiceAnswer(text: string): string | undefined {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const box = lastBoxed(text);
  const found =
    (box === undefined ? undefined : boxedLetter(box)) ??
    lastGroup(text, SAID) ??
    lastGroup(text, SAID_LOWER) ??
    ALONE.exec(lines.at(-1) ?? "")?.[1] ??
    firstLine(lines) ??
    lastGroup(text, IN_PARENTHESES) ??
    lastGroup(text, NAMED);
  return found?.toUpperCase();
}

function boxedLetter(box: string): string | undefined {
  return /^\W*(?:(?:text|textbf|mathrm|mathbf)\b\W*)?([A-Ja-j])(?!\w)/.exec(box)?.[1];
}

function firstLine(lines: readonly string[]): string | undefined {
  const first = lines[0] ?? "";
  const letter = (ALONE.exec(first) ?? LISTED.exec(first))?.[1];
  const isList = lines.slice(1).some((line) => {
    const other = LISTED.exec(line)?.[1];
    return other !== undefined && other !== letter;
  });
  return isList ? undefined : letter;
}

function lastGroup(text: string, pattern: RegExp): string | undefined {
  return [...text.matchAll(pattern)].at(-1)?.[1];
}
