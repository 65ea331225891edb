/**
 * The value that a response gives as its answer, and that a label is: exact rationals and, compared as normal text, intervals, surds,
 * polynomials and the like. Looked for, in this order:
 * 1. where the response states its answer (`statements`), the last statement that begins with a value first: a box, a tag, a JSON field,
 *    `####`, "the answer is", "Answer:", in the commonest languages. What is said after it, numbers included, does not count;
 * 2. anywhere in the sentence after "the answer is", in digits or in English words;
 * 3. before "is the answer" and "as the answer", in the same sentence;
 * 4. anywhere, unless the text breaks off in the middle (`breaksOff`): what the last sentence with a number concludes, before closing remarks ("Let me
 *    know if …") and before a check or remark behind a conclusion: the surd or the like behind its last "=", else its last number; numbers of lists,
 *    ordinals, numbers of circumstance ("in 3 hours", "for 3 people") and asides ("(3 items at $5 each)", "[2]") left out where there is another.
 *    Numbers within formulas that end in variables or functions are none (`openFormulas`);
 * 5. where a response has no digit, the number in words of its last sentence.
 *
 * What the model thought aloud (`<think>`) is cut. Time is linear in the text.
 */
import { plainCharacters } from "./characters.js";
import { lastValue, reversedValue, wordsAtEnd } from "./last-value.js";
import { statements, type Statement } from "./final-statement.js";
import { withoutThinking } from "./thinking.js";
import { directValue, firstValue } from "./value-in-text.js";
import { undressed, wholeValue, type Value } from "./whole-value.js";

/** Thousands set apart as LaTeX does it: `1{,}234`, `1,\!234`, `1\,234`, `1\ 234`. */
const LATEX_THOUSANDS = /(?<=\d)(?:\{,\}|,?\\[,!; ]|,\{\})(?=\d{3}(?!\d))/g;
/** `\24\%`: no command begins with a digit. */
const STRAY_BACKSLASH = /(?<!\\)\\(?=\d)/g;
const OVER = /\{([^{}\\]{1,60})\\over(?![a-z])([^{}\\]{1,60})\}/g;
const HTML = /<\/?(?:b|strong|em|i|u|p|br|span|code|div)(?:\s[^<>]{0,60})?\/?>/gi;
const SUPERSCRIPT = /<sup>\s{0,4}(-?\d{1,6})\s{0,4}<\/sup>/gi;
/** A reference to a source behind a number or a sentence, such as `[2]` or `[Source: page 3]`. */
const REFERENCE = /(?<=[\d.%)]\s)\[(?:\d{1,3}|[A-Za-z][^[\]=]{1,60})\]/g;
const END_TOKEN = /<\/s>|<\|[a-z_]{2,24}\|>|<(?:eos|end_of_turn)>/g;
const DISPLAYED = /\$\$[^$]{1,400}\$\$|\\\[[^[\]]{1,400}\\\]/g;
const EMPHASIS =
  /(?<![\w)*])\*\*([^*\n]{1,300})\*\*(?![\w(*])|(?<!\w)__([^_\n]{1,300})__(?!\w)|(?<!\w)(?<![0-9)*] )\*([^*\s][^*\n]{0,200})(?<!\s)\*(?![\w(*])/g;

/** Without one of these signs none of the patterns above finds anything. */
const MARKUP = /[<[{$*_\\]/;

/** The value; see the top of the file. Undefined if the text has none. */
export function numericValue(text: string): Value | undefined {
  const plain = plainMathematics(withoutThinking(text));
  const stated = statements(plain).filter(({ denies }) => !denies);
  return (
    firstOf(stated, (one) => (one.form === "enclosed" ? enclosedValue(one) : directValue(one.text))) ??
    firstOf(stated, (one) => (one.form === "said" ? firstValue(one.text) : undefined)) ??
    reversedValue(plain) ??
    lastValue(plain) ??
    wordsAtEnd(plain)
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
  const plain = plainCharacters(text);
  return MARKUP.test(plain) ? withoutMarkup(plain) : plain;
}

function withoutMarkup(plain: string): string {
  return plain
    .replace(END_TOKEN, "")
    .replace(REFERENCE, "")
    .replace(DISPLAYED, (display) => display.replace(/\s{0,9}\n\s{0,9}/g, " "))
    .replace(EMPHASIS, (_, bold?: string, under?: string, thin?: string) => bold ?? under ?? thin!)
    .replace(LATEX_THOUSANDS, ",")
    .replace(STRAY_BACKSLASH, "")
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
