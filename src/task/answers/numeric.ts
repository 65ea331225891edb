/**
 * The value that a response gives as its answer, and that a label is: exact rationals and, compared as normal text, intervals, surds,
 * polynomials and the like. Looked for, in this order:
 * 1. where the response states its answer (`statements`), the last statement that begins with a value first: a box, a tag, a JSON field,
 *    `####`, "the answer is", "Answer:", in the commonest languages. What is said after it, numbers included, does not count;
 * 2. anywhere in the sentence after "the answer is", in digits or in English words;
 * 3. anywhere: the last number before closing remarks ("Let me know if …"), numbers of lists, ordinals and numbers of circumstance ("in 3 hours") left
 *    out where there is another. A response that was cut off is so judged by how far it got.
 *
 * What the model thought aloud (`<think>`) is cut. Time is linear in the text.
 */
import { plainCharacters } from "./characters.js";
import { statements, type Statement } from "./final-statement.js";
import { withoutThinking } from "./thinking.js";
import { directValue, firstValue, numbersIn, valueOf } from "./value-in-text.js";
import { undressed, wholeValue, type Value } from "./whole-value.js";

/** Thousands set apart as LaTeX does it: `1{,}234`, `1,\!234`, `1\,234`, `1\ 234`. */
const LATEX_THOUSANDS = /(?<=\d)(?:\{,\}|,?\\[,!; ]|,\{\})(?=\d{3}(?!\d))/g;
const OVER = /\{([^{}\\]{1,60})\\over(?![a-z])([^{}\\]{1,60})\}/g;
const HTML = /<\/?(?:b|strong|em|i|u|p|br|span|code|div)(?:\s[^<>]{0,60})?\/?>/gi;
const SUPERSCRIPT = /<sup>\s{0,4}(-?\d{1,6})\s{0,4}<\/sup>/gi;
const END_TOKEN = /<\/s>|<\|[a-z_]{2,24}\|>|<(?:eos|end_of_turn)>/g;
const DISPLAYED = /\$\$[^$]{1,400}\$\$|\\\[[^[\]]{1,400}\\\]/g;
const EMPHASIS =
  /(?<![\w)*])\*\*([^*\n]{1,300})\*\*(?![\w(*])|(?<!\w)__([^_\n]{1,300})__(?!\w)|(?<!\w)(?<![0-9)*] )\*([^*\s][^*\n]{0,200})(?<!\s)\*(?![\w(*])/g;
/** How the closing remarks of an assistant begin. */
const CLOSING =
  /\n\s*(?:let me know|i hope|hope (?:this|that)|if you(?:'d| would| have| need| want)|would you like|do you (?:want|need|have)|feel free|please (?:let|feel|note|ask)|thank|is there anything|any (?:other )?questions|want me to|can i help|wenn du|lass mich|falls du|n'hésite|espero|si (?:tienes|necesitas|vous)|fammi sapere|se (?:hai|você)|если у вас|надеюсь|希望|如果你|如果您|还有)/giu;
const LAST_CHARACTERS = 2000;
const LONGEST_ALONE = 400;

/** The value; see the top of the file. Undefined if the text has none. */
export function numericValue(text: string): Value | undefined {
  const plain = plainMathematics(withoutThinking(text));
  const stated = statements(plain).filter(({ denies }) => !denies);
  return (
    firstOf(stated, (one) => (one.form === "enclosed" ? enclosedValue(one) : directValue(one.text))) ??
    firstOf(stated, (one) => (one.form === "said" ? firstValue(one.text) : undefined)) ??
    lastValue(plain)
  );
}

/** `numericValue`'s canonical text: equal answers are equal strings. */
export function numericAnswer(text: string): string | undefined {
  return numericValue(text)?.text;
}

/**
 * What a label means: a whole value, or, of a label that reasons and marks its answer (`… #### 18`), the value that it marks.
 * @returns undefined for a label that cannot be read as one value.
 */
export function labelValue(label: string): Value | undefined {
  const plain = plainMathematics(label);
  const whole = wholeValue(plain);
  if (whole) return whole;
  return firstOf(statements(plain), (one) =>
    one.form === "enclosed" ? wholeValue(one.text) : directValue(one.text),
  );
}

/** One spelling for characters, and for LaTeX's and HTML's ways to set a number. */
function plainMathematics(text: string): string {
  return plainCharacters(text)
    .replace(END_TOKEN, "")
    .replace(DISPLAYED, (display) => display.replace(/\s{0,9}\n\s{0,9}/g, " "))
    .replace(EMPHASIS, (_, bold?: string, under?: string, thin?: string) => bold ?? under ?? thin!)
    .replace(LATEX_THOUSANDS, ",")
    .replace(SUPERSCRIPT, "^{$1}")
    .replace(HTML, " ")
    .replace(OVER, "\\frac{$1}{$2}");
}

function firstOf(
  stated: readonly Statement[],
  read: (one: Statement) => Value | undefined,
): Value | undefined {
  for (const one of stated) {
    const value = read(one);
    if (value) return value;
  }
  return undefined;
}

/** What is enclosed is an answer whatever it is: where it is no value, its text without spaces, which equals no number. */
function enclosedValue({ text }: Statement): Value | undefined {
  const value = wholeValue(text) ?? directValue(text);
  if (value) return value;
  const compact = undressed(text).replace(/\s+/g, "").slice(0, 400);
  return compact === "" ? undefined : { kind: "literal", text: compact };
}

function lastValue(text: string): Value | undefined {
  const body = withoutClosing(text);
  const alone = aloneValue(body);
  if (alone) return alone;
  const tail = tailWithNumber(body);
  const numbers = numbersIn(tail);
  const counted = numbers.filter(
    ({ start, end }) => !isListNumber(tail, start, end) && !isOrdinal(tail, end),
  );
  const from = lastConclusion(tail);
  const concluded = from < 0 ? [] : counted.filter(({ start }) => start >= from);
  const last =
    concluded.filter(({ start }) => !isCircumstance(tail, start)).at(-1) ?? counted.at(-1) ?? numbers.at(-1);
  return last && valueOf(last);
}

const HEADLINE =
  /^([^\n]{1,60})\n\s*(?:explanation|reasoning|because|note|steps?|solution|here|erklärung|begründung|explication|explicación|解释|解説)/i;
const DISPLAY_AT_END = /(?:\\\[([^[\]]{1,300})\\\]|\$\$([^$]{1,300})\$\$)[\s.]{0,8}$/;

/** A response that is a value and nothing else, begins with one on a line of its own before it explains, or ends with a display. */
function aloneValue(text: string): Value | undefined {
  const short = text.trim();
  if (short.length <= LONGEST_ALONE && !short.includes("\n")) {
    const whole = wholeValue(short);
    if (whole) return whole;
  }
  const headline = HEADLINE.exec(text.slice(0, LONGEST_ALONE).trimStart())?.[1];
  const shown = DISPLAY_AT_END.exec(text.slice(-LONGEST_ALONE));
  return readOne(headline) ?? readOne(shown?.[1] ?? shown?.[2]);
}

function readOne(text: string | undefined): Value | undefined {
  return text === undefined ? undefined : wholeValue(text);
}

function withoutClosing(text: string): string {
  for (const { index } of text.matchAll(CLOSING)) {
    const before = text.slice(0, index);
    if (/\d/.test(before)) return before;
  }
  return text;
}

/** The end of a text from some way before its last digit, so that the work is bounded; a number is never cut. */
function tailWithNumber(text: string): string {
  let last = text.length - 1;
  while (last >= 0 && !isDigit(text[last]!)) last--;
  let first = Math.max(0, last - LAST_CHARACTERS);
  while (first > 0 && /[\d.,'_]/.test(text[first]!)) first--;
  return text.slice(first);
}

function isDigit(character: string): boolean {
  return character >= "0" && character <= "9";
}

/** `2.` or `2)` at the start of a line with text behind it. */
function isListNumber(text: string, start: number, end: number): boolean {
  return (
    /(?:^|\n)[\s*_-]{0,6}$/.test(text.slice(Math.max(0, start - 8), start)) &&
    /^[.)]\s+\S/.test(text.slice(end, end + 8))
  );
}

/** `100th`: a place in a row, and no quantity. */
function isOrdinal(text: string, end: number): boolean {
  return /^(?:st|nd|rd|th)\b/i.test(text.slice(end, end + 3));
}

const CONCLUSION =
  /(?:^|[.!?\n]\s{0,4})[*_]{0,3}(?:so|thus|hence|therefore|altogether|in total|overall|finally|in conclusion|consequently|∴|somit|daher|also|insgesamt|donc|ainsi|au total|por lo tanto|en total|quindi|dunque|portanto|logo|итак|таким образом|следовательно|所以|因此|故|したがって|よって|따라서)(?!\p{L})/giu;

/** Where the last sentence begins that draws a conclusion, if it is the last sentence with a number; else -1. */
function lastConclusion(text: string): number {
  let at = -1;
  for (const { index, 0: words } of text.matchAll(CONCLUSION)) at = index + words.length;
  if (at < 0) return -1;
  const rest = text.slice(at);
  const end = /[.!?](?=\s)|\n/.exec(rest)?.index ?? rest.length;
  return /\d/.test(rest.slice(end)) ? -1 : at;
}

/** "in 3 hours" and "per 2 eggs" tell of circumstances. */
function isCircumstance(text: string, start: number): boolean {
  return /\b(?:in|per|after|within|every|each|over|during|since)\s{1,2}$/i.test(
    text.slice(Math.max(0, start - 10), start),
  );
}
