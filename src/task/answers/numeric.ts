/**
 * The number that a response gives as its answer. Looked for, in this order:
 * 1. in the last `\boxed{…}`: the number, or, if it holds anything but one number (a fraction, an interval), its text
 *    without spaces: such answers are equal to each other only;
 * 2. after the last `####`, or else the last "answer is", "answer:" or "answer =": the first number of that sentence, of
 *    its last side if it is an equation;
 * 3. anywhere: the last number.
 *
 * A number may have thousands commas, a sign (- or −), a $ before or a % after it, decimals and an exponent; `a/b` is one
 * answer, not two. Numbers inside words (`x2`) are not seen.
 */
import { lastBoxed } from "./boxed.js";

const DIGITS = String.raw`(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<!\.)\.\d+`;
const NUMBER = new RegExp(
  String.raw`(?<!\w|\w\.)(?:${DIGITS})(?:[eE][-+]?\d{1,3}\b)?(?:\s?\/\s?(?:${DIGITS}))?`,
  "g",
);
const ANSWER_MARK = /\banswer\s*(?:is\b|:|=)/gi;

/**
 * The answer in canonical form: `1234.5` for `$1,234.50`, `-3` for `−3.0`, `3/4` for `3 / 4`; see the top of the file.
 * @returns undefined if the text has no number.
 */
export function numericAnswer(text: string): string | undefined {
  const box = lastBoxed(text);
  if (box !== undefined) return boxedAnswer(box);
  const hash = text.lastIndexOf("####");
  if (hash >= 0) {
    const marked = firstOfSentence(text.slice(hash + 4));
    if (marked !== undefined) return marked;
  }
  const mark = [...text.matchAll(ANSWER_MARK)].at(-1);
  if (mark !== undefined) {
    const marked = firstOfSentence(text.slice(mark.index + mark[0].length));
    if (marked !== undefined) return marked;
  }
  return numbersIn(text).at(-1);
}

function boxedAnswer(box: string): string | undefined {
  const plain = box.replace(/\\(?:text|mathrm|mbox)\s*\{([^{}]*)\}/g, " $1 ").replace(/\\[,!;: ]|[{}]/g, "");
  const numbers = numbersIn(plain);
  if (numbers.length === 1 && !/\\[a-z]/i.test(plain)) return numbers[0];
  const compact = box.replace(/\s+/g, "");
  return compact === "" ? undefined : compact;
}

function firstOfSentence(rest: string): string | undefined {
  const sentence = /^[^\n]*?(?=\.(?:\s|$)|\n|$)/.exec(rest.trimStart())?.[0] ?? "";
  const side = sentence.slice(sentence.lastIndexOf("=") + 1);
  return numbersIn(side)[0] ?? numbersIn(sentence)[0];
}

function numbersIn(text: string): string[] {
  return [...text.matchAll(NUMBER)].map((match) => {
    const number = canonical(match[0]);
    return number !== "0" && isNegative(text, match.index) ? `-${number}` : number;
  });
}

/** Whether the number at a position has a sign, perhaps with a $ between; `10-3` and `10 - 3` hold an operator. */
function isNegative(text: string, at: number): boolean {
  let before = at - 1;
  if (text[before] === "$") before -= text[before - 1] === "\\" ? 2 : 1;
  if (text[before] !== "-" && text[before] !== "\u2212") return false;
  return before === 0 || !/[\w)\]}%]/.test(text[before - 1]!);
}

function canonical(number: string): string {
  const [numerator, denominator] = number
    .split("/")
    .map((part) => canonicalDecimal(part.trim().replaceAll(",", "")));
  return denominator === undefined ? numerator! : `${numerator}/${denominator}`;
}

function canonicalDecimal(digits: string): string {
  // The decimal digits are kept as they are: a float would round long ones.
  const plain = /e/i.test(digits) ? String(Number(digits)) : digits;
  const [whole = "", fraction = ""] = plain.split(".");
  const short = fraction.replace(/0+$/, "");
  return `${whole.replace(/^0+(?=\d)/, "") || "0"}${short === "" ? "" : `.${short}`}`;
}
