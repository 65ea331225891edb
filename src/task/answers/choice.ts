/**
 * The letter that a response to a multiple-choice question chooses. Looked for, in this order:
 * 1. where the response states its answer (`statements`: a box, a tag, a JSON field, "the answer is B", "Answer: (B) …", "答案：B"), the last
 *    statement with a letter first, and after "choice is" or "option is";
 * 2. a last line that is the letter alone; a first line such as `B`, `B.`, `(B) …` or `B: …`, unless other lines list other letters
 *    in the same way; the last "I choose B", "B is correct" or the like; the last "so B." or "the best is B."; the last `(B)`; the last
 *    "option B" or "choice B".
 * Lower-case letters count where they are alone or in parentheses.
 *
 * Ties: of several statements the last counts, since models correct themselves; of several letters in one the first, since "A because
 * of B" gives a reason. A choice named by its words alone has no letter, and none is guessed. What follows a mark is looked at for
 * a few words only, so that time is linear in the text.
 */
import { plainCharacters } from "./characters.js";
import { statements, type Statement } from "./final-statement.js";
import { withoutThinking } from "./thinking.js";
import { firstSentence } from "./value-in-text.js";

const MARK =
  /(?<!\b(?:[Ee]ach|[Ee]very|[Ff]ollowing)\s)\b(?:[Cc]hoice|[Oo]ption)(?:\s{1,8}(?:is|IS|would be|must be|should be)\b|\s{0,8}[:=])/g;
/** Emphasis of Markdown and HTML, and the signs of formulas. */
const EMPHASIS = /\*\*|__|<\/?(?:b|strong|em|i|u|p|br|span|code|div|tex|math)(?:\s[^<>]{0,60})?\/?>/g;
/** A letter alone in LaTeX's dress: `$\mathrm{B}$`. */
const DRESSED = /\$?\\(?:mathrm|mathbf|text|textbf)\{\(?([A-Ja-j])\)?\}\$?/g;
/** How much of what follows a mark is looked at. */
const WINDOW = 64;

interface Patterns {
  readonly said: RegExp;
  readonly saidLower: RegExp;
  readonly alone: RegExp;
  readonly listed: RegExp;
  readonly chosen: RegExp;
  readonly concluded: RegExp;
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
      String.raw`^[^A-Za-z0-9_]*(?:(?:the|option|Option|choice|Choice|letter|text|textbf|mathrm|mathbf|is|probably|definitely|most|likely|clearly)\b[^A-Za-z0-9_]*)*([${upper}])(?![\w'])`,
    ),
    saidLower: new RegExp(String.raw`^[^\w(]*\(([${any}])\)`),
    alone: new RegExp(String.raw`^[^\p{L}\p{N}]*([${any}])[^\p{L}\p{N}]*$`, "u"),
    listed: new RegExp(String.raw`^\W*([${any}])[.):](?!\w)`),
    chosen: new RegExp(
      String.raw`(?:\b(?:I(?:'d| would| will|'ll)?\s(?:say|choose|pick|select|guess|go\swith|think|believe)(?:\s(?:it(?:'s|\sis)|that))?|(?:go|going)\swith|choose|pick|select|(?:I|i)t(?:'s|\sis|\smust\sbe|\sshould\sbe)|best\sone\sis|correct\sone\sis)|选择?|選擇?|故选)\s{0,4}[:(*"']{0,4}(?:(?:option|choice|the|letter)\s)?\(?([${upper}])(?![\w'])|(?<![\w(])\(?([${upper}])\)?\s(?:is|must\sbe|seems|looks|would\sbe)\s(?:the\s|most\slikely\s(?:the\s)?)?(?:correct|right|best|true)(?!\w)`,
      "g",
    ),
    concluded: new RegExp(
      String.raw`(?:\b(?:[Ss]o|[Tt]hus|[Hh]ence|[Tt]herefore|[Ll]eaves|[Ll]eaving|[Oo]nly)|\b(?:[Bb]est|[Cc]orrect|[Rr]ight|[Mm]ost likely)(?:\s\w{1,12}){0,2}\sis),?\s{1,4}(?:it(?:'s|\sis|\smust\sbe)\s|only\s|just\s)?(?!I,)\(?([${upper}])\)?(?=\s{0,4}(?:[.,;:!]|$))`,
      "gm",
    ),
    inParentheses: new RegExp(String.raw`\(([${any}])\)`, "g"),
    named: new RegExp(String.raw`\b(?:[Oo]ption|[Cc]hoice)\s{1,8}[("']?([${upper}])(?![\w'])`, "g"),
    boxed: new RegExp(
      String.raw`^\W*(?:(?:text|textbf|mathrm|mathbf|option|choice|Option|Choice)\b\W*)*([${any}])(?![\w'])`,
    ),
  };
}

