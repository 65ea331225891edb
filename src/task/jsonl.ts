import { basename } from "node:path";
import { z } from "zod";
import { DataError, UsageError } from "../core/errors.js";
import { sha256 } from "../core/files.js";
import type { Prompt } from "../policy/policy.js";
import { graderNamed, type Grader, type GraderName, type Label } from "./graders.js";
import { checkRow, checkText, readJsonLines, shorten, type RawRow } from "./json-lines.js";
import type { Split, Task } from "./task.js";

/** A turn of a conversation. */
export interface Message {
  /** `system`, `user`, `assistant`, or what else the model's template knows. */
  readonly role: string;
  readonly content: string;
}

export interface JsonlOptions {
  /** How answers are compared; default `exact`. */
  readonly grader?: GraderName;
  /** The longest response worth drawing, in tokens; default 512, as in the paper's experiments. */
  readonly maxTokens?: number;
  /** The model's chat template, for lines with `messages`: the text that the model continues. */
  readonly applyChatTemplate?: (messages: readonly Message[]) => string | Promise<string>;
  /** `line`: prompts without an id are named by their line, as run folders of format 1 know them. Default: by their text. */
  readonly ids?: "line";
}

const LONGEST_ID = 200;
/** Hex digits of a text's digest in its name: 64 bits. */
const DIGEST_LENGTH = 16;
const DEFAULT_MAX_TOKENS = 512;

const row = z.object({
  prompt: z.string().exactOptional(),
  messages: z
    .array(z.object({ role: z.string().min(1), content: z.string() }))
    .min(1, "must hold at least one message")
    .exactOptional(),
  answer: z.union([z.string(), z.number()], "must be a string or a number").exactOptional(),
  id: z.union([z.string(), z.int()], "must be a string or an integer").exactOptional(),
  split: z.enum(["train", "validation", "test"]).exactOptional(),
});

type Row = z.infer<typeof row>;

interface Item extends Prompt {
  readonly split: Split;
  readonly label?: Label;
}

/**
 * A user's own file of prompts: UTF-8, one JSON object a line, blank lines allowed.
 *
 * | field | |
 * |---|---|
 * | `prompt` | the exact text that the model continues; or |
 * | `messages` | a conversation `[{"role": "user", "content": "…"}]`, put into text by the model's chat template |
 * | `answer` | optional label, a string or a number; a prompt without one is not graded |
 * | `id` | optional, unique; default a digest of the prompt's text, and for the same text again `-2`, `-3`, … behind it |
 * | `split` | optional: `train`, `validation` or `test` (default) |
 *
 * Other fields are ignored. Prompts keep the file's order.
 * @throws DataError naming the file and the line for anything that is not so, for a label that the grader cannot
 *   compare, a repeated id, a line of more than 16 MB; UsageError for `messages` without a chat template.
 */
export async function jsonlTask(path: string, options: JsonlOptions = {}): Promise<Task> {
  const maxTokens = options.maxTokens ?? DEFAULT_MAX_TOKENS;
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) {
    throw new UsageError(`maxTokens must be an integer of at least 1, not ${maxTokens}.`);
  }
  const grader = graderNamed(options.grader ?? "exact");
  const items = await readItems(path, grader, options);
  const splits: Readonly<Record<Split, Prompt[]>> = { train: [], validation: [], test: [] };
  for (const { id, text, split } of items.values()) splits[split].push({ id, text });
  const fixed = [...items.values()].map(({ id, text, split, label }) => [
    ...[id, text, split, label?.text ?? null],
    ...(label?.figure === undefined ? [] : [label.figure]),
  ]);
  return {
    name: basename(path),
    digest: sha256(JSON.stringify(["jsonl/1", grader.name, grader.version, fixed])),
    maxTokens,
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

async function readItems(path: string, grader: Grader, options: JsonlOptions): Promise<Map<string, Item>> {
  const items = new Map<string, Item>();
  const lineOf = new Map<string, number>();
  const nameOf = options.ids === "line" ? (_: string, line: number) => `line-${line}` : namesByText();
  for await (const raw of readJsonLines(path)) {
    const { number, where } = raw;
    const item = await toItem(checkRow(raw, row, 'a "prompt" or "messages"'), raw, grader, options, nameOf);
    const earlier = lineOf.get(item.id);
    if (earlier !== undefined) {
      throw new DataError(`${where} has the id "${item.id}" of line ${earlier}; ids must be unique.`);
    }
    lineOf.set(item.id, number);
    items.set(item.id, item);
  }
  if (items.size === 0)
    throw new DataError(`${path} has no prompts; write one JSON object a line, such as {"prompt": "…"}.`);
  return items;
}

/**
 * Names for prompts that have none, by their text: what is drawn for a prompt depends on its id, and is not to change with the
 * lines around it.
 */
function namesByText(): (text: string) => string {
  const seen = new Map<string, number>();
  return (text) => {
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    const name = `text-${sha256(text).slice(0, DIGEST_LENGTH)}`;
    return times === 1 ? name : `${name}-${times}`;
  };
}

async function toItem(
  row: Row,
  { number, where }: RawRow,
  grader: Grader,
  options: JsonlOptions,
  nameOf: (text: string, line: number) => string,
): Promise<Item> {
  const text = await promptText(row, where, options);
  const id = String(row.id ?? nameOf(text, number));
  if (id === "" || id.length > LONGEST_ID || /\p{Cc}/u.test(id)) {
    throw new DataError(
      `${where} has an id that is empty, longer than ${LONGEST_ID} characters or not printable.`,
    );
  }
  if (text === "") throw new DataError(`${where} has an empty prompt.`);
  checkText(where, "id", id);
  checkText(where, "prompt", text);
  const item = { id, text, split: row.split ?? "test" } as const;
  if (row.answer === undefined) return item;
  const label = grader.label(String(row.answer));
  if (label === undefined) {
    throw new DataError(
      `${where} has the answer ${shorten(JSON.stringify(row.answer))}, but the grader "${grader.name}" needs ${grader.expects}; ` +
        "choose another with --grader.",
    );
  }
  return { ...item, label };
}

async function promptText(row: Row, where: string, { applyChatTemplate }: JsonlOptions): Promise<string> {
  if (row.prompt !== undefined && row.messages !== undefined) {
    throw new DataError(`${where} has both "prompt" and "messages"; keep one.`);
  }
  if (row.prompt !== undefined) return row.prompt;
  if (row.messages === undefined) throw new DataError(`${where} has neither "prompt" nor "messages".`);
  if (applyChatTemplate === undefined) {
    throw new UsageError(
      `${where} has "messages", but the model has no chat template to put them into text; ` +
        'use a chat model, or write the text itself as "prompt".',
    );
  }
  return applyChatTemplate(row.messages);
}
