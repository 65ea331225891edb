import { basename } from "node:path";
import { DataError, UsageError } from "../core/errors.js";
import { sha256 } from "../core/files.js";
import type { Prompt } from "../policy/policy.js";
import { chosenGrader } from "./choose-grader.js";
import { graderNamed, type Grader, type GraderName, type Label } from "./graders.js";
import { checkText, shorten, type RawRow } from "./json-lines.js";
import { promptOfRow, type PromptForm } from "./prompt-form.js";
import { readPromptRows } from "./prompt-files.js";
import { promptRow, type PromptRow } from "./prompt-row.js";
import { labelsOf, notesOf } from "./row-notes.js";
import type { Split, Task } from "./task.js";

export interface JsonlOptions extends PromptForm {
  /** How answers are compared; default what suits the labels, see `chosenGrader`. */
  readonly grader?: GraderName | Grader;
  /** The longest response worth drawing, in tokens; default 512, as in the paper's experiments. */
  readonly maxTokens?: number;
  /** `line`: prompts without an id are named by their line, as run folders of format 1 know them. Default: by their text. */
  readonly ids?: "line";
}

const LONGEST_ID = 200;
/** Hex digits of a text's digest in its name: 64 bits. */
const DIGEST_LENGTH = 16;
const DEFAULT_MAX_TOKENS = 512;

interface Item extends Prompt {
  readonly split: Split;
  readonly where: string;
  readonly label?: Label;
}

/** A row as it was read, and where. */
interface Read {
  readonly raw: RawRow;
  readonly row: PromptRow;
}

/**
 * A user's own file of prompts: JSON lines, a JSON array, a table (CSV, TSV) or Parquet, packed by gzip or not. A row has
 *
 * | field | |
 * |---|---|
 * | `prompt` | the exact text that the model continues; or |
 * | `messages` | a conversation `[{"role": "user", "content": "…"}]`, put into text by the model's chat template |
 * | `answer` | optional label, a string or a number; a prompt without one is not graded |
 * | `id` | optional, unique; default a digest of the prompt's text, and for the same text again `-2`, `-3`, … behind it |
 * | `split` | optional: `train`, `validation` or `test` (default) |
 *
 * In place of the first two, other shapes that people have are read, and `notes` says what was taken (`promptRow`). Fields that are null are
 * absent, others are ignored. Prompts keep the file's order.
 * @throws DataError naming the file and the line for anything that is not so, for a label that the grader cannot
 *   compare, a repeated id, a line of more than 16 MB; UsageError for what the model does not take.
 * @example
 * ```ts
 * import { writeFile } from "node:fs/promises";
 * import { jsonlTask } from "whetstone";
 * await writeFile("sums.jsonl", JSON.stringify({ id: "sum", prompt: "2 + 2 =", answer: 4 }));
 * const sums = await jsonlTask("sums.jsonl");
 * console.log(sums.grade("sum", " 4")); // → true
 * ```
 */
export async function jsonlTask(path: string, options: JsonlOptions = {}): Promise<Task> {
  const maxTokens = options.maxTokens ?? DEFAULT_MAX_TOKENS;
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) {
    throw new UsageError(`maxTokens must be an integer of at least 1, not ${maxTokens}.`);
  }
  const read: Read[] = [];
  for await (const raw of readPromptRows(path)) read.push({ raw, row: promptRow(raw) });
  if (read.length === 0)
    throw new DataError(`${path} has no prompts; write one JSON object a line, such as {"prompt": "…"}.`);
  const rows = read.map(({ row }) => row);
  const labels = labelsOf(rows);
  const given = labels.filter((label) => label !== undefined);
  const chosen = options.grader === undefined ? chosenGrader(given, rows.map(questionOf)) : undefined;
  const asked = options.grader ?? chosen!.name;
  const grader = typeof asked === "string" ? graderNamed(asked) : asked;
  const items = toItems(read, labels, grader, options);
  const splits: Readonly<Record<Split, Prompt[]>> = { train: [], validation: [], test: [] };
  for (const { id, text, messages, split } of items.values())
    splits[split].push({ id, text, ...(messages && { messages }) });
  return {
    name: basename(path),
    digest: digestOf(grader, items),
    maxTokens,
    grader: grader.name,
    notes: notesOf({ name: basename(path), rows, labels: given, grader, chosen }),
    where: (promptId) => items.get(promptId)?.where,
    prompts: (split) => splits[split],
    extract: grader.extract,
    grade: (promptId, text) => {
      const item = items.get(promptId);
      if (item === undefined) throw new UsageError(`${path} has no prompt "${promptId}".`);
      if (!grader.grades || item.label === undefined) return undefined;
      return grader.agrees(item.label, text);
    },
  };
}

function digestOf(grader: Grader, items: ReadonlyMap<string, Item>): string {
  const fixed = [...items.values()].map(({ id, text, messages, split, label }) => [
    ...[id, text, split, label?.text ?? null],
    ...(label?.figure === undefined ? [] : [label.figure]),
    ...(messages ? [messages] : []),
  ]);
  return sha256(JSON.stringify(["jsonl/1", grader.name, grader.version, fixed]));
}

/** What the user asks, for a guess at what kind of answer is wanted. */
function questionOf({ prompt, messages }: PromptRow): string {
  return prompt ?? messages?.at(-1)?.content ?? "";
}

function toItems(
  read: readonly Read[],
  labels: readonly (string | undefined)[],
  grader: Grader,
  options: JsonlOptions,
): Map<string, Item> {
  const items = new Map<string, Item>();
  const lineOf = new Map<string, number>();
  const nameOf = options.ids === "line" ? (_: string, line: number) => `line-${line}` : namesByText();
  for (const [at, { raw, row }] of read.entries()) {
    const { number, where } = raw;
    const formed = promptOfRow(row, where, options);
    const { text } = formed;
    const id = row.id ?? nameOf(text, number);
    checkPrompt(id, text, where);
    const earlier = lineOf.get(id);
    if (earlier !== undefined) {
      throw new DataError(`${where} has the id "${id}" of line ${earlier}; ids must be unique.`);
    }
    lineOf.set(id, number);
    const label = labels[at];
    const split = row.split ?? "test";
    items.set(id, {
      id,
      ...formed,
      split,
      where,
      ...(label !== undefined && { label: meaningOf(label, grader, where) }),
    });
  }
  return items;
}

function meaningOf(label: string, grader: Grader, where: string): Label {
  const meaning = grader.label(label);
  if (meaning !== undefined) return meaning;
  throw new DataError(
    `${where} has the answer ${shorten(JSON.stringify(label))}, but the grader "${grader.name}" needs ${grader.expects}`,
    { reason: "label-of-another-kind", where, remedy: "choose another `grader`" },
  );
}

function checkPrompt(id: string, text: string, where: string): void {
  if (id === "" || id.length > LONGEST_ID || /\p{Cc}/u.test(id)) {
    throw new DataError(
      `${where} has an id that is empty, longer than ${LONGEST_ID} characters or not printable.`,
    );
  }
  if (text.trim() === "") throw new DataError(`${where} has an empty prompt.`);
  checkText(where, "id", id);
  checkText(where, "prompt", text);
}

/**
 * Names for prompts that have none, by their text: what is drawn for a prompt depends on its id, and is not to change with the
 * lines around it.
 */
export function namesByText(): (text: string) => string {
  const seen = new Map<string, number>();
  return (text) => {
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    const name = `text-${sha256(text).slice(0, DIGEST_LENGTH)}`;
    return times === 1 ? name : `${name}-${times}`;
  };
}