const PATTERNS = { D: patternsTo("D"), J: patternsTo("J") } as const;

/**
 * The letter, in upper case; see the top of the file. Undefined if the text chooses none.
 * @param last the last letter that is a choice: D for four of them.
 */
export function choiceAnswer(text: string, last: keyof typeof PATTERNS = "J"): string | undefined {
  const patterns = PATTERNS[last];
  const plain = plainCharacters(withoutThinking(text)).replace(EMPHASIS, "").replace(DRESSED, "$1");
  const lines = plain.split("\n").filter((line) => line.trim() !== "");
  const found =
    firstFound(statements(plain), (statement) =>
      statement.denies ? undefined : statedLetter(statement, patterns),
    ) ??
    lastMarked(plain, patterns.said) ??
    patterns.alone.exec(lines.at(-1) ?? "")?.[1] ??
    firstLine(lines, patterns) ??
    lastGroup(plain, patterns.chosen) ??
    lastGroup(plain, patterns.concluded) ??
    lastGroup(plain, patterns.inParentheses) ??
    lastGroup(plain, patterns.named);
  return found?.toUpperCase();
}

/** A label is the letter alone, also as `(B)`, `B.` or `b`: a label that needs to be searched for is a mistake. */
export function choiceLabel(answer: string): string | undefined {
  return /^\(?([A-J])\)?[.:]?$/i.exec(plainCharacters(answer).trim())?.[1]?.toUpperCase();
}

function statedLetter({ text, form }: Statement, patterns: Patterns): string | undefined {
  const start = text.slice(0, WINDOW);
  if (form === "enclosed") return patterns.boxed.exec(start)?.[1] ?? lastGroup(start, patterns.inParentheses);
  if (form === "headed" && listsAll(text, patterns)) return undefined;
  const named = firstSentence(text.trimStart().slice(0, 4 * WINDOW));
  const inside = [...named.matchAll(patterns.inParentheses)].map((match) => match[1]!.toUpperCase());
  return (
    patterns.said.exec(start)?.[1] ??
    patterns.saidLower.exec(start)?.[1] ??
    (form === "headed" ? patterns.alone.exec(firstSentence(start))?.[1] : undefined) ??
    (new Set(inside).size === 1 ? inside[0] : undefined)
  );
}

/** The choices once more, from A on, where an answer was announced. */
function listsAll(text: string, { listed }: Patterns): boolean {
  const [first, second] = text.trimStart().split("\n", 2);
  return listed.exec(first ?? "")?.[1] === "A" && listed.exec(second ?? "")?.[1] === "B";
}

/** What the last "choice is" that is followed by a letter is followed by. */
function lastMarked(text: string, letter: RegExp): string | undefined {
  const ends = [...text.matchAll(MARK)].map((match) => match.index + match[0].length).reverse();
  return firstFound(ends, (end) => letter.exec(text.slice(end, end + WINDOW))?.[1]);
}

function firstFound<T>(items: readonly T[], find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
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
  for (const match of text.matchAll(pattern)) last = match[1] ?? match[2];
  return last;
}
