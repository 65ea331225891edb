/**
 * Where a response states its answer: `\boxed{…}`, `<answer>…</answer>`, `"answer": …` in JSON, `####`, and "the answer is", "Answer:"
 * or a heading of that word in the commonest languages.
 */
import { NOUNS, nounStarts } from "./answer-nouns.js";
import { lastBoxed } from "./boxed.js";

/** One statement of an answer. */
export interface Statement {
  /** What is stated: the content of a box, a tag or a JSON field; what follows a mark in words, to its paragraph's end at most. */
  readonly text: string;
  /** Whether `text` is the answer and nothing else (`enclosed`), comes after "is" (`said`), or after a colon or heading (`headed`). */
  readonly form: "enclosed" | "said" | "headed";
  readonly at: number;
  /** Whether it says what the answer is not, or that it is unknown. */
  readonly denies: boolean;
}

type FoundStatement = Omit<Statement, "denies">;

/** How much of what follows a mark is looked at, and how many of the last marks of each kind. */
const WINDOW = 2000;
const MOST_MARKS = 24;

const VERBS =
  "is|are|was|equals|would be|will be|should be|must be|comes out (?:to be|to|as)|ist|lautet|beträgt|wäre|est|serait|vaut|es|son|" +
  "sería|è|é|sono|sarebbe|são|seria|to|brzmi|wynosi|равен|равно|будет|это|är|er|on|je|este|είναι|là|adalah|ialah|है|हैं|هو|هي|היא|הוא|است|คือ";
