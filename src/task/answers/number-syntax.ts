/**
 * A number as people and models write it, in a text of plain characters (`plainCharacters`): an integer or decimal with group signs
 * (`digitsAt` has the rule), `1e-5`, `3 \times 10^8`, `10^{-3}` and other powers of whole numbers, `3/4`, `\frac{3}{4}`, `\frac34`,
 * the mixed `2 1/2`, a repeating decimal `0.\overline{3}`, a word of scale or per cent after it, a sign or `negative` before it,
 * with a currency between perhaps. All exact.
 */
import type Fraction from "fraction.js";
import { digitsAt } from "./grouped-digits.js";
import { canonicalDecimal, canonicalFraction, fractionOf } from "./rational.js";
import { scaleAt } from "./scale-words.js";

/** A number that was read. */
export interface ReadNumber {
  /** Canonical: an integer, or a fraction in lowest terms. */
  readonly value: string;
  /** Where its sign or currency begins. */
  readonly start: number;
  readonly end: number;
  /** Of a percentage, the number before the sign: `25` for 25 %, whose value is `1/4`. */
  readonly figure?: string;
}

/** Where a number can begin: not within a word, an index (`x_1`), an exponent or another number. */
export const NUMBER_START =
  /(?<![A-Za-z0-9_\u00C0-\u024F\u0400-\u04FF]|[A-Za-z0-9]\.|[_^]\{?-?|\\)(?:\d|(?<!\.)\.\d|\\[dtc]?frac|\\(?:nice|s)frac)/g;

const EXPONENT = /[eE]([-+]?\d{1,4})(?![\w.])/y;
const TIMES_TEN =
  /(?:\s|\\[,;! ]){0,3}(?:[x\u00D7*\u00B7\u22C5\u2219\u2022]|\\times|\\cdot|\\ast)(?:\s|\\[,;! ]){0,3}10\s?(?:\^|\*\*)\s?(?:\{\s?([-+]?\d{1,4})\s?\}|\(\s?([-+]?\d{1,4})\s?\)|([-+]?\d{1,4})(?![\d.]))/y;
const POWER = /(?:\^|\*\*)\s?(?:\{\s?([-+]?\d{1,4})\s?\}|\(\s?([-+]?\d{1,4})\s?\)|([-+]?\d{1,4})(?![\d.]))/y;
const OVERLINE = /\\(?:overline|dot|bar)\s?\{(\d{1,40})\}|\((\d{1,40})\)(?=\.{3}|\s|$)/y;
const SLASH = /\s?\/\s?(?=[\d{(])/y;
const BETWEEN_MIXED = /(?:\s|\\[,;! ]|~){0,3}(?:and\s)?(?=\d{1,9}\s?\/\s?\d|\\[dtc]?frac|\\(?:nice|s)frac)/y;
const FRACTION_COMMAND = /\\(?:[dtc]?|nice|s)frac/y;
const CURRENCY = /(?:\\?\$|[\u20AC\u00A3\u00A5\u20B9\u20BD\u20A9\u20BA]|\b(?:USD|EUR|GBP|CHF|US|Rs\.?))\s?$/;
const SIGN_WORD =
  /(?:^|[^\p{L}])(?:negative|minus|moins|menos|meno|negativ|negativo|минус|سالب|ناقص)\s{1,3}(?:\\?\$|[\u20AC\u00A3\u00A5])?$|(?:负|負|マイナス|마이너스)\s?$/iu;
const MOST_BITS = 20_000;

/** The number that begins at a position that `NUMBER_START` found; undefined if what stands there is no number, such as `1/0`. */
export function numberAt(text: string, at: number): ReadNumber | undefined {
  const sign = signBefore(text, at);
  const read = magnitudeAt(text, at);
  if (read === undefined) return undefined;
  const scale = scaleAt(text, read.end, sign.money);
  const figure = sign.negative ? negated(read.value) : read.value;
  if (scale === undefined) return { value: figure, start: sign.start, end: read.end };
  const value = scaled(figure, scale.power);
  const found = { value, start: sign.start, end: scale.end };
  return scale.percent ? { ...found, figure } : found;
}

interface Magnitude {
  readonly value: string;
  readonly end: number;
}

function magnitudeAt(text: string, at: number): Magnitude | undefined {
  if (text[at] === "\\") return commandFraction(text, at);
  const digits = digitsAt(text, at);
  if (digits === undefined) return undefined;
  const whole = !digits.digits.includes(".");
  const repeating = repeatingDecimal(text, digits.digits, digits.end);
  if (repeating) return repeating;
  const exponent = matchAt(EXPONENT, text, digits.end);
  if (exponent) {
    const value = canonicalDecimal(false, { digits: digits.digits, exponent: Number(exponent[1]) });
    return { value, end: EXPONENT.lastIndex };
  }
  const ten = matchAt(TIMES_TEN, text, digits.end);
  if (ten) {
    const power = Number(ten[1] ?? ten[2] ?? ten[3]);
    const value = canonicalDecimal(false, { digits: digits.digits, exponent: power });
    return { value, end: TIMES_TEN.lastIndex };
  }
  const value = canonicalDecimal(false, digits);
  if (!whole) return slashFraction(text, value, digits.end) ?? { value, end: digits.end };
  const power = matchAt(POWER, text, digits.end);
  if (power) return powerOf(value, Number(power[1] ?? power[2] ?? power[3]), POWER.lastIndex);
  return (
    mixedNumber(text, value, digits.end) ??
    slashFraction(text, value, digits.end) ?? { value, end: digits.end }
  );
}

/** `0.1\overline{6}` or `0.(3)`. */
function repeatingDecimal(text: string, digits: string, end: number): Magnitude | undefined {
  const dotted = text[end] === "." ? `${digits}.` : digits;
  const at = text[end] === "." ? end + 1 : end;
  if (!dotted.includes(".") || dotted.length > 100) return undefined;
  const match = matchAt(OVERLINE, text, at);
  if (!match) return undefined;
  const repeated = match[1] ?? match[2]!;
  const [whole = "", fraction = ""] = dotted.split(".");
  const nines = 10n ** BigInt(repeated.length) - 1n;
  const numerator = BigInt(whole + fraction) * nines + BigInt(repeated);
  return {
    value: canonicalFraction(numerator, nines * 10n ** BigInt(fraction.length)),
    end: OVERLINE.lastIndex,
  };
}

function powerOf(base: string, exponent: number, end: number): Magnitude | undefined {
  if (base.length * 3.4 * Math.abs(exponent) > MOST_BITS || (base === "0" && exponent <= 0)) return undefined;
  const power = BigInt(base) ** BigInt(Math.abs(exponent));
  return { value: exponent < 0 ? canonicalFraction(1n, power) : String(power), end };
}

/** `2 1/2` and `2\frac{1}{2}`: a whole number and a proper fraction. */
function mixedNumber(text: string, whole: string, end: number): Magnitude | undefined {
  if (!matchAt(BETWEEN_MIXED, text, end)) return undefined;
  const at = BETWEEN_MIXED.lastIndex;
  if (at === end && text[at] !== "\\") return undefined;
  const part = text[at] === "\\" ? commandFraction(text, at) : plainFraction(text, at);
  const [left, right] = [fractionOf(whole), part && fractionOf(part.value)];
  if (!part || !left || !right || right.compare(1) >= 0) return undefined;
  return { value: left.add(right).toFraction(), end: part.end };
}

function plainFraction(text: string, at: number): Magnitude | undefined {
  const digits = digitsAt(text, at);
  return digits && slashFraction(text, canonicalDecimal(false, digits), digits.end);
}

/** `/ 4` after a numerator; a second slash makes a date of it. */
function slashFraction(text: string, numerator: string, end: number): Magnitude | undefined {
  if (!matchAt(SLASH, text, end)) return undefined;
  const below = argumentAt(text, SLASH.lastIndex, false);
  if (below === undefined || /^\s?\/\s?\d/.test(text.slice(below.end, below.end + 3))) return undefined;
  return quotient(numerator, below.value, below.end);
}

/** `\frac{3}{4}`, `\frac34`, `\frac 3{4}`, with signs and decimals within. */
function commandFraction(text: string, at: number): Magnitude | undefined {
  if (!matchAt(FRACTION_COMMAND, text, at)) return undefined;
  const above = argumentAt(text, FRACTION_COMMAND.lastIndex, true);
  const below = above && argumentAt(text, above.end, true);
  return below && quotient(above.value, below.value, below.end);
}

function quotient(above: string, below: string, end: number): Magnitude | undefined {
  const [numerator, denominator]: (Fraction | undefined)[] = [fractionOf(above), fractionOf(below)];
  if (!numerator || !denominator || denominator.n === 0n) return undefined;
  return { value: numerator.div(denominator).toFraction(), end };
}

/** A number in braces or parentheses, or one as it stands; a single digit where `digit`, as LaTeX takes it. */
function argumentAt(text: string, from: number, digit: boolean): Magnitude | undefined {
  const at = text[from] === " " ? from + 1 : from;
  const close = text[at] === "{" ? "}" : text[at] === "(" && !digit ? ")" : undefined;
  if (close === undefined) {
    if (digit) return /\d/.test(text[at] ?? "") ? { value: text[at]!, end: at + 1 } : undefined;
    const digits = digitsAt(text, at);
    return digits && { value: canonicalDecimal(false, digits), end: digits.end };
  }
  const end = text.slice(at, at + 200).indexOf(close);
  if (end < 0) return undefined;
  const inner = text.slice(at + 1, at + end).trim();
  const negative = inner.startsWith("-");
  const digits = digitsAt(inner, negative ? 1 : 0);
  if (digits?.end !== inner.length) return undefined;
  return { value: canonicalDecimal(negative, digits), end: at + end + 1 };
}

/** The sign of a number; `10-3`, `x - 3` and `10 minus 3` hold an operator. */
function signBefore(text: string, at: number): { negative: boolean; start: number; money: boolean } {
  const before = text.slice(Math.max(0, at - 32), at);
  const currency = CURRENCY.exec(before)?.[0] ?? "";
  const money = currency !== "";
  const rest = before.slice(0, before.length - currency.length);
  const start = at - currency.length;
  const dash = /(?:^|[^-])(-\s?)$/.exec(rest)?.[1];
  if (dash !== undefined) {
    const earlier = rest.slice(0, rest.length - dash.length);
    const touching = dash === "-" ? earlier : earlier.trimEnd();
    const isSign =
      dash === "-"
        ? !/[\w)\]}%\u0400-\u04FF]$/.test(touching)
        : touching === "" || /[=(:,{[*$]$/.test(touching);
    if (isSign) return { negative: true, start: start - dash.length, money };
    return { negative: false, start, money };
  }
  const word = SIGN_WORD.exec(rest)?.[0];
  if (word !== undefined) {
    const earlier = rest.slice(0, rest.length - word.length).trimEnd();
    if (!/[\d)\]}]$/.test(earlier)) return { negative: true, start: start - word.length, money };
  }
  return { negative: false, start, money };
}

function negated(value: string): string {
  if (value === "0") return "0";
  return value.startsWith("-") ? value.slice(1) : `-${value}`;
}

function scaled(value: string, power: number): string {
  const fraction = fractionOf(value);
  if (!fraction) return value;
  const factor = 10n ** BigInt(Math.abs(power));
  return (power < 0 ? fraction.div(factor) : fraction.mul(factor)).toFraction();
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
