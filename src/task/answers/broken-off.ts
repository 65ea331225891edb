/** Whether a response breaks off in the middle: what it happened to say last is then no conclusion of its own. */

/** A short text is an answer, however it ends. */
const SHORTEST = 200;
const LAST_CHARACTERS = 400;
/** Words and signs after which a sentence cannot be over. */
const GOES_ON =
  /(?:(?<![\d)\]}%!$])[-\u00B7(]|\s[*/$]|\\(?:[a-z]{2,12}|[([])?|[\p{L}\d]\s(?:the|an?|of|to|is|are|was|were|be|has|have|had|will|would|can|could|and|or|by|for|from|with|into|that|which|these|those|if|than|per|as|at|its|his|her|their|our|both|between|because|since|where|multiply|divide|subtract))$/iu;
const SIGN_AT_END = /[=+<>\u00D7\u00F7]$/;
const SENTENCE_END = /[.!?\u3002](?=\s|$)/g;
const FEWEST_SENTENCES = 3;
const FEWEST_WORDS = 4;

/**
 * Whether a text breaks off: within a formula, after a sign or a word that more must follow, or, where it is written in sentences, in one that has
 * no full stop and no number yet. A text without closing remarks.
 */
export function breaksOff(text: string): boolean {
  const body = text.trimEnd();
  if (body.length < SHORTEST) return false;
  const tail = body.slice(-LAST_CHARACTERS);
  return GOES_ON.test(tail) || SIGN_AT_END.test(tail) || isOpen(tail) || isUnfinished(body, tail);
}

/** A display or a formula in `\(` is not closed. */
function isOpen(tail: string): boolean {
  return (
    tail.lastIndexOf("\\[") > tail.lastIndexOf("\\]") || tail.lastIndexOf("\\(") > tail.lastIndexOf("\\)")
  );
}

/** The last line begins a sentence of some words, none of them a number, and does not end it, where the others end. */
function isUnfinished(body: string, tail: string): boolean {
  const line = tail.slice(tail.lastIndexOf("\n") + 1);
  let from = 0;
  for (const { index } of line.matchAll(SENTENCE_END)) from = index + 1;
  const sentence = line.slice(from).trim();
  if (!/[\p{Ll},]$/u.test(sentence) || /\p{N}/u.test(sentence) || /^(?:[#>*|_-]|\[)/.test(sentence))
    return false;
  if (sentence.split(/\s+/).length < FEWEST_WORDS) return false;
  return (body.match(SENTENCE_END) ?? []).length >= FEWEST_SENTENCES;
}
