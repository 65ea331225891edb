/**
 * Whether a response calls a statement `True` or `False`. Looked for, in this order:
 * 1. in the last `\boxed{…}`, if it holds the verdict alone;
 * 2. after the last "answer is", "answer:" or "answer =": the first verdict of that sentence, "yes" and "no" at its start
 *    included; "unknown", "neither", "cannot be determined" and the like there mean that there is none;
 * 3. a last line that is the verdict alone, `T`, `F`, `Yes` and `No` included;
 * 4. anywhere: the last verdict.
 *
 * A verdict is the word true or false in any case, or a statement, claim or query that is (in)correct; "not" or "n't" just
 * before it turns it round, "untrue" is false, and "whether it is true" and "true or false" are questions, not verdicts. Of
 * several marked answers the last counts, since models correct themselves. A response that was cut off has the last
 * verdict that it came to, if any. What stands around a word is looked at for some characters only, so that time is linear
 * in the text.
 */
import { lastBoxed } from "./boxed.js";

const QUESTION = /\b(?:true|false)\s{0,8}(?:\/|,?\s{0,8}n?or)\s{0,8}(?:true|false)\b/gi;
const ANSWER_MARK = /\banswer(?:\s{0,8}(?:is\b|:|=)|\s{1,8}(?=can))/gi;
const VERDICT =
  /\b(?:(un)?(true|false)|(?:statement|claim|query|conclusion)\s{1,8}(?:is|must\s{1,8}be)\s{1,8}(not\s{1,8})?(in)?correct)\b/gi;
const NEGATION = /(?:\b(?:not|never|cannot)|n['\u2019]t)\s{1,8}(?:be\s{1,8})?["'*(]{0,3}$/i;
const CONDITION = /\b(?:whether|if)\b[^.\n]*$/i;
const NONE = /\b(?:unknown|uncertain|undetermined|undecided|undecidable|neither|cannot|can['\u2019]t)\b/i;
const ALONE = /^[^\p{L}\p{N}]*(true|false|t|f|yes|no)[^\p{L}\p{N}]*$/iu;
const YES_OR_NO = /^[\s*"'(]{0,8}(yes|no)\b/i;
/** How much of what follows an answer's mark is looked at, and of what precedes a verdict. */
const AFTER = 160;
const BEFORE = 40;

type Truth = "True" | "False";

/** The verdict; see the top of the file. Undefined if the text has none. */
export function truthAnswer(text: string): Truth | undefined {
  const box = lastBoxed(text);
  const boxed = box === undefined ? undefined : aloneVerdict(box.replace(/\\[a-z]{2,8}\b/gi, ""));
  if (boxed !== undefined) return boxed;
  const plain = text.replace(QUESTION, "");
  const sentence = markedSentence(plain);
  if (sentence !== undefined) {
    const yesOrNo = YES_OR_NO.exec(sentence)?.[1];
    const marked = verdicts(sentence)[0] ?? (yesOrNo === undefined ? undefined : aloneVerdict(yesOrNo));
    if (marked !== undefined || NONE.test(sentence)) return marked;
  }
  const lastLine = plain.trimEnd().split("\n").at(-1)!;
  return aloneVerdict(lastLine) ?? verdicts(plain).at(-1);
}

function markedSentence(text: string): string | undefined {
  let after = -1;
  for (const mark of text.matchAll(ANSWER_MARK)) after = mark.index + mark[0].length;
  if (after < 0) return undefined;
  const rest = text.slice(after, after + AFTER).trimStart();
  const end = rest.search(/\.(?:\s|$)|\n/);
  return end < 0 ? rest : rest.slice(0, end);
}

function aloneVerdict(line: string): Truth | undefined {
  const word = ALONE.exec(line)?.[1]?.toLowerCase();
  return word === undefined ? undefined : truth(["true", "t", "yes"].includes(word));
}

function verdicts(text: string): Truth[] {
  const found: Truth[] = [];
  for (const { index, 0: words, 1: un, 2: word, 3: not, 4: incorrect } of text.matchAll(VERDICT)) {
    const before = text.slice(Math.max(0, index - BEFORE), index);
    if (CONDITION.test(before)) continue;
    const isTrue = word === undefined ? incorrect === undefined : /true/i.test(words);
    const turned = [un, not, NEGATION.exec(before)].filter((negation) => negation != null).length;
    found.push(truth(turned % 2 === 1 ? !isTrue : isTrue));
  }
  return found;
}

function truth(value: boolean): Truth {
  return value ? "True" : "False";
}
