import { visibleText } from "../core/visible-text.js";
import type { BrowserHead, CompactPrompt, CompactText } from "../page/browse/data.js";
import { methodName } from "./format.js";
import type { PromptRow, ResponseRow } from "./report-input.js";

/** What the page's script reads. */
export interface BrowserData extends BrowserHead {
  /** What was left out to keep the page small, in words; absent where nothing was. */
  readonly cut?: string;
  readonly prompts: readonly CompactPrompt[];
}

/** How much of the responses the page holds; the run folder holds everything. */
interface Limits {
  /** Characters kept of a text; Infinity keeps all. */
  readonly text: number;
  /** Whether texts that nobody took are kept. */
  readonly untaken: boolean;
  /** Prompts kept, the first ones. */
  readonly prompts: number;
}

const EVERYTHING: Limits = { text: Infinity, untaken: true, prompts: Infinity };

/** The prompts' part may take this much of a page of less than 8 MB. */
const BUDGET_BYTES = 7_000_000;
/** Texts that only adapters drew are listed from so many draws on, and so many of them. */
const ADAPTERS_OWN = { times: 3, texts: 3 };

/** Answers of so many characters stand in the page whatever their text. */
const SHORT = 10;

/** Tried in turn until the prompts' part fits. */
const STEPS: readonly Limits[] = [
  EVERYTHING,
  ...[4000, 2000, 1000, 500, 250, 120].map((text) => ({ ...EVERYTHING, text })),
  ...[1000, 250, 120].map((text) => ({ ...EVERYTHING, text, untaken: false })),
  ...[2000, 1000, 500, 250].map((prompts) => ({ text: 120, untaken: false, prompts })),
];

/**
 * The JSON block's value: everything, or as much as fits.
 * @param order of the self-rewards. @param sampleOf how many prompts there are, where these are but a sample of them.
 */
export function fittingData(
  prompts: readonly PromptRow[],
  order: readonly string[] = [],
  budget = BUDGET_BYTES,
  sampleOf?: number,
): BrowserData {
  const rewards = rewardNames(prompts, order);
  const within = (limits: Limits): BrowserData => {
    const cut = cutInWords(prompts.length, limits, sampleOf);
    return { ...browserData(prompts, rewards, limits), ...(cut !== undefined && { cut }) };
  };
  let data = within(EVERYTHING);
  for (const limits of STEPS.slice(1)) {
    if (Buffer.byteLength(JSON.stringify(data)) <= budget) break;
    data = within(limits);
  }
  return data;
}

/** Undefined where nothing was left out. */
function cutInWords(
  total: number,
  { text, untaken, prompts }: Limits,
  sampleOf: number | undefined,
): string | undefined {
  const parts = [
    ...(sampleOf === undefined
      ? []
      : [`a sample of ${total} of ${sampleOf} prompts, evenly spread, is listed`]),
    ...(text < Infinity ? [`texts are cut to ${text} characters`] : []),
    ...(untaken ? [] : ["only responses that a self-reward chose are listed"]),
    ...(prompts < total ? [`only the first ${prompts} of ${total} prompts are listed`] : []),
  ];
  if (parts.length === 0) return undefined;
  return `To keep this page small, ${parts.join("; ")}. The run folder holds everything.`;
}

/** Names of the rewards that chose anything: those in `order` first, then others as they appear. */
function rewardNames(prompts: readonly PromptRow[], order: readonly string[]): string[] {
  const seen = new Set(prompts.flatMap((p) => p.responses.flatMap((r) => r.chosenBy)));
  return [...new Set([...order.filter((name) => seen.has(name)), ...seen])];
}

function browserData(prompts: readonly PromptRow[], rewards: readonly string[], limits: Limits): BrowserData {
  const kept = prompts.slice(0, limits.prompts);
  const adapters = [...new Set(kept.flatMap((p) => Object.keys(p.adapters ?? {})))];
  const labels = shortLabels(kept);
  return {
    ...browserHead(adapters, rewards),
    labelled: kept.some((p) => p.responses.some((r) => r.correct !== undefined)),
    prompts: kept.map((p, i) => compact(p, labels[i]!, { rewards, adapters, limits })),
  };
}

/** Who draws and who chooses, in the order in which a prompt's texts refer to them. */
export function browserHead(
  adapters: readonly string[],
  rewards: readonly string[],
): Pick<BrowserHead, "policies" | "choosers"> {
  const greedy = adapters.map((name) => `${methodName(name)} greedy`);
  return {
    policies: ["base", ...adapters.map((name) => methodName(name))],
    choosers: ["greedy", ...greedy, ...rewards].map(visibleText),
  };
}

