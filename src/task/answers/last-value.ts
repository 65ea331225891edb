/** The value of a response that marks no answer: what it says last, and what of the last numbers is only told beside it. */
import { breaksOff } from "./broken-off.js";
import { openFormulas } from "./formulas.js";
import { numberInWords } from "./number-words.js";
import { directValue, firstSentence, numbersIn, sentenceEnds, valueOf } from "./value-in-text.js";
import { undressed, wholeValue, type Value } from "./whole-value.js";

/** How the closing remarks of an assistant begin. */
const CLOSING =
  /\n[^\S\n]{0,20}(?:let me know|i hope|hope (?:this|that)|if you(?:'d| would| have| need| want)|would you like|do you (?:want|need|have)|feel free|please (?:let|feel|note|ask)|thank|is there anything|any (?:other )?questions|want me to|can i help|wenn du|lass mich|falls du|n'hésite|espero|si (?:tienes|necesitas|vous)|fammi sapere|se (?:hai|você)|если у вас|надеюсь|希望|如果你|如果您|还有)/giu;
const LAST_CHARACTERS = 2000;
const LONGEST_ALONE = 400;
const LONGEST_SURD = 80;
const LONGEST_ASIDE = 120;
const MOST_REVERSED = 8;

const REVERSED =
  /(?<!\b(?:what|which))\s(?:is|are|as|was)\s(?:the|our|my|your)\s(?:(?:final|correct|right|exact|required)\s){0,2}(?:answer|result|solution)(?!\p{L}|\s(?:of|is|=|\d))/giu;

/** Words without one of which `REVERSED` finds nothing: a look for them is much cheaper. */
const REVERSED_NOUN = /answer|result|solution/i;

/** "17 is the answer": the last number of its sentence before that. */
export function reversedValue(text: string): Value | undefined {
  if (!REVERSED_NOUN.test(text)) return undefined;
  for (const { index } of [...text.matchAll(REVERSED)].slice(-MOST_REVERSED).reverse()) {
    const before = text.slice(Math.max(0, index - LONGEST_ALONE), index);
    const last = numbersIn(before.slice(sentenceStart(before, before.length))).at(-1);
    if (last) return valueOf(last);
  }
  return undefined;
}

/** What the last sentence with a number concludes; else the last number that is no list's and no ordinal. */
export function lastValue(text: string): Value | undefined {
  const body = withoutClosing(text);
  const alone = aloneValue(body);
  if (alone) return alone;
  if (breaksOff(body)) return undefined;
  const tail = tailWithNumber(body);
  const formulas = openFormulas(tail);
  const numbers = numbersIn(tail).filter(
    ({ start, end }) =>
      !isPowerOfVariable(tail, end) &&
      !isName(tail, end) &&
      !formulas.some(([from, to]) => from <= start && start < to),
  );
  const counted = numbers.filter(
    ({ start, end }) => !isListNumber(tail, start, end) && !isOrdinal(tail, end),
  );
  const concluding = lastConclusion(tail);
  const from = concluding < 0 ? sentenceStart(tail, counted.at(-1)?.start ?? 0) : concluding;
  const concluded = concluding < 0 ? Infinity : from + firstSentence(tail.slice(from)).length;
  const scope = counted.filter(({ start }) => start >= from && start <= concluded);
  const literal = surdAtEnd(tail.slice(from)) ?? formulaAtEnd(tail, formulas.at(-1));
  if (literal) return literal;
  const meant = scope.filter(
    ({ start, end }) => !isCircumstance(tail, start, end) && !isAside(tail, start, end),
  );
  const last = meant.at(-1) ?? counted.at(-1) ?? numbers.at(-1);
  return last && valueOf(last);
}

/** `17^x` is no value. */
function isPowerOfVariable(text: string, end: number): boolean {
  return /^\^\{?[a-z]/i.test(text.slice(end, end + 3));
}

/** Where the sentence begins that `at` stands in; a line is a sentence of its own. */
function sentenceStart(text: string, at: number): number {
  let start = 0;
  for (const end of sentenceEnds(text)) {
    if (end >= at) break;
    start = end + 1;
  }
  return start;
}

/** `= 2\sqrt{3} square units`: an expression that is no number, behind the last "=" of a sentence. */
function surdAtEnd(sentence: string): Value | undefined {
  const side = sentence.slice(sentence.lastIndexOf("=") + 1);
  if (side.length === sentence.length || side.length > LONGEST_SURD || !/sqrt|[√π]|\\pi\b/.test(side))
    return undefined;
  const value = directValue(side);
  return value?.kind === "literal" ? value : undefined;
}

/** "The distance is $\\sqrt{5}$.": a text's last words are a formula, and it is said to be something. */
function formulaAtEnd(text: string, formula: readonly [number, number] | undefined): Value | undefined {
  if (!formula || !/^[\s.*]*$/.test(text.slice(formula[1], formula[1] + LONGEST_ALONE))) return undefined;
  if (!/\s(?:is|are|equals|be)\s{1,2}$/i.test(text.slice(Math.max(0, formula[0] - 12), formula[0])))
    return undefined;
  return wholeValue(undressed(text.slice(...formula)));
}

/** The number that the last sentence of a text without digits says in words, behind its last "so". */
export function wordsAtEnd(text: string): Value | undefined {
  if (/\p{N}/u.test(text)) return undefined;
  const body = withoutClosing(text, /\p{L}/u).trimEnd();
  const sentence = body.slice(sentenceStart(body, body.length - 1));
  const words = numberInWords(sentence.split(/[,;]\s(?:so|thus|hence|therefore)(?!\p{L})/iu).at(-1)!);
  // "No one knows" and "one can see" count nothing.
  return words === undefined || words === "1" ? undefined : { kind: "number", text: words };
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

/** What stands before the closing remarks that come behind an answer. @param answer what an answer has at least. */
function withoutClosing(text: string, answer = /\d/): string {
  const from = text.search(answer);
  if (from < 0) return text;
  for (const { index } of text.matchAll(CLOSING)) if (index > from) return text.slice(0, index).trimEnd();
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

/** `10th root` names an operation or a place by its number. */
function isName(text: string, end: number): boolean {
  return /^(?:st|nd|rd|th)[\s-](?:root|power|term|degree|order|derivative|percentile)/i.test(
    text.slice(end, end + 14),
  );
}

/** `100th`: a place in a row, and no quantity. */
function isOrdinal(text: string, end: number): boolean {
  return /^(?:st|nd|rd|th)\b/i.test(text.slice(end, end + 3));
}

const CONCLUSION =
  /(?:^|[.!?\n]\s{0,4})[*_]{0,3}(?:so|thus|hence|therefore|altogether|in total|overall|finally|in conclusion|consequently|∴|somit|daher|also|insgesamt|donc|ainsi|au total|por lo tanto|en total|quindi|dunque|portanto|logo|итак|таким образом|следовательно|所以|因此|故|したがって|よって|따라서)(?!\p{L})/giu;

/** How a check or a remark begins that comes behind a conclusion. */
const REMARK =
  /\n\s{0,4}[*_#]{0,4}\s?(?:check|verif|to (?:check|verify|confirm)|let's (?:check|verify)|we can (?:check|verify)|in this (?:scenario|case)|in other words|note\b|probe|kontrolle|vérif|comprob|проверка|验证|検算)/iu;

/** Where the last sentence begins that draws a conclusion, if it is the last sentence with a number, remarks aside; else -1. */
function lastConclusion(text: string): number {
  let at = -1;
  for (const { index, 0: words } of text.matchAll(CONCLUSION)) at = index + words.length;
  if (at < 0) return -1;
  const behind = text.slice(at);
  const rest = behind.slice(0, REMARK.exec(behind)?.index);
  return /\d/.test(rest.slice(firstSentence(rest).length)) ? -1 : at;
}

const CIRCUMSTANCE = /\b(?:in|per|after|within|every|each|over|during|since)\s{1,2}$/i;
const COUNTED_OUT = /\bfor\s{1,2}$/i;
const PRICE_EACH = /(?:\bat|@)\s{1,2}[$€£¥]?$/i;

/** "in 3 hours", "per 2 eggs", "for 3 people" and "at $5 each" tell of circumstances; "for 15 dollars" does not. */
function isCircumstance(text: string, start: number, end: number): boolean {
  const before = text.slice(Math.max(0, start - 10), start);
  const after = text.slice(end, end + 12);
  return (
    CIRCUMSTANCE.test(before) ||
    (COUNTED_OUT.test(before) &&
      /^\s(?!dollars|euros?\b|cents|pounds|pence|yen|percent)[a-z]{3}/i.test(after)) ||
    (PRICE_EACH.test(before) && /^\s(?:each|apiece|per)\b/i.test(after))
  );
}

/** Within brackets that hold words, or a reference such as `[2]`. */
function isAside(text: string, start: number, end: number): boolean {
  const before = text.slice(Math.max(0, start - LONGEST_ASIDE), start);
  const open = /(?:^|\s)([([])([^()[\]\n]*)$/.exec(before);
  const close = /^([^()[\]\n]*)[)\]]/.exec(text.slice(end, end + LONGEST_ASIDE));
  if (!open || !close) return false;
  const inside = `${open[2]!} ${close[1]!}`;
  return open[1] === "[" ? !/[,;=]/.test(inside) : /[a-z]{2}/i.test(inside) && !inside.includes("=");
}
