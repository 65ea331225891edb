import type { AnswerEvent } from "../sharpen/answer-events.js";
import { candidates } from "../sharpen/candidates.js";
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

function score(value: number): string {
  return value.toFixed(Number.isInteger(value) ? 0 : 1).replace("-", "−");
}

/** The columns of a terminal that a text takes, if characters that may be two columns wide are. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

function columnsOf(character: string): number {
  return character.codePointAt(0)! < 0x1100 ? 1 : 2;
}

/**
 * A text cut to so many columns of a terminal, on one line: characters that would move the cursor become spaces, and those that
 * may be two columns wide count as two.
 */
export function fitLine(text: string, columns: number): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ");
  let width = 0;
  let line = "";
  for (const character of plain) {
    width += columnsOf(character);
    if (width > columns) return `${line.replace(/.$/su, "")}…`;
    line += character;
  }
  return line;
}
