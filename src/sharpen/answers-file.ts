import { join } from "node:path";
import { writeAtomically } from "../core/files.js";
import type { RunReader } from "../run/read-run.js";
import type { Task } from "../task/task.js";
import { answerRecord, type AnswerRecord } from "./answer-record.js";
import { drawnPrompts } from "./drawn-prompts.js";

/** What was written. */
export interface Answers {
  readonly path: string;
  readonly answers: readonly AnswerRecord[];
}

/**
 * Writes answers.jsonl into a finished run: what a self-reward chose for each prompt that was measured. Only where the task has no
 * label for any of them, so that the answers are what the run was for.
 * @param reward one that the run has chosen by.
 * @returns undefined where there are labels, or no choices of the reward's.
 * @throws RunError as `drawnPrompts`, and where the file cannot be written.
 */
export async function writeAnswers(run: RunReader, task: Task, reward: string): Promise<Answers | undefined> {
  const drawn = await drawnPrompts(run);
  if (drawn.some(({ prompt }) => task.grade(prompt.id, "") !== undefined)) return undefined;
  const selections = (await run.selections()).filter((selection) => selection.reward === reward);
  const byPrompt = new Map(selections.map((selection) => [selection.promptId, selection]));
  const answers = drawn.flatMap(({ prompt, responses }) => {
    const selection = byPrompt.get(prompt.id);
    if (selection === undefined) return [];
    const chosen = responses.find(({ index }) => index === selection.chosen)!;
    const best = { prompt, chosen, finished: responses, scores: selection.scores };
    return [answerRecord(best, { reward, extract: (text) => task.extract(text) })];
  });
  if (answers.length === 0) return undefined;
  const path = join(run.dir, "answers.jsonl");
  await writeAtomically(path, answers.map((answer) => `${JSON.stringify(answer)}\n`).join(""));
  return { path, answers };
}
