import { digitsAt } from "./grouped-digits.js";
import { canonicalDecimal } from "./rational.js";

/** Longer expressions than this are no answers. */
const LONGEST_LITERAL = 400;

const NAMES: readonly (readonly [RegExp, string])[] = [
  [
    /\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits|mathop|quad|qquad)(?![A-Za-z])|\\[,;!:> ~]|~/g,
    " ",
  ],
  [/\\(?:text|textbf|textit|mathrm|mathbf|mathit|mathbb|mbox|operatorname|rm)\s?\{([^{}]{0,100})\}/g, " $1 "],
  [/\\(?:[dtc]|nice|s)frac(?![A-Za-z])/g, "\\frac"],
  [/\\(?:times|cdot|ast)(?![A-Za-z])|[\u00D7\u00B7\u22C5\u2219*]/g, "*"],
  [/\\(?:leq?|leqslant)(?![A-Za-z])|\u2264/g, "<="],
  [/\\(?:geq?|geqslant)(?![A-Za-z])|\u2265/g, ">="],
  [/\\neq?(?![A-Za-z])|\u2260/g, "!="],
  [/\\lt(?![A-Za-z])/g, "<"],
  [/\\gt(?![A-Za-z])/g, ">"],
  [/\\pm(?![A-Za-z])|\u00B1/g, "+-"],
  [/\\infty(?![A-Za-z])|\u221E|\binfinity\b|\binf\b/gi, " inf "],
  [/\\cup(?![A-Za-z])|\u222A/g, " U "],
  [/\\(?:cap)(?![A-Za-z])|\u2229/g, " cap "],
  [/\\in(?![A-Za-z])|\u2208/g, " in "],
  [/\\(?:pi)(?![A-Za-z])|\u03C0/g, " pi "],
  [/\\(?:degree|circ)(?![A-Za-z])|\^\{?\\circ\}?|\u00B0/g, " deg "],
  [/\u221A\s?\(/g, "\\sqrt("],
  [/\u221A\s?([0-9]{1,20}|[A-Za-z])/g, "\\sqrt{$1}"],
  [/\bsqrt\s?\(/g, "\\sqrt("],
  [/\*\*/g, "^"],
];

/** What an expression may have in letters, other than single ones. */
const WORDS = new Set(
  (
    "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln lg exp sqrt pi inf deg mod gcd lcm max min det " +
    "alpha beta gamma delta epsilon theta lambda mu phi psi omega sigma rho tau zeta eta in cap or and am pm frac " +
    "begin end matrix pmatrix bmatrix vmatrix cases"
  ).split(" "),
);

/**
 * The normal text of an answer that is no number: an interval, a surd, a polynomial, a tuple or list, a ratio, a time. Equal texts
 * are equal answers, and no more is claimed: `2\sqrt{3}`, `2√3` and `2 * sqrt(3)` are one, `\sqrt{12}` is another.
 * @param text of plain characters, without the delimiters of mathematics around it.
 * @returns undefined for prose, for a word alone and for what is too long.
 */
export function literalText(text: string): string | undefined {
  if (text.length > LONGEST_LITERAL) return undefined;
  let plain = text.trim();
  for (const [pattern, put] of NAMES) plain = plain.replace(pattern, put);
  plain = withRoots(withFractions(plain))
    .replace(/\\([{}|])/g, " $1 ")
    .replace(/\\\\/g, ";")
    .replace(/\\([A-Za-z]{1,20})/g, " $1 ")
    .replace(/([_^])\s?\{\s?(-?[A-Za-z0-9]{1,20})\s?\}/g, "$1$2");
  const words = plain.match(/[A-Za-z]+/g) ?? [];
  if (!words.every(isMathematical)) return undefined;
  if (!/[0-9]|\b(?:pi|inf)\b|[-+*/^=<>([]/.test(plain) || /[^\x20-\x7E]/.test(plain)) return undefined;
  // "N/A" and "A-B" are no mathematics.
  if (!/[0-9a-z]/.test(plain)) return undefined;
  if (/^[\s.,;:!?'"()-]*$/.test(plain)) return undefined;
  return compact(plain);
}

function isMathematical(word: string): boolean {
  return word.length === 1 || WORDS.has(word.toLowerCase()) || /^(?:[xyzabnk]{2,3})$/.test(word);
}

function compact(plain: string): string {
  const numbers = plain
    .replace(/(?<![\d.])\d{1,60}\.\d{1,60}(?![\d.])/g, (decimal) => {
      const digits = digitsAt(decimal, 0)!;
      const canonical = canonicalDecimal(false, digits);
      return canonical.includes("/") ? decimal.replace(/0+$/, "") : canonical;
    })
    .replace(/\s+/g, "");
  return numbers
    .replace(/(?<=[0-9)])\*(?=[A-Za-z(])|(?<=[A-Za-z)])\*(?=[A-Za-z0-9(])/g, "")
    .replace(/([AaPp])\.?([Mm])\.?$/, (_, half: string, m: string) => (half + m).toLowerCase())
    .replace(/^\+|[.;,]+$/g, "")
    .replace(/^[A-Za-z]in(?=[([{])/, "");
}

/** `\frac{a}{b}` as `(a)/(b)`, without parentheses around one sign or number; innermost first, and a few levels only. */
function withFractions(text: string): string {
  const part = String.raw`\s?(?:\{([^{}]{1,200})\}|([A-Za-z0-9]))`;
  const fraction = new RegExp(`\\\\frac${part}${part}`, "g");
  let plain = text;
  for (let level = 0; level < 4 && plain.includes("\\frac"); level++) {
    plain = withRoots(plain).replace(
      fraction,
      (_, a?: string, b?: string, c?: string, d?: string) => `${grouped(a ?? b!)}/${grouped(c ?? d!)}`,
    );
  }
  return plain;
}

function withRoots(text: string): string {
  return text
    .replace(/\\sqrt\s?\[(\w{1,4})\]\s?\{([^{}]{1,200})\}/g, "root$1($2)")
    .replace(/\\sqrt\s?\{([^{}]{1,200})\}/g, " sqrt($1)")
    .replace(/\\sqrt\s?([A-Za-z0-9])/g, " sqrt($1)")
    .replace(/\\sqrt\(/g, " sqrt(");
}

function grouped(part: string): string {
  const plain = part.trim();
  return /^[\w.]+$|^sqrt\([^()]*\)$/.test(plain) ? plain : `(${plain})`;
}
