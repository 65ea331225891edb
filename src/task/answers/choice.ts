/**
 * The letter that a response to a multiple-choice question chooses. Looked for, in this order: the last `\boxed{B}`; the
 * last "answer is B", "answer: (B)", "choice is B" or the like; a last line that is the letter alone; a first line such as
 * `B`, `B.`, `(B) …` or `B: …`, unless other lines list other letters in the same way; the last `(B)`; the last "option B"
 * or "choice B". Lower-case letters count where they are alone or in parentheses.
 *
 * Ties: of several marked answers the last counts, since models correct themselves; of several letters after one mark the
 * first, since "A because of B" gives a reason. A choice named by its words alone has no letter, and none is guessed.
 * What follows a mark is looked at for a few words only, so that time is linear in the text.
 */
import { lastBoxed } from "./boxed.js";

const MARK =
  /\b(?:[Aa]nswer|ANSWER|[Cc]hoice|[Oo]ption)(?:\s{1,8}(?:is|IS|would be|must be|should be)\b|\s{0,8}[:=])/g;
const MARK_LOWER = /\banswer(?:\s{1,8}is\b|\s{0,8}[:=])/gi;
/** How much of what follows a mark is looked at. */
const WINDOW = 64;

interface Patterns {
  readonly said: RegExp;
  readonly saidLower: RegExp;
  readonly alone: RegExp;
  readonly listed: RegExp;
  readonly inParentheses: RegExp;
  readonly named: RegExp;
  readonly boxed: RegExp;
}

/** @param last the last letter that is a choice. */
function patternsTo(last: string): Patterns {
  const upper = `A-${last}`;
  const any = `${upper}a-${last.toLowerCase()}`;
  return {
    said: new RegExp(
      String.raw`^\W*(?:(?:the|option|Option|choice|letter|text|textbf|mathrm|mathbf|is)\b\W*)*([${upper}])(?![\w'\u2019])`,
    ),
    saidLower: new RegExp(String.raw`^[^\w(]*\(([${any}])\)`),
    alone: new RegExp(String.raw`^\W*([${any}])\W*$`),
    listed: new RegExp(String.raw`^\W*([${any}])(?:[.):]|\*\*)(?!\w)`),
    inParentheses: new RegExp(String.raw`\(([${any}])\)`, "g"),
    named: new RegExp(
      String.raw`\b(?:[Oo]ption|[Cc]hoice)\s{1,8}(?:\*\*)?[("'\u2018\u201C]?([${upper}])(?![\w'\u2019])`,
      "g",
    ),
    boxed: new RegExp(String.raw`^\W*(?:(?:text|textbf|mathrm|mathbf)\b\W*)?([${any}])(?!\w)`),
  };
}

const PATTERNS = { D: patternsTo("D"), J: patternsTo("J") } as const;

/**
 * The letter, in upper case; see the top of the file. Undefined if the text chooses none.
 * @param last the last letter that is a choice: D for four of them.
 */
export function choiceAnswer(text: string, last: keyof typeof PATTERNS = "J"): string | undefined {
  const patterns = PATTERNS[last];
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const box = lastBoxed(text);
  const found =
    (box === undefined ? undefined : patterns.boxed.exec(box)?.[1]) ??
    lastMarked(text, MARK, patterns.said) ??
    lastMarked(text, MARK_LOWER, patterns.saidLower) ??
    patterns.alone.exec(lines.at(-1) ?? "")?.[1] ??
    firstLine(lines, patterns) ??
    lastGroup(text, patterns.inParentheses) ??
    lastGroup(text, patterns.named);
  return found?.toUpperCase();
}

/** What the last mark that is followed by a letter is followed by. */
function lastMarked(text: string, mark: RegExp, letter: RegExp): string | undefined {
  const ends = [...text.matchAll(mark)].map((match) => match.index + match[0].length);
  for (const end of ends.reverse()) {
    const found = letter.exec(text.slice(end, end + WINDOW))?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstLine(lines: readonly string[], { alone, listed }: Patterns): string | undefined {
  const first = lines[0] ?? "";
  const letter = (alone.exec(first) ?? listed.exec(first))?.[1];
  const isList = lines.slice(1).some((line) => {
    const other = listed.exec(line)?.[1];
    return other !== undefined && other !== letter;
  });
  return isList ? undefined : letter;
}

function lastGroup(text: string, pattern: RegExp): string | undefined {
  let last: string | undefined;
  for (const match of text.matchAll(pattern)) last = match[1];
  return last;
}
