/**
 * The answer of a response that is a word or two: `positive`, `Paris`, `not enough information`. Folded, so that case, accents' encodings, dots
 * at the ends, quotes and emphasis do not matter. Looked for where the response states its answer (`statements`); else it is the verdict that
 * the response begins with ("True. Alex is not shy."); else the last line: what follows its field ("Sentiment: positive"), or the last "is" of its sentences.
 */
import { plainCharacters } from "./characters.js";
import { statements } from "./final-statement.js";
import { withoutThinking } from "./thinking.js";
import { firstSentence } from "./value-in-text.js";

const LONGEST_WORDS = 4;
const DRESS =
  /^[\s"'`*_~.,;:!?()[\]{}<>#\u201C\u201D\u00AB\u00BB\u300C\u300D\u3002\u2026-]+|[\s"'`*_~.,;:!?()[\]{}<>#\u201C\u201D\u00AB\u00BB\u300C\u300D\u3002\u2026-]+$/gu;
const LEAD =
  /^(?:(?:i'd|i would|i'll|i) (?:say|call it|choose|pick|guess|think)(?: that| it's| it is)?|it's|the|an?|is|that|it|be|clearly|definitely|probably|most likely)\s+/u;
/** `Sentiment: positive`: a field of a word or two before what it holds. */
const FIELD = /(?:^|[.!?]\s)[\p{L} ]{2,24}:\s+(?=\S)/gu;
const COPULA = /(?:^|\s)(?:is|are|was|were|be|as|:|=|ist|est|es|è|é)\s+(?=\S)/gu;
const VERDICT = /^(?:yes|no|true|false|ja|nein|oui|non|sí|si|да|нет|是|否)(?=[\s,.;:!])/u;

/** `U.S.A.` */
const INITIALS = /(?<!\p{L})(?:\p{L}\.){2,}/gu;
/** A verdict with a sign behind it, at the start. */
const OPENING = /^[*_"'`]{0,4}(yes|no|true|false|ja|nein|oui|non|sí|si|да|нет|是|否)[*_"'`]{0,4}[,.;:!]/u;

/** The folded answer; see the top of the file. Undefined if the text is blank or nothing but signs. */
export function shortLabel(text: string): string | undefined {
  const plain = plainCharacters(withoutThinking(text));
  for (const { text: stated, form } of statements(plain)) {
    const sentence = form === "enclosed" ? stated : firstSentence(stated.replace(/^[\s*_"'`:]+/, ""));
    const label = fold(sentence.replace(/\\(?:text|textbf|mathrm)\s?(?=\{)/g, ""));
    const short = label === undefined ? undefined : shortest(label);
    if (short !== undefined) return short;
  }
  const opening = OPENING.exec(plain.trimStart().slice(0, 40).toLowerCase())?.[1];
  if (opening !== undefined) return opening;
  const line = plain.trim().split("\n").at(-1) ?? "";
  const whole = fold(line);
  return whole === undefined
    ? undefined
    : (afterField(whole) ?? afterCopula(whole) ?? shortest(whole) ?? whole);
}

/** A label as it stands, folded. @returns undefined for a label without a letter or digit. */
export function foldedLabel(label: string): string | undefined {
  const plain = fold(plainCharacters(label));
  return plain === undefined || !/[\p{L}\p{N}]/u.test(plain) ? undefined : plain;
}

/** Whether a text is short enough to be compared as a label. */
export function isShortLabel(text: string): boolean {
  return text.length <= 60 && !text.includes("\n") && wordsOf(text) <= LONGEST_WORDS;
}

function fold(text: string): string | undefined {
  const folded = text
    .toLowerCase()
    .replace(INITIALS, (initials) => initials.replaceAll(".", ""))
    .replace(DRESS, "")
    .replace(/\s+/g, " ");
  return folded === "" ? undefined : folded;
}

/** The words if they are few; of "yes, because …" the verdict. */
function shortest(folded: string): string | undefined {
  const verdict = VERDICT.exec(folded)?.[0];
  if (verdict !== undefined) return verdict;
  const first = fold(folded.split(/[,;(]|\s(?:because|since|as|for|due to)\s/u)[0]!.replace(LEAD, ""));
  return first !== undefined && wordsOf(first) <= LONGEST_WORDS - 1 ? first : undefined;
}

function afterField(folded: string): string | undefined {
  let from = -1;
  for (const { index, 0: words } of folded.matchAll(FIELD)) from = index + words.length;
  return from < 0 ? undefined : shortest(folded.slice(from));
}

function afterCopula(folded: string): string | undefined {
  let from = -1;
  for (const { index, 0: words } of folded.matchAll(COPULA)) from = index + words.length;
  return from < 0 ? undefined : shortest(folded.slice(from));
}

function wordsOf(text: string): number {
  return text.split(/\s+/).filter(Boolean).length;
}
