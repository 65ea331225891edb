import type { AnswerRecord } from "../sharpen/answer-record.js";
import type { Answers } from "../sharpen/answers-file.js";
import type { Context } from "./context.js";
import { fitLine, padEndTo } from "../report/columns.js";

/** Answers that are shown; the file has all. */
const MOST_SHOWN = 20;
const PROMPT_WIDTH = 32;
const LINE_WIDTH = 80;

/** Ends a run on prompts without labels with what it was for: each prompt's answer on a line, and where all of them are. */
export function tellAnswers({ answers, path }: Answers, context: Context): void {
  context.say(`\nAnswers, chosen by ${answers[0]!.reward}:`);
  context.say(answerLines(answers));
  context.say(`Answers: ${path}`);
}

/** The first answers, one a line beside its prompt, in 80 columns; how many more there are stands below. */
function answerLines(answers: readonly Pick<AnswerRecord, "prompt" | "text">[]): string {
  const lines = answers.slice(0, MOST_SHOWN).map(({ prompt, text }) => {
    const asked = padEndTo(fitLine(prompt.trim(), PROMPT_WIDTH), PROMPT_WIDTH + 2);
    return `  ${asked}${fitLine(text.trim(), LINE_WIDTH - PROMPT_WIDTH - 4)}`;
  });
  if (answers.length > MOST_SHOWN) lines.push(`  and ${answers.length - MOST_SHOWN} more`);
  return lines.join("\n");
}
