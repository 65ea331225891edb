import type { Response } from "../policy/policy.js";
import type { AnswerEvent } from "../sharpen/answer-events.js";
import { candidates, type Candidates } from "../sharpen/candidates.js";
import { count } from "../report/format.js";

/** A line that says how an answer comes along; ask for it after each event. */
export interface AnswerLine {
  readonly take: (event: AnswerEvent) => void;
  readonly text: () => string;
}

/** Of the best of `n` responses: how many are done, drawn and dropped, the tokens so far, and what leads. */
export function answerLine(n: number): AnswerLine {
  const standing = candidates(n);
  return {
    take: (event) => standing.take(event),
    text: () => {
      const { finished, drawing, dropped, tokens, leader } = standing;
      const parts = [`${finished} of ${n} done`, `${drawing} drawing`];
      if (dropped > 0) parts.push(`${dropped} dropped`);
      parts.push(`${count(tokens)} tokens`);
      const start = leader && leader.text.trim();
      if (leader) parts.push(`best ${score(leader.score)}${start === "" ? "" : `: ${start}`}`);
      return parts.join(" · ");
    },
  };
}

/**
 * Of several prompts with the best of `n` responses each: how many are answered, those of an earlier call included, and how the responses
 * to the others come along.
 */
export function answersLine(n: number, total: number, before = 0): AnswerLine {
  const open = new Map<string, Candidates>();
  let [answered, past] = [before, 0];
  let last: string | undefined;
  return {
    take: (event) => {
      const standing = open.get(event.promptId) ?? candidates(n);
      open.set(event.promptId, standing);
      standing.take(event);
      if (event.kind !== "chosen") return;
      answered++;
      past += event.tokens;
      last = event.chosen.text.trim();
      open.delete(event.promptId);
    },
    text: () => {
      const all = [...open.values()];
      const sum = (of: (standing: Candidates) => number): number => all.reduce((so, one) => so + of(one), 0);
      const parts = [`${answered} of ${total} answered`, `${sum(({ drawing }) => drawing)} drawing`];
      parts.push(`${count(past + sum(({ tokens }) => tokens))} tokens`);
      if (last) parts.push(`last: ${last}`);
      return parts.join(" · ");
    },
  };
}

function score(value: number): string {
  return value.toFixed(Number.isInteger(value) ? 0 : 1).replace("-", "−");
}

/** Every response with its score, the best first; one that was drawn several times stands once, with how often: `×5`. */
export function scoreLines(responses: readonly Pick<Response, "text">[], scores: readonly number[]): string {
  const ranked = responses
    .map(({ text }, i) => ({ text, score: scores[i]! }))
    .sort((a, b) => b.score - a.score);
  const times = new Map<string, { readonly first: (typeof ranked)[number]; count: number }>();
  for (const first of ranked) {
    const key = `${first.score.toFixed(3)} ${first.text}`;
    const seen = times.get(key);
    if (seen) seen.count++;
    else times.set(key, { first, count: 1 });
  }
  const all = [...times.values()];
  const width = Math.max(...all.map(({ count: often }) => String(often).length)) + 1;
  const repeats = all.some(({ count: often }) => often > 1);
  return all
    .map(({ first: { score: value, text }, count: often }) => {
      const mark = repeats ? `  ${(often > 1 ? `×${often}` : "").padEnd(width)}` : "";
      return `${value.toFixed(3).padStart(9)}${mark}  ${text}`;
    })
    .join("\n")
    .concat("\n");
}
