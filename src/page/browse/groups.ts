import type { CompactPrompt, CompactText } from "./data.js";

/** The responses of a prompt that give one answer. */
export interface AnswerGroup {
  /** The answer; the text itself where it is its own answer; undefined where there is none. */
  readonly answer: string | undefined;
  /** How often each policy drew it, in the order of the policies. */
  readonly times: readonly number[];
  readonly correct: 1 | 0 | -1;
  /** Positions of the choosers that took one of its texts. */
  readonly by: readonly number[];
  /** The most drawn first. */
  readonly texts: readonly CompactText[];
}

/** What was drawn for a prompt by distinct answer, the one that the base drew most often first. Responses without an answer are one group. */
export function groupsOf({ answers, texts }: CompactPrompt, policies: number): AnswerGroup[] {
  const groups = new Map<number, CompactText[]>();
  for (const text of texts) {
    const own = groups.get(text[5]);
    if (own) own.push(text);
    else groups.set(text[5], [text]);
  }
  return [...groups]
    .map(([at, own]) => groupOf(own, at < 0 ? undefined : answers[at] || own[0]![0], policies))
    .sort(moreDrawn);
}

function groupOf(texts: readonly CompactText[], answer: string | undefined, policies: number): AnswerGroup {
  const times = Array.from({ length: policies }, (_, policy) =>
    texts.reduce((sum, text) => sum + (text[1][policy] ?? 0), 0),
  );
  const marks = new Set(texts.map((text) => text[6]));
  return {
    ...{ answer, times },
    correct: marks.size === 1 ? texts[0]![6] : -1,
    by: [...new Set(texts.flatMap((text) => text[7] ?? []))].sort((a, b) => a - b),
    texts: texts.toSorted((a, b) => (b[1][0] ?? 0) - (a[1][0] ?? 0)),
  };
}

function moreDrawn(a: AnswerGroup, b: AnswerGroup): number {
  return b.times[0]! - a.times[0]! || b.by.length - a.by.length;
}
