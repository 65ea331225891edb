import { literalText } from "./literal.js";
import { numberInWords } from "./number-words.js";
import { NUMBER_START, numberAt, type ReadNumber } from "./number-syntax.js";
import { equationSides, wholeValue, type Value } from "./whole-value.js";

/** Words that may stand between a mark and the value it announces. */
const FILLER =
  /^(?:[\s:*_>~#\u2248=]|\\(?:quad|;|,|!| )|(?:that|the|an?|is|are|be|of|in|it|to|it's|equal|equals|simply|just|exactly|only|approximately|about|around|roughly|nearly|almost|therefore|thus|hence|so|then|clearly|definitely|indeed|now|also|indeed|given|by|approx|option|choice|number|value|ca|circa|etwa|ungefähr|rund|genau|also|environ|exactement|donc|unos|aproximadamente|exactamente|circa|примерно|около|равен|равно|это|est|ist|es|è|é|like)(?![\p{L}\d])\.?|[是为為は约約大共])/iu;
const MOST_FILLERS = 24;
const ABBREVIATION =
  /(?:^|[^\p{L}])(?:approx|appr|ca|circa|no|nr|vs|rs|mr|mrs|dr|st|env|aprox|incl|e\.g|i\.e|etc|art|bzw)\.$/iu;
const REASON =
  /[,;]?\s(?:since|because|as|for which|which|given that|weil|da|denn|car|parce que|puisque|porque|ya que|perché|poiché|pois|потому что|так как)\s|[,;]\s?(?=\p{L})|因为|，因|;|[,，](?=\p{Lo})/u;
/** What makes the beginning of an expression of a number. */
const GOES_ON =
  /^(?:\s?\\(?:sqrt|pi|frac|dfrac|cdot|times|div|pm|ln|log|sin|cos|tan|theta|infty)|\s?[\u03C0\u221A^!]|\s?[*\u00D7\u00B7\u22C5\u00F7]\s?[\w\\(]|:\s?\d|\s?[-+/]\s?(?:\d|\\|[a-z](?![a-z]))|[a-zA-Z](?![a-zA-Z]))/u;
const EXPRESSION =
  /^(?:[^A-Za-z,;\n]|\\[A-Za-z]+|\b(?:sqrt|pi|sin|cos|tan|ln|log|am|pm|AM|PM|[A-Za-z])\b|(?<=\d)[a-zA-Z](?![a-zA-Z])|,(?=\d)){1,200}/u;

/** "One yard equals three feet" relates two things, and counts neither. */
const WORDS_EQUATED = /\s(?:equals?|is equal to)\s/i;

/** The first sentence of a text: to a full stop, exclamation or question mark or line break that ends one. */
export function firstSentence(text: string): string {
  for (const end of sentenceEnds(text)) return text.slice(0, end);
  return text;
}

/** Where the signs stand that end sentences; the point of an abbreviation ends none. */
export function* sentenceEnds(text: string): Generator<number> {
  const ends = /[.!?](?=["'\u201D*)\]}_$]{0,4}(?:\s|$))|[\u3002\n]/gu;
  for (const { index, 0: sign } of text.matchAll(ends)) {
    const before = text.slice(Math.max(0, index - 12), index + 1);
    if (sign !== "." || !ABBREVIATION.test(before)) yield index;
  }
}

/**
 * The value that a statement begins with, a few words such as "about" or "x =" before it; with its sign, unit and what makes it an
 * expression.
 */
export function directValue(statement: string): Value | undefined {
  const lead = skipFillers(statement);
  const sentence = firstSentence(lead);
  return readClause(sentence) ?? readClause(sentence.replace(/^[A-Za-z](?:\([a-z]\))?\s?=\s?/, ""));
}

/** The first value anywhere in the first sentence of a statement; of its last side if it is an equation. */
export function firstValue(statement: string): Value | undefined {
  const sentence = firstSentence(statement.trimStart());
  const side = sentence.slice(sentence.lastIndexOf("=") + 1);
  const number = numbersIn(side)[0] ?? numbersIn(sentence)[0];
  if (number) return valueOf(number);
  const words = WORDS_EQUATED.test(sentence) ? undefined : numberInWords(sentence);
  return words === undefined ? undefined : { kind: "number", text: words };
}

function skipFillers(statement: string): string {
  let rest = statement;
  for (let count = 0; count < MOST_FILLERS; count++) {
    const filler = FILLER.exec(rest)?.[0];
    if (filler === undefined || filler === "") break;
    rest = rest.slice(filler.length);
  }
  return rest;
}

function readClause(sentence: string): Value | undefined {
  const clause = withoutReason(sentence);
  const whole = isProseEquation(clause) ? undefined : wholeValue(clause);
  return whole ?? delimited(sentence) ?? bracketed(clause) ?? leading(clause) ?? leadingWords(clause);
}

/** "Tom sells 16 - 3 = 13 eggs" reasons, where `total = 13` and `16 - 3 = 13` state. */
function isProseEquation(clause: string): boolean {
  const [left, ...right] = equationSides(clause);
  return right.length > 0 && /[A-Za-z]{3}/.test(left!) && /\d/.test(left!) && !/[\\$]/.test(left!);
}

/** What comes before "because", a semicolon or the comma that begins another clause. */
function withoutReason(sentence: string): string {
  const at = sentence.search(REASON);
  return at <= 0 || !/[\p{N}\p{L}]/u.test(sentence.slice(0, at)) ? sentence : sentence.slice(0, at);
}

const DELIMITED =
  /^[\s*_"']{0,6}(?:\$\$([^$]{1,300})\$\$|\$([^\s$][^$\n]{0,300}?)(?<!\s)\$(?!\d)|\\\(([\s\S]{1,300}?)\\\)|\\\[([\s\S]{1,300}?)\\\]|`([^`\n]{1,200})`|\*\*([^*\n]{1,200})\*\*)/;

/** Mathematics, code or emphasis at the start: its content as a whole. */
function delimited(clause: string): Value | undefined {
  const [, ...contents] = DELIMITED.exec(clause) ?? [];
  const content = contents.find((one) => one !== undefined);
  return content === undefined ? undefined : (wholeValue(content) ?? directValue(content));
}

/** An interval, tuple or set at the start. */
function bracketed(clause: string): Value | undefined {
  const run = /^\s{0,4}\\?[([{][^()[\]{}\n]{1,120}\\?[)\]}]/.exec(clause)?.[0];
  if (run === undefined || !/[,;|]/.test(run)) return undefined;
  const text = literalText(run);
  return text === undefined ? undefined : { kind: "literal", text };
}

/** A number at the start with what makes it an expression; its unit is left out. */
function leading(clause: string): Value | undefined {
  NUMBER_START.lastIndex = 0;
  const at = NUMBER_START.exec(clause)?.index;
  const read = at === undefined ? undefined : numberAt(clause, at);
  if (read === undefined || !/^[\s*_"'(+$\\~\u20AC\u00A3\u00A5]{0,6}$/.test(clause.slice(0, read.start)))
    return undefined;
  if (!GOES_ON.test(clause.slice(read.end))) return valueOf(read);
  const run = EXPRESSION.exec(clause)?.[0] ?? "";
  return wholeValue(run) ?? wholeValue(run.replace(/\s[A-Za-z]\s*$/, "")) ?? valueOf(read);
}

function leadingWords(clause: string): Value | undefined {
  const start = /^[\s*_"']{0,6}((?:minus |negative )?[A-Za-z]+)/i.exec(clause)?.[1];
  if (start === undefined || numberInWords(start) === undefined || WORDS_EQUATED.test(clause))
    return undefined;
  const text = numberInWords(clause);
  return text === undefined ? undefined : { kind: "number", text };
}

/** The numbers of a text, from left to right. */
export function numbersIn(text: string): ReadNumber[] {
  const found: ReadNumber[] = [];
  let from = 0;
  for (;;) {
    NUMBER_START.lastIndex = from;
    const at = NUMBER_START.exec(text)?.index;
    if (at === undefined) return found;
    const read = numberAt(text, at);
    if (read) found.push(read);
    from = Math.max(read?.end ?? 0, at + 1);
  }
}

/** A number as a value. */
export function valueOf({ value, figure }: ReadNumber): Value {
  return { kind: "number", text: value, ...(figure !== undefined && { figure }) };
}
