/**
 * The number that a response gives as its answer. Looked for, in this order:
 * 1. in the last `\boxed{…}`: the number, with its sign, currency, per cent or unit left out; or, if the box holds anything
 *    else (a fraction, a product with a variable, an interval), its text without spaces: such answers are equal to each
 *    other only, and never to a number;
 * 2. after the last `####`, or else the last "answer is", "answer:" or "answer =": the first number of that sentence, of
 *    its last side if it is an equation; where it has none in digits, the first in English words ("forty-two");
 * 3. anywhere: the last number. A response that was cut off is so judged by how far it got.
 *
 * Among several answers the last one marked counts, since models correct themselves; within a marked sentence the first
 * number, since what follows it is a unit or a reason. A number may have thousands commas, a sign (- or −), a currency
 * before or a % after it, decimals and an exponent; `a/b` is one answer, not two, and is not reduced. Numbers inside words
 * (`x2`) are not seen. Time is linear in the text.
 */
import { lastBoxed } from "./boxed.js";
import { numberInWords } from "./number-words.js";

const DIGITS = String.raw`(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<!\.)\.\d+`;
const NUMBER = new RegExp(
  String.raw`(?<!\w|\w\.)(?:${DIGITS})(?:[eE][-+]?\d{1,3}\b)?(?:\s?\/\s?(?:${DIGITS}))?`,
  "g",
);
const ANSWER_MARK = /\banswer\s{0,8}(?:is\b|:|=)/gi;
/** Hyphen, minus sign, and what typographers and keyboards put in its place. */
const MINUS = /[-\u2212\u2013\uFE63\uFF0D]/;
const CURRENCY = /[$\u20AC\u00A3\u00A5]/;

/** Thousands set apart as LaTeX does it: `1{,}234`, `1,\!234`, `1\,234`, `1\ 234`. */
const LATEX_THOUSANDS = /(?<=\d)(?:\{,\}|,?\\[,!; ]|,\{\}|[\u2009\u202F])(?=\d{3}(?!\d))/g;
/** A box's unit or ornament after its number: `\%`, `^\circ`, `\text{ cm}`, ` dollars`; a lone letter is a variable. */
const UNIT =
  /^(?:\s|\\[,!; ]|\\?%|\^\{?\\circ\}?|\\degree|\\(?:text|mathrm|mbox|textrm)\s?\{[^{}]{0,80}\}(?:\^\{?[23]\}?)?|[A-Za-z]{2,20}\b|[.,])*$/;

/**
 * The answer in canonical form: `1234.5` for `$1,234.50`, `-3` for `−3.0`, `3/4` for `3 / 4`; see the top of the file.
 * @returns undefined if the text has no number.
 */
export function numericAnswer(text: string): string | undefined {
  const box = lastBoxed(text);
  if (box !== undefined) return boxedNumber(box);
  return markedNumber(text) ?? numbersIn(text).at(-1)?.value;
}

/**
 * The answer in a box: a canonical number, or the text without spaces if it is anything but one number, perhaps with a sign,
 * a currency, a unit, and a variable that equals it (`x = 4`).
 * @returns undefined if the box is empty.
 */
export function boxedNumber(box: string): string | undefined {
  const plain = unwrapText(box).replace(LATEX_THOUSANDS, ",").replace(/\\\$/g, "$");
  const value = plain.slice(plain.lastIndexOf("=") + 1).trim();
  const first = numbersIn(value)[0];
  const isAlone =
    first !== undefined &&
    /^(?:[-\u2212\u2013\uFE63\uFF0D+$\u20AC\u00A3\u00A5]|\s){0,8}$/.test(value.slice(0, first.start)) &&
    UNIT.test(value.slice(first.end));
  if (isAlone) return first.value;
  const compact = box.replace(/\s+/g, "");
  return compact === "" ? undefined : compact;
}

/** A box that holds nothing but `\text{…}`, `\textbf{…}`, `\mathbf{…}` or braces has what they hold. */
function unwrapText(box: string): string {
  const inner = /^\s{0,8}(?:\\(?:text|textbf|mathrm|mathbf|mbox)\s{0,8})?\{([^{}\\]*)\}\s{0,8}$/.exec(
    box,
  )?.[1];
  return inner ?? box;
}

/** The number after the last `####` or the last "answer is". */
function markedNumber(text: string): string | undefined {
  const hash = text.lastIndexOf("####");
  if (hash >= 0) {
    const marked = firstOfSentence(text.slice(hash + 4));
    if (marked !== undefined) return marked;
  }
  let after = -1;
  for (const mark of text.matchAll(ANSWER_MARK)) after = mark.index + mark[0].length;
  return after < 0 ? undefined : firstOfSentence(text.slice(after));
}

function firstOfSentence(rest: string): string | undefined {
  const start = rest.trimStart();
  const end = start.search(/\.(?:\s|$)|\n/);
  const sentence = end < 0 ? start : start.slice(0, end);
  const side = sentence.slice(sentence.lastIndexOf("=") + 1);
  return (numbersIn(side)[0] ?? numbersIn(sentence)[0])?.value ?? numberInWords(sentence);
}

interface FoundNumber {
  /** Canonical. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

function numbersIn(text: string): FoundNumber[] {
  return [...text.matchAll(NUMBER)].map(({ 0: digits, index: start }) => {
    const number = canonical(digits);
    const value = number !== "0" && isNegative(text, start) ? `-${number}` : number;
    return { value, start, end: start + digits.length };
  });
}

/** Whether the number at a position has a sign, perhaps with a currency between; `10-3` and `10 - 3` hold an operator. */
function isNegative(text: string, at: number): boolean {
  let before = at - 1;
  if (CURRENCY.test(text[before] ?? "")) before -= text[before - 1] === "\\" ? 2 : 1;
  if (!MINUS.test(text[before] ?? "")) return false;
  return before === 0 || !/[\w)\]}%]/.test(text[before - 1]!);
}

function canonical(number: string): string {
  const [numerator, denominator] = number
    .split("/")
    .map((part) => canonicalDecimal(part.trim().replaceAll(",", "")));
  return denominator === undefined ? numerator! : `${numerator}/${denominator}`;
}

/** The decimal digits are kept as they are, and an exponent shifts them: a float would round long ones. */
function canonicalDecimal(number: string): string {
  const [mantissa = "", exponent = "0"] = number.split(/[eE]/);
  const [whole = "", fraction = ""] = mantissa.split(".");
  const point = whole.length + Number(exponent);
  const digits = "0".repeat(Math.max(0, -point)) + whole + fraction;
  const split = Math.max(0, point);
  const before = withoutLeadingZeros(digits.slice(0, split).padEnd(split, "0"));
  const after = withoutTrailingZeros(digits.slice(split));
  return after === "" ? before : `${before}.${after}`;
}

function withoutLeadingZeros(digits: string): string {
  return digits.replace(/^0+/, "") || "0";
}

/** By a loop: a pattern that ends in `0+$` is tried again from every zero. */
function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === "0") end--;
  return digits.slice(0, end);
}
