import Fraction from "fraction.js";

/** Longer numbers than this keep their digits as they are: reducing a fraction takes more than linear time. */
const MOST_DIGITS = 2000;

/** An exact decimal numeral: `digits` without a sign, with a point perhaps, times ten to `exponent`. */
export interface Decimal {
  readonly digits: string;
  readonly exponent: number;
}

/**
 * A number in its one canonical form: the integer, or the fraction in lowest terms (`3/4` for 0.75). Of more than 2,000 digits: the
 * decimal without needless zeros.
 */
export function canonicalDecimal(negative: boolean, { digits, exponent }: Decimal): string {
  const plain = shifted(digits, exponent);
  if (plain === "0") return "0";
  const sign = negative ? "-" : "";
  if (!plain.includes(".") || plain.length > MOST_DIGITS) return sign + plain;
  const [whole = "", fraction = ""] = plain.split(".");
  return sign + canonicalFraction(BigInt(whole + fraction), 10n ** BigInt(fraction.length));
}

/** A fraction in lowest terms; an integer where it is one. The denominator is not 0. */
export function canonicalFraction(numerator: bigint, denominator: bigint): string {
  return new Fraction(numerator, denominator).toFraction();
}

/** The fraction of a canonical number, to compute with; undefined for one that is too long. */
export function fractionOf(canonical: string): Fraction | undefined {
  return canonical.length > MOST_DIGITS ? undefined : new Fraction(canonical);
}

/** The numeral written out, without needless zeros: the digits are kept as they are, since a float would round long ones. */
function shifted(numeral: string, exponent: number): string {
  const [whole = "", fraction = ""] = numeral.split(".");
  const point = whole.length + exponent;
  const digits = "0".repeat(Math.max(0, -point)) + whole + fraction;
  const split = Math.max(0, point);
  const before = digits.slice(0, split).padEnd(split, "0").replace(/^0+/, "") || "0";
  const after = withoutTrailingZeros(digits.slice(split));
  return after === "" ? before : `${before}.${after}`;
}

/** By a loop: a pattern that ends in `0+$` is tried again from every zero. */
function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === "0") end--;
  return digits.slice(0, end);
}
