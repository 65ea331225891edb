import type { PromptRecord } from "../run/records.js";
import type { Run } from "../run/run.js";
import { settlePrompts, type PromptChanges } from "../run/settle-prompts.js";
import type { Task } from "../task/task.js";
import type { PromptSplit } from "./prompts.js";

/** A remark for people. */
type Note = ((text: string) => void) | undefined;

const SPLITS = ["test", "train", "validation"] as const;

/** Every prompt of a split as prompts.jsonl has them, in its order. */
const recordsOf = (split: PromptSplit): PromptRecord[] =>
  SPLITS.flatMap((name) =>
    split[name].map(({ id, text, messages }) => ({
      ...{ id, text, ...(messages && { messages }) },
      split: name,
    })),
  );

/**
 * Brings a run into line with its task, whose prompts or labels may have changed since: see `settlePrompts`. What has become of
 * them is told in one line.
 * @throws as `settlePrompts`.
 */
export async function settleTask(run: Run, task: Task, split: PromptSplit, note?: Note): Promise<void> {
  const changes = await settlePrompts(run, task.digest, recordsOf(split));
  if (changes) note?.(changesInWords(task.name, changes));
}

/**
 * Writes down the prompts that a run draws for, once each, in the order of the split; the task is settled before.
 * @param train how many of the training prompts; 0 for none, and none for validation.
 * @throws as `settlePrompts`.
 */
export async function recordPrompts(
  run: Run,
  task: Task,
  split: PromptSplit,
  train: number,
  note?: Note,
): Promise<void> {
  await settleTask(run, task, split, note);
  const log = await run.promptLog();
  const learned = { train: split.train.slice(0, train), validation: train > 0 ? split.validation : [] };
  for (const record of recordsOf({ ...split, ...learned })) if (!log.has(record.id)) log.append(record);
  const places = new Map(recordsOf(split).map(({ id }, place) => [id, place]));
  await log.sort((a, b) => places.get(a.id)! - places.get(b.id)!);
}

function changesInWords(task: string, { added, removed, changed, restored }: PromptChanges): string {
  const parts = [
    [added, "to be measured are new"],
    [removed, "are gone"],
    [changed, "have another text or use"],
    [restored, "are back with what was drawn for them"],
  ] as const;
  const told = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return told.length === 0
    ? `The labels of ${task}, or how its answers are read, have changed since the run was made; its prompts have not.`
    : `The prompts of ${task} have changed: ${told.join(", ")}; what was drawn for the others is kept.`;
}
