import type { Split, Task } from "./task.js";

const SPLITS: readonly Split[] = ["train", "validation", "test"];

/**
 * What a task breaks of its contract, one sentence each; empty if nothing.
 * @param responses texts as a model might give them, right and wrong ones, and ones without an answer.
 * @example
 * ```ts
 * import { findTask } from "whetstone";
 * import { taskViolations } from "whetstone/testing";
 * console.log(taskViolations(await findTask("game24"), ["4*6=24 (left: 24)", "no idea"])); // → []
 * ```
 */
export function taskViolations(task: Task, responses: readonly string[]): readonly string[] {
  const prompts = SPLITS.flatMap((split) => task.prompts(split));
  return [
    ...promptViolations(task),
    ...responses.flatMap((text) => extractViolations(task, text)),
    ...prompts.flatMap(({ id }) => gradeViolations(task, id, responses)),
  ];
}

/** Prompts: some, each once, with a text, in a fixed order. */
function promptViolations(task: Task): string[] {
  const found: string[] = [];
  const prompts = SPLITS.flatMap((split) => task.prompts(split));
  const ids = prompts.map(({ id }) => id);
  if (ids.length === 0) found.push("no split has a prompt");
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
  for (const id of new Set(twice)) found.push(`the prompt "${id}" is there more than once`);
  for (const { id, text } of prompts) if (text === "") found.push(`the prompt "${id}" has no text`);
  const again = SPLITS.flatMap((split) => task.prompts(split).map(({ id }) => id));
  if (again.join("\n") !== ids.join("\n")) found.push("the prompts come in another order the second time");
  if (!/^[0-9a-f]{64}$/.test(task.digest)) found.push(`"${task.digest}" is not the hex of a SHA-256 digest`);
  if (!Number.isInteger(task.maxTokens) || task.maxTokens < 1)
    found.push(`maxTokens is ${task.maxTokens}, not a whole number of 1 or more`);
  if (task.chance !== undefined && !(task.chance > 0 && task.chance < 1))
    found.push(`chance is ${task.chance}, not between 0 and 1`);
  return found;
}

/** An answer is a canonical text, the same each time. */
function extractViolations(task: Task, text: string): string[] {
  const answer = task.extract(text);
  const quoted = JSON.stringify(text.slice(0, 40));
  if (answer !== task.extract(text)) return [`the answer in ${quoted} differs the second time`];
  return answer === "" ? [`the answer in ${quoted} is an empty text; undefined says that there is none`] : [];
}

/** A prompt has a label for every response or for none, and equal answers have equal grades. */
function gradeViolations(task: Task, id: string, responses: readonly string[]): string[] {
  const found: string[] = [];
  const grades = responses.map((text) => task.grade(id, text));
  const labelled = grades.some((grade) => grade !== undefined);
  if (labelled && grades.includes(undefined)) found.push(`the prompt "${id}" grades some responses only`);
  const byAnswer = new Map<string, boolean | undefined>();
  responses.forEach((text, i) => {
    const answer = task.extract(text);
    if (answer === undefined) return;
    if (byAnswer.has(answer) && byAnswer.get(answer) !== grades[i])
      found.push(
        `the prompt "${id}" grades two responses of the answer ${JSON.stringify(answer)} differently`,
      );
    byAnswer.set(answer, grades[i]);
  });
  return found;
}
