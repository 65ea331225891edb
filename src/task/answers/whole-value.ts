import { lastBoxed } from "./boxed.js";
import { literalText } from "./literal.js";
import { numberInWords } from "./number-words.js";
import { NUMBER_START, numberAt } from "./number-syntax.js";

/** What a label, or the answer of a response, says. */
export interface Value {
  readonly kind: "number" | "literal";
  /** Canonical: equal values are equal texts. A number is an integer or a fraction in lowest terms. */
  readonly text: string;
  /** Of a percentage, the number before the sign, canonical too. */
  readonly figure?: string;
  /** What stands after the number: `cm^2`, `eggs`; as written, without white space around it. */
  readonly unit?: string;
}

const LONGEST_WHOLE = 4000;
/** What may stand before a number that is the whole of a text. */
const BEFORE =
  /^(?:[\s+~\u2248\u2243\u00B1\\$\u20AC\u00A3\u00A5\u20B9\u20BD\u20A9\u20BA]|approx|\b(?:USD|EUR|GBP|CHF|Rs|US|about|around|roughly|nearly|approximately|exactly|only|just|circa|ca|etwa|rund|environ|unos|circa|aproximadamente|примерно|около)\b\.?|[约約大]|=){0,20}$/iu;
/** A unit, letter by letter so that no two parts of the pattern take the same text. */
const UNIT =
  /^(?:[\p{L}\p{M}\u00B0\u00B5%'"/*.\u00B7\u22C5 -]|\\(?:text|mathrm|mbox|textrm|textbf|rm|operatorname|unit)(?![a-z])|\\(?:circ|degree|cdot|pi)(?![a-z])|[{}]|\\[,;:!> ~%$]|[\u20AC\u00A3\u00A5$\u20B9\u20BD\u20A9]|\^\{?-?\d\}?|\^(?=\{?\\circ))*$/u;
/** Letters that stand for units; other single letters right after a number are variables. */
const UNIT_LETTER = /^[mgsVWANJKLlhCFM](?![\p{L}\d^])/u;
const NOT_A_UNIT =
  /\b(?:or|and|to|of|but|not|than|if|when|where|plus|minus|times|mod|sqrt|pi|sin|cos|tan|log|ln|is|are|was)\b|\\pi|[\u03C0\u221A]/i;
const MOST_UNIT_WORDS = 8;

/**
 * The value of a text that is an answer and nothing else, such as a label or what stands in a box: a number with its unit or a
 * remark in parentheses, or a literal (`literalText`). Delimiters of mathematics, Markdown and LaTeX's text commands around
 * it are left out, and of an equation its last side is taken, or the one that can be read.
 * @param text of plain characters (`plainCharacters`).
 * @returns undefined if it is anything else: prose, several numbers, nothing.
 */
export function wholeValue(text: string): Value | undefined {
  if (text.length > LONGEST_WHOLE) return longInteger(text);
  const body = undressed(text);
  if (body === "") return undefined;
  const [approximate, about] = body.split(/\\approx(?![A-Za-z])|\u2248|\\simeq|≃/);
  if (about !== undefined && approximate!.trim() !== "") {
    return wholeValue(approximate!) ?? wholeValue(about);
  }
  const read = wholeNumber(body) ?? alternatives(body);
  if (read) return read;
  const sides = equationSides(body);
  if (sides.length > 1) {
    // The sign that closes a formula whose other half stands before the first side.
    const closed = sides.at(-1)!.replace(/^([^$]*)\$[\s.]{0,8}$/, "$1");
    const [first, last] = [oneValue(undressed(sides[0]!)), oneValue(undressed(closed))];
    const number = [last, first].find((side) => side?.kind === "number");
    if (number) return number;
    if (last && sides.length === 2) return last;
  }
  return oneValue(body);
}

/** `x = 5` has the sides `x` and `5`; comparisons are no equations. */
export function equationSides(text: string): string[] {
  return text.split(/(?<![<>!=:\\])=(?![=<>])/);
}

function oneValue(body: string): Value | undefined {
  return wholeNumber(body) ?? wholeWords(body) ?? wholeLiteral(body);
}

/** `x = 3 or x = -3`: the values in one order, whichever they were given in. */
function alternatives(body: string): Value | undefined {
  const parts = body.split(/,?\s(?:or|and)\s|\\text\{\s{0,4}(?:or|and)\s{0,4}\}/);
  if (parts.length < 2 || parts.length > 8) return undefined;
  const values = parts.map((part) => {
    const plain = undressed(equationSides(part).at(-1)!);
    return wholeNumber(plain) ?? wholeLiteral(plain);
  });
  if (values.some((value) => value === undefined)) return undefined;
  return {
    kind: "literal",
    text: values
      .map((value) => value!.text)
      .sort()
      .join(" or "),
  };
}

/** Beyond what patterns are tried on, a text can still be one long number. */
function longInteger(text: string): Value | undefined {
  const digits = text.trim();
  return /^-?\d+$/.test(digits) ? { kind: "number", text: digits.replace(/^(-?)0+(?=\d)/, "$1") } : undefined;
}

function wholeNumber(body: string): Value | undefined {
  NUMBER_START.lastIndex = 0;
  const at = NUMBER_START.exec(body)?.index;
  const read = at === undefined ? undefined : numberAt(body, at);
  if (read === undefined || !BEFORE.test(body.slice(0, read.start))) return undefined;
  const rest = body.slice(read.end);
  if (!isUnit(rest)) return undefined;
  const unit = withoutRemark(rest).replace(/^[\s.,;:!]+|[\s.,;:!]+$/g, "");
  return {
    kind: "number",
    text: read.value,
    ...(read.figure !== undefined && { figure: read.figure }),
    ...(unit !== "" && { unit }),
  };
}

function wholeWords(body: string): Value | undefined {
  if (/\d/.test(body) || body.length > 200) return undefined;
  const text = numberInWords(body, true);
  return text === undefined ? undefined : { kind: "number", text };
}

function wholeLiteral(body: string): Value | undefined {
  const text = literalText(body);
  return text === undefined || /^[A-Za-z]$/.test(text) ? undefined : { kind: "literal", text };
}

/** Whether what follows a number is its unit, a remark or nothing. */
function isUnit(after: string): boolean {
  const rest = withoutRemark(after);
  if (/^[A-Za-z]/.test(rest) && !/^[A-Za-z]{2}/.test(rest) && !UNIT_LETTER.test(rest)) return false;
  if (/^\s?[\^!/*]/.test(rest) && !/^\^\{?\\circ/.test(rest)) return false;
  if (!UNIT.test(rest) || NOT_A_UNIT.test(rest)) return false;
  return (rest.match(/[\p{L}\p{M}]+/gu) ?? []).length <= MOST_UNIT_WORDS;
}

function withoutRemark(rest: string): string {
  return rest.replace(/\s?\([^()]{0,300}\)\s{0,4}[.,;:!]?\s{0,4}$/, "").replace(/[\s.,;:!]+$/, "");
}

const PAIRS: readonly (readonly [string, string])[] = [
  ["$$", "$$"],
  ["$", "$"],
  ["\\(", "\\)"],
  ["\\[", "\\]"],
  ["**", "**"],
  ["__", "__"],
  ["`", "`"],
  ['"', '"'],
  ["\u201C", "\u201D"],
  ["'", "'"],
];
const TEXT_COMMAND =
  /^\\(?:text|textbf|textit|mathrm|mathbf|mbox|displaystyle|bf|underline|mathit)\s{0,4}(?=[{])/;

/** Without what dresses an answer: delimiters of mathematics, emphasis, quotes, a box, a full stop. */
export function undressed(text: string): string {
  let body = text.trim();
  for (let layer = 0; layer < 10; layer++) {
    const before = body;
    body = body
      .replace(/^(?:####|[>*_#\s]{1,8}(?=[\s\d$\\-]))\s?/, "")
      .replace(/(?<![.\d])[.\u3002]\s{0,4}$|(?<=\d)\.$/, "");
    body = body.replace(/^(?:A|Ans)\s?[:=]\s/, "").trim();
    for (const [open, close] of PAIRS) {
      const inner = body.slice(open.length, body.length - close.length);
      const isPair =
        body.length > open.length + close.length && body.startsWith(open) && body.endsWith(close);
      if (isPair && !inner.includes(close)) body = inner.trim();
    }
    if (/^\\(?:boxed|fbox)/.test(body)) body = (lastBoxed(body) ?? body).trim();
    if (/^\([^(),;]*\)$/.test(body)) body = body.slice(1, -1).trim();
    const command = TEXT_COMMAND.exec(body)?.[0];
    const braced = command === undefined ? body : body.slice(command.length);
    if (braced.startsWith("{") && braced.endsWith("}") && !/[{}]/.test(braced.slice(1, -1)))
      body = braced.slice(1, -1).trim();
    if (body === before) break;
  }
  return body;
}
