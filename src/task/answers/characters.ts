/** Decimal digits of every script, by the code point of their zero; Unicode has them in runs of ten. Filled on first use. */
let zeros: ReadonlyMap<number, number> | undefined;

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const SUPERSCRIPT_RUN = /[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,100}/g;
/** ½ and the like: one character is a numerator, a bar and a denominator (Unicode's compatibility mapping). */
const VULGAR = /[\u00BC-\u00BE\u2150-\u215E\u2189]/g;
/** Hyphens, minus signs, and what typographers and keyboards put in their place; the dash — is none of them. */
const MINUS = /[\u2010\u2011\u2012\u2013\u2212\uFE63\uFF0D]/g;

/**
 * A text with one spelling for each sign that numbers are written with, so that the readers know ASCII only: digits of every
 * script, full-width letters and signs, minus signs, spaces, fraction bars, `½` as ` 1/2`, superscripts as `^{…}`, the decimal and
 * group signs of Arabic, typographic apostrophes. Line breaks are `\n`. Idempotent, and linear in the text.
 */
export function plainCharacters(text: string): string {
  if (/^[\n\x20-\x7E]*$/.test(text)) return text;
  return text
    .replace(/\r\n?|[\u0085\u2028\u2029\v\f]/g, "\n")
    .replace(/\t/g, " ")
    .replace(SUPERSCRIPT_RUN, (run) => `^{${[...run].map(fromSuperscript).join("")}}`)
    .replace(VULGAR, (sign) => ` ${sign.normalize("NFKC")}`)
    .normalize("NFKC")
    .replace(/[\u2044\u2215]/g, "/")
    .replace(/\u066B/g, ".")
    .replace(/\u066C/g, ",")
    .replace(/\u066A/g, "%")
    .replace(/[\u2018\u2019\u02BC\uFF07]/g, "'")
    .replace(MINUS, "-")
    .replace(/[\u200B-\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF\u00AD\u061C]/g, "")
    .replace(/[^\P{Nd}0-9]/gu, asciiDigit);
}

function fromSuperscript(sign: string): string {
  if (sign === "⁻") return "-";
  return sign === "⁺" ? "" : String(SUPERSCRIPTS.indexOf(sign));
}

function asciiDigit(digit: string): string {
  const value = digitsOfAllScripts().get(digit.codePointAt(0)!);
  return value === undefined ? digit : String(value);
}

function digitsOfAllScripts(): ReadonlyMap<number, number> {
  if (zeros) return zeros;
  const found = new Map<number, number>();
  let start = -1;
  for (let code = 0x660; code < 0x20000; code++) {
    if (!/\p{Nd}/u.test(String.fromCodePoint(code))) start = -1;
    else {
      if (start < 0) start = code;
      found.set(code, (code - start) % 10);
    }
  }
  return (zeros = found);
}