/** The noun, up to forty characters that belong to it ("to part (b)", "in dollars"), and the verb; or a colon or equals sign. */
const SAID = new RegExp(
  String.raw`(?<!\p{L})(?:${NOUNS})(?!\p{L})["'*_)\]}]{0,6}(?:,\s{1,4}which)?(?:\s{1,4}[^\s.:=!?<>][^.:=!?\n]{0,60}?)??(?:\s{1,4}(?:${VERBS})(?![\p{L}'])\s{0,4}:?|(?<headed>\s{0,8}(?:\([^()\n]{0,40}\)\s{0,4})?["'*_}]{0,6}\s{0,4}[:=]))`,
  "giu",
);
const SAID_HERE = new RegExp(SAID, "iuy");
/** Begins at a line break, or at the start of a text. */
const HEADING = new RegExp(
  String.raw`(?:^|\n)[ #>*_\\-]{0,12}(?:(?:the|final|correct|die|la|le|el|il|a|o|finale?|endgültige)\s){0,2}(?:${NOUNS}|答案|答え|解答|정답|답)(?:\sfinale?)?[*_:\s]{0,8}\n`,
  "iuy",
);
/** Languages without spaces between words; the verb may be left out. */
const EAST_ASIAN =
  /(?:答案|正解|答え|解答|回答|答|정답|답변|답|结果|結果)(?:就?是|[为為は은는이]|等于|应该是|應該是|应为|应是)?\s{0,4}["'*_]{0,4}[::=]?/gu;
const JSON_FIELD = new RegExp(
  String.raw`["'](?:final[_ ]?)?(?:${NOUNS}|答案|答え|정답)["']\s{0,8}:\s{0,8}`,
  "giu",
);
/** What a field needs: a look for it is much cheaper than the pattern. */
const FIELD_COLON = /["']\s{0,8}:/;
const TAG = new RegExp(String.raw`<((?:final[_ ]?)?(?:${NOUNS}|output|答案|答え))>|\[(ANSWER)\]`, "giu");
const HASHES = /####(?!#)/g;
const NEGATED =
  /^[\s*]{0,4}(?:not|never|n't|neither|nicht|pas|non|no(?= es)|не|不是|不)(?![\p{L}])|^\s{0,4}(?:unknown|unclear)/iu;

/** Every statement of an answer, the last first; of each kind the last 24. @param text of plain characters. */
export function statements(text: string): Statement[] {
  const nouns = nounStarts(text);
  const found = [
    ...boxes(text),
    ...tags(text).map((match) => enclosed(text, match, tagEnd(match))),
    ...fields(text).map((match) => jsonField(text, match.index + match[0].length)),
    ...hashes(text).map(({ index }) => after(text, index + 4, "said")),
    ...last(nouns ? matchesAt(SAID_HERE, text, nouns) : text.matchAll(SAID)).map((match) =>
      after(text, match.index + match[0].length, match.groups?.["headed"] === undefined ? "said" : "headed"),
    ),
    ...headings(text, nouns).map(({ index, 0: mark }) => after(text, index + mark.length, "headed")),
    ...(nouns ? [] : last(text.matchAll(EAST_ASIAN))).map(({ index, 0: mark }) =>
      after(text, index + mark.length, "said"),
    ),
  ];
  return found
    .filter((one) => one.text.trim() !== "")
    .sort((a, b) => b.at - a.at)
    .map((one) => ({ ...one, denies: NEGATED.test(one.text) }));
}

const tags = (text: string): RegExpMatchArray[] =>
  text.includes("<") || text.includes("[") ? last(text.matchAll(TAG)) : [];

const fields = (text: string): RegExpExecArray[] =>
  FIELD_COLON.test(text) ? last(text.matchAll(JSON_FIELD)) : [];

const hashes = (text: string): RegExpExecArray[] =>
  text.includes("####") ? last(text.matchAll(HASHES)) : [];

/** @param nouns where one may stand in the text, if that is known: without one there is no heading. */
function headings(text: string, nouns: readonly number[] | undefined): RegExpExecArray[] {
  if (nouns?.length === 0 || !text.includes("\n")) return [];
  const lines = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines.push(at);
  return last(matchesAt(HEADING, text, lines));
}

/** The matches of a sticky pattern that can begin at these places alone, ascending: those that `matchAll` finds. */
function* matchesAt(pattern: RegExp, text: string, places: readonly number[]): Generator<RegExpExecArray> {
  let end = 0;
  for (const place of places) {
    if (place < end) continue;
    pattern.lastIndex = place;
    const match = pattern.exec(text);
    if (match === null) continue;
    end = place + match[0].length;
    yield match;
  }
}

function last<T>(matches: Iterable<T>): T[] {
  const kept: T[] = [];
  for (const match of matches) {
    kept.push(match);
    if (kept.length > 2 * MOST_MARKS) kept.splice(0, MOST_MARKS);
  }
  return kept.slice(-MOST_MARKS);
}

function boxes(text: string): FoundStatement[] {
  const content = lastBoxed(text);
  return content === undefined ? [] : [{ text: content, form: "enclosed", at: text.lastIndexOf(content) }];
}

function tagEnd([, name]: RegExpMatchArray): string {
  return name === undefined ? "[/" : "</";
}

function enclosed(text: string, match: RegExpMatchArray, close: string): FoundStatement {
  const at = match.index! + match[0].length;
  const content = text.slice(at, at + WINDOW);
  const end = content.indexOf(close);
  return { text: end < 0 ? content : content.slice(0, end), form: "enclosed", at };
}

/** A string, or what stands up to the next comma or brace. */
function jsonField(text: string, at: number): FoundStatement {
  const rest = text.slice(at, at + WINDOW);
  const quoted = /^"(?:[^"\\\n]|\\.){0,1000}"/.exec(rest)?.[0] ?? /^'[^'\n]{0,1000}'/.exec(rest)?.[0];
  if (quoted === undefined) return { text: /^[^,}\n]*/.exec(rest)![0], form: "enclosed", at };
  return { text: unescaped(quoted), form: "enclosed", at };
}

function unescaped(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    // LaTeX in a string that escapes no backslash.
    return quoted.slice(1, -1);
  }
}

/** What follows a mark, blank lines skipped, to the end of its paragraph. */
function after(text: string, at: number, form: "said" | "headed"): FoundStatement {
  const rest = text.slice(at, at + WINDOW);
  const start = rest.search(/[\p{L}\p{N}\\([{$]/u);
  const lead = start < 0 ? "" : rest.slice(0, start);
  const content = start < 0 ? "" : lead.slice(lead.lastIndexOf("\n") + 1) + rest.slice(start);
  const end = content.search(/\n\s*\n/);
  return { text: end < 0 ? content : content.slice(0, end), form, at };
}