/** A prompt with all that was drawn for it, whole. @param label its line, as `shortLabels` gives it. */
export function wholePrompt(
  prompt: PromptRow,
  label: string,
  adapters: readonly string[],
  rewards: readonly string[],
): CompactPrompt {
  return compact(prompt, label, { rewards, adapters, limits: EVERYTHING });
}

/** A text while it is being gathered. */
interface Gathered {
  readonly times: number[];
  readonly by: Set<number>;
  response?: ResponseRow;
  correct?: boolean | undefined;
}

interface Around {
  readonly rewards: readonly string[];
  readonly adapters: readonly string[];
  readonly limits: Limits;
}

function compact(prompt: PromptRow, label: string, { rewards, adapters, limits }: Around): CompactPrompt {
  const texts = gather(prompt, rewards, adapters);
  const answers = new Map<string, number>();
  const shown = shownText(prompt.text, limits);
  const kept = [...texts].filter(([, { by }]) => limits.untaken || by.size > 0);
  const listed = kept.map(([text, { times, by, response, correct }]): CompactText => {
    const told = [
      shownText(text, limits),
      withoutZeros(times),
      response?.tokens ?? null,
      response ? round(response.logProb, 3) : null,
      response?.selfCertainty === undefined ? null : round(response.selfCertainty, 2),
      response?.answer === undefined ? -1 : position(answers, shownText(response.answer, limits)),
      correct === undefined ? -1 : correct ? 1 : 0,
    ] as const;
    return by.size === 0 ? told : [...told, [...by]];
  });
  return {
    id: shownText(prompt.id, limits),
    text: shown,
    ...(label !== shown && { label }),
    answers: tellingAnswers([...answers.keys()], listed),
    texts: listed,
  };
}

/** The answers, without the zeros at the end; 0 where one says nothing that its text does not: it is that text's alone, and more than half as long. */
function tellingAnswers(answers: readonly string[], texts: readonly CompactText[]): (string | 0)[] {
  const telling = answers.map((answer, at) => {
    const own = texts.filter((text) => text[5] === at);
    return answer.length <= SHORT || own.length > 1 || 2 * answer.length <= own[0]![0].length ? answer : 0;
  });
  return withoutZeros(telling);
}

/** Without the zeros at the end: most texts are drawn by few, and have answers of their own. */
function withoutZeros<T>(values: readonly T[]): T[] {
  return values.slice(0, values.findLastIndex((value) => value !== 0) + 1);
}

/** The distinct texts of a prompt: all that the base drew, and the adapters' greedy and most frequent ones. */
function gather(
  { greedy, responses, adapters: drawn = {} }: PromptRow,
  rewards: readonly string[],
  adapters: readonly string[],
): Map<string, Gathered> {
  const texts = new Map<string, Gathered>();
  const of = (text: string): Gathered => {
    const entry = texts.get(text) ?? { times: Array<number>(1 + adapters.length).fill(0), by: new Set() };
    texts.set(text, entry);
    return entry;
  };
  const firstReward = 1 + adapters.length;
  for (const response of responses) {
    const entry = of(response.text);
    entry.times[0]!++;
    entry.response ??= response;
    entry.correct ??= response.correct;
    for (const name of response.chosenBy) entry.by.add(firstReward + rewards.indexOf(name));
  }
  if (greedy) {
    const entry = of(greedy.text);
    entry.by.add(0);
    entry.correct ??= greedy.correct;
  }
  for (const [at, name] of adapters.entries()) {
    const own = (drawn[name] ?? []).toSorted((a, b) => b.times - a.times);
    let more = 0;
    for (const { text, times, correct, greedy: best } of own) {
      const listed =
        texts.has(text) || best === true || (times >= ADAPTERS_OWN.times && more++ < ADAPTERS_OWN.texts);
      if (!listed) continue;
      const entry = of(text);
      entry.times[1 + at] = times;
      entry.correct ??= correct;
      if (best) entry.by.add(1 + at);
    }
  }
  return texts;
}

/** A text that may be shown: invisible characters made visible, cut to the limit with a note of what is left out. */
function shownText(text: string, limits: Pick<Limits, "text">): string {
  if (text.length <= limits.text) return visibleText(text);
  return `${visibleText(text.slice(0, limits.text))} … [${text.length - limits.text} more characters in the run folder]`;
}

function position(known: Map<string, number>, text: string): number {
  const at = known.get(text) ?? known.size;
  known.set(text, at);
  return at;
}

function round(value: number, decimals: number): number {
  return Math.round(value * 10 ** decimals) / 10 ** decimals;
}

/**
 * One line for each prompt: what all prompts begin with and end with (a shared instruction, a template) is left
 * out, so that the lines differ where the prompts do.
 */
export function shortLabels(prompts: readonly Pick<PromptRow, "text">[], length = 140): string[] {
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
