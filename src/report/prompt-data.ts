import { visibleText } from "../core/visible-text.js";
import type { PromptRow, ResponseRow } from "./report-input.js";

/**
 * A response in the page's JSON block: index, position of its text in `texts`, tokens, log π, log π per token,
 * self-certainty, position of its answer in `answers` (−1: none), correct (1, 0, −1: unknown), positions of the
 * rewards that chose it (0: none).
 */
export type CompactResponse = readonly [
  index: number,
  text: number,
  tokens: number,
  logProb: number,
  perToken: number,
  certainty: number | null,
  answer: number,
  correct: 1 | 0 | -1,
  chosenBy: readonly number[] | 0,
];

/** A prompt's responses in the JSON block; equal texts and answers are stored once. */
export interface CompactPrompt {
  readonly texts: readonly string[];
  readonly answers: readonly string[];
  readonly responses: readonly CompactResponse[];
}

/** What the page's script reads. */
export interface BrowserData {
  readonly rewards: readonly string[];
  readonly labelled: boolean;
  readonly prompts: readonly CompactPrompt[];
}

/** How much of the responses the page holds; the run folder holds everything. */
export interface Limits {
  /** Characters kept of a text; Infinity keeps all. */
  readonly text: number;
  /** Whether responses that no reward chose are kept. */
  readonly unchosen: boolean;
  /** Prompts kept, the first ones. */
  readonly prompts: number;
}

/** What is said of a prompt in one line. */
export interface PromptSummary {
  readonly correct: number;
  readonly labelled: boolean;
  /** Distinct answers, or distinct texts where no answer was found. */
  readonly answers: number;
  /** Distinct answers among those that the rewards chose. */
  readonly chosenAnswers: number;
  readonly bestLogProb: number;
}

/** Names of the rewards that chose anything: those in `order` first, then others as they appear. */
export function rewardNames(prompts: readonly PromptRow[], order: readonly string[] = []): string[] {
  const seen = new Set(prompts.flatMap((p) => p.responses.flatMap((r) => r.chosenBy)));
  return [...new Set([...order.filter((name) => seen.has(name)), ...seen])];
}

/** A text that may be shown: invisible characters made visible, cut to the limit with a note of what is left out. */
export function shownText(text: string, limits: Limits): string {
  if (text.length <= limits.text) return visibleText(text);
  return `${visibleText(text.slice(0, limits.text))} … [${text.length - limits.text} more characters in the run folder]`;
}

/** The JSON block's value. */
export function browserData(
  prompts: readonly PromptRow[],
  rewards: readonly string[],
  limits: Limits,
): BrowserData {
  const kept = prompts.slice(0, limits.prompts);
  const labelled = kept.some((p) => p.responses.some((r) => r.correct !== undefined));
  return {
    rewards: rewards.map(visibleText),
    labelled,
    prompts: kept.map((p) => compact(p, rewards, limits)),
  };
}

function compact(prompt: PromptRow, rewards: readonly string[], limits: Limits): CompactPrompt {
  const texts = new Map<string, number>();
  const answers = new Map<string, number>();
  const responses = prompt.responses
    .filter((r) => limits.unchosen || r.chosenBy.length > 0)
    .map((r): CompactResponse => {
      const chosen = r.chosenBy.map((name) => rewards.indexOf(name)).filter((i) => i >= 0);
      return [
        r.index,
        position(texts, shownText(r.text, limits)),
        r.tokens,
        round(r.logProb, 3),
        round(r.lengthNormalized, 4),
        r.selfCertainty === undefined ? null : round(r.selfCertainty, 4),
        r.answer === undefined ? -1 : position(answers, shownText(r.answer, limits)),
        r.correct === undefined ? -1 : r.correct ? 1 : 0,
        chosen.length === 0 ? 0 : chosen,
      ];
    });
  return { texts: [...texts.keys()], answers: [...answers.keys()], responses };
}

function position(known: Map<string, number>, text: string): number {
  const at = known.get(text) ?? known.size;
  known.set(text, at);
  return at;
}

function round(value: number, decimals: number): number {
  return Math.round(value * 10 ** decimals) / 10 ** decimals;
}

/** The one-line figures of a prompt. */
export function summarize(prompt: PromptRow): PromptSummary {
  const key = (r: ResponseRow): string => (r.answer === undefined ? `text ${r.text}` : `answer ${r.answer}`);
  const { responses } = prompt;
  return {
    correct: responses.filter((r) => r.correct === true).length,
    labelled: responses.some((r) => r.correct !== undefined),
    answers: new Set(responses.map(key)).size,
    chosenAnswers: new Set(responses.filter((r) => r.chosenBy.length > 0).map(key)).size,
    bestLogProb: responses.reduce((best, r) => Math.max(best, r.logProb), -Infinity),
  };
}

/**
 * One line for each prompt: what all prompts begin with and end with (a shared instruction, a template) is left
 * out, so that the lines differ where the prompts do.
 */
export function shortLabels(prompts: readonly PromptRow[], length = 140): string[] {
  const lines = prompts.map((p) => visibleText(p.text).replace(/\s+/g, " ").trim());
  const first = lines[0] ?? "";
  let start = lines.length < 2 ? 0 : first.length;
  let end = start;
  for (const line of lines) {
    start = commonLength(first, line, start, false);
    end = commonLength(first, line, end, true);
  }
  // A short common part is part of the prompt, not a template.
  if (start < 20) start = 0;
  else start = first.lastIndexOf(" ", start - 1) + 1;
  if (end < 20) end = 0;
  return lines.map((line) => {
    const middle = line.slice(start, Math.max(start, line.length - end)).trim() || line;
    const cut = middle.length > length ? `${visibleText(middle.slice(0, length))} …` : middle;
    return `${start > 0 && middle !== line ? "… " : ""}${cut}`;
  });
}

function commonLength(a: string, b: string, most: number, fromEnd: boolean): number {
  const limit = Math.min(most, a.length, b.length);
  let n = 0;
  while (n < limit && (fromEnd ? a.at(-1 - n) === b.at(-1 - n) : a[n] === b[n])) n++;
  return n;
}
