/** The shapes in which people have prompts: one row of a file, read into a prompt or a conversation, a label and a reference answer. */
import { LosslessNumber } from "lossless-json";
import { z } from "zod";
import { DataError } from "../core/errors.js";
import { checkRow, shorten, type RawRow } from "./json-lines.js";
import type { Message } from "../policy/policy.js";
import { readTurns } from "./turns.js";
import type { Split } from "./task.js";

/** What a row says. Exactly one of `prompt` and `messages` is there. */
export interface PromptRow {
  readonly prompt?: string;
  /** At least one turn, the last not the assistant's. */
  readonly messages?: readonly Message[];
  /** Give `prompt` to the model as it is, whatever it takes. */
  readonly raw?: boolean;
  /** The label, as it is written. */
  readonly answer?: string;
  /** An answer that the row holds as an example for training: `output`, or the assistant's turn that was cut off. */
  readonly reference?: string;
  readonly id?: string;
  readonly split?: Split;
  /** What was taken for what, where it is not `prompt`, `messages` and `answer`: clauses for a note. */
  readonly took: readonly string[];
  /** Fields that hold a label in other people's files and are not read here: a label is what its owner calls `answer`. */
  readonly aside: readonly string[];
}

/** Fields that hold what is asked, the first that is there counts. */
const SOURCES = [
  "prompt",
  "messages",
  "question",
  "instruction",
  "conversations",
  "problem",
  "query",
  "body",
  "input",
] as const;
/** Fields that are read, in every shape. */
export const PROMPT_FIELDS = [
  ...SOURCES,
  ...[
    "answer",
    "id",
    "split",
    "raw",
    "context",
    "choices",
    "options",
    "output",
    "solution",
    "answerKey",
    "response",
    "completion",
  ],
] as const;

const LABELS_OF_OTHERS = ["label", "target", "gold", "expected", "ground_truth", "reference"] as const;
/** The fields that a row is looked for, in a table whatever their capitals. */
export const ROW_FIELDS: readonly string[] = [...PROMPT_FIELDS, ...LABELS_OF_OTHERS];
const NAMED: ReadonlyMap<string, string> = new Map(ROW_FIELDS.map((name) => [name.toLowerCase(), name]));

const scalar = z.union(
  [z.string(), z.number(), z.boolean(), z.instanceof(LosslessNumber)],
  "must be a string or a number",
);
const common = z.object({
  answer: scalar.exactOptional(),
  id: z
    .union([z.string(), z.int(), z.instanceof(LosslessNumber)], "must be a string or an integer")
    .exactOptional(),
  split: z.enum(["train", "validation", "test"]).exactOptional(),
  raw: z.boolean("must be true or false").exactOptional(),
});
const texts = z.looseObject(
  Object.fromEntries(
    ["question", "instruction", "context", "input", "output", "response", "completion"].map((name) => [
      name,
      z.string().exactOptional(),
    ]),
  ),
);

type Fields = Readonly<Record<string, unknown>>;
type Asked = Pick<PromptRow, "prompt" | "messages" | "reference" | "took"> & { readonly answer?: string };

/**
 * Reads a row. Null fields, and the empty cells of a table, are absent; other fields than those of the shape are ignored.
 * @throws DataError that names the row, and the fields that were found where none of them asks anything.
 */
export function promptRow(raw: RawRow): PromptRow {
  const { where, value } = raw;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DataError(`${where} is not a JSON object with a "prompt" or "messages".`);
  }
  const fields = knownNames(Object.fromEntries(Object.entries(value).filter(([, one]) => one !== null)));
  const plain = { ...raw, value: fields };
  const { id, split, raw: asItIs, answer } = checkRow(plain, common, 'a "prompt" or "messages"');
  checkRow(plain, texts, 'a "prompt" or "messages"');
  const asked = askedBy(fields, where);
  return {
    ...asked,
    ...(answer !== undefined && asked.answer === undefined && { answer: asText(answer) }),
    ...(id !== undefined && { id: asText(id) }),
    ...(split !== undefined && { split }),
    ...(asItIs !== undefined && { raw: asItIs }),
    aside: LABELS_OF_OTHERS.filter((name) => fields[name] !== undefined),
  };
}

/** `Question` is `question` where the row has no such field: tables are often headed so. */
function knownNames(fields: Fields): Fields {
  const names = Object.keys(fields).map((name) => {
    const known = NAMED.get(name.toLowerCase());
    return known !== undefined && fields[known] === undefined ? known : name;
  });
  return Object.fromEntries(names.map((name, at) => [name, Object.values(fields)[at]]));
}

/** A number that a float would round has its digits as they are written. */
function asText(value: string | number | boolean | LosslessNumber): string {
  return value instanceof LosslessNumber ? value.toString() : String(value);
}

function askedBy(fields: Fields, where: string): Asked {
  const source = SOURCES.find((name) => fields[name] !== undefined);
  if (fields["prompt"] !== undefined && fields["messages"] !== undefined)
    throw new DataError(`${where} has both "prompt" and "messages"; keep one.`);
  switch (source) {
    case "prompt":
      return fromPrompt(fields, where);
    case "messages":
      return { ...readTurns(fields["messages"], "messages", where) };
    case "conversations": {
      const read = readTurns(fields["conversations"], "conversations", where);
      return { ...read, took: ['"conversations" as messages', ...read.took] };
    }
    case "question":
      return fromQuestion(fields, where);
    case "instruction":
      return fromInstruction(fields);
    case "problem":
    case "query":
    case "input": {
      const prompt = fields[source];
      if (typeof prompt !== "string")
        throw new DataError(`${where} has a wrong "${source}": must be a string.`);
      return withReference(fields, { prompt, took: [`"${source}" as the prompt`] });
    }
    case "body":
      return fromBatchRequest(fields, where);
    case undefined:
      throw nothingAsked(fields, where);
  }
}

function nothingAsked(fields: Fields, where: string): DataError {
  return new DataError(
    `${where} has neither "prompt" nor "messages", nor "question", "instruction", "conversations", "problem", "query" or "input"; it has ${foundFields(fields)}.`,
  );
}

/** A request of a batch file: `{"custom_id": …, "body": {"messages": […]}}`; what else its body asks for is left aside. */
function fromBatchRequest(fields: Fields, where: string): Asked {
  const { messages } = (fields["body"] ?? {}) as { messages?: unknown };
  if (!Array.isArray(messages)) throw nothingAsked(fields, where);
  const read = readTurns(messages, "body.messages", where);
  return { ...read, took: ['"body.messages" of requests of a batch file as messages', ...read.took] };
}

function fromPrompt({ prompt, ...fields }: Fields, where: string): Asked {
  if (typeof prompt === "string") return withReference(fields, { prompt, took: [] });
  if (!Array.isArray(prompt)) {
    throw new DataError(`${where} has a wrong "prompt": must be a string or a list of messages.`);
  }
  const read = readTurns(prompt, "prompt", where);
  return withReference(fields, { ...read, took: ['"prompt" as messages', ...read.took] });
}

/** A question, with the text that it is about and its choices. */
function fromQuestion(fields: Fields, where: string): Asked {
  const { question, context, answer, answerKey } = fields as {
    readonly question: string;
    readonly context?: string;
    readonly answer?: unknown;
    readonly answerKey?: unknown;
  };
  const choices = readChoices(fields["choices"] ?? fields["options"], where);
  const letter = choices && (letterOf(answer, choices) ?? letterOfKey(answerKey, fields["choices"], choices));
  const parts = [context, question, choices?.map((text, at) => `${letterAt(at)}) ${text}`).join("\n")];
  const took = [
    `"question"${context === undefined ? "" : ', after "context",'}${choices ? " with its choices" : ""} as the prompt`,
  ];
  return {
    prompt: parts.filter((part) => part !== undefined).join("\n\n"),
    ...(letter !== undefined && { answer: letter }),
    took,
  };
}

function fromInstruction(fields: Fields): Asked {
  const { instruction, input } = fields as { instruction: string; input?: string };
  const withInput = input !== undefined && input.trim() !== "";
  const prompt = withInput ? `${instruction}\n\n${input}` : instruction;
  const took = [`"instruction"${withInput ? ' and "input"' : ""} as the prompt`];
  return withReference(fields, { prompt, took });
}

function withReference(fields: Fields, asked: Asked): Asked {
  const name = ["output", "response", "completion", "solution"].find(
    (one) => typeof fields[one] === "string",
  );
  if (name === undefined || asked.reference !== undefined) return asked;
  return {
    ...asked,
    reference: fields[name] as string,
    took: [...asked.took, `"${name}" as a reference answer`],
  };
}

/** A list of texts, or of letters and texts side by side as public data sets have them. */
function readChoices(value: unknown, where: string): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const list = Array.isArray(value) ? value : (value as { text?: unknown }).text;
  const parsed = z.array(z.string()).min(2).max(10).safeParse(list);
  if (parsed.success) return parsed.data;
  throw new DataError(`${where} has "choices" that are not two to ten texts; write them into the question.`);
}

/** The letter of a label that is the number of a choice, counted from 0, or its text; undefined for any other. */
function letterOf(answer: unknown, choices: readonly string[]): string | undefined {
  const at = typeof answer === "number" ? answer : choices.indexOf(String(answer));
  return Number.isInteger(at) && at >= 0 && at < choices.length ? letterAt(at) : undefined;
}

/** The letter of a choice by its key, where keys and texts stand side by side (`{"label": ["1", "2"], "text": […]}`). */
function letterOfKey(key: unknown, choices: unknown, texts: readonly string[]): string | undefined {
  const keys = (choices as { label?: unknown } | undefined)?.label;
  const names = Array.isArray(keys) ? keys.map(String) : texts.map((_, at) => letterAt(at));
  const at = typeof key === "string" || typeof key === "number" ? names.indexOf(String(key)) : -1;
  return at < 0 ? undefined : letterAt(at);
}

function letterAt(at: number): string {
  return "ABCDEFGHIJ"[at]!;
}

function foundFields(fields: Fields): string {
  const names = Object.keys(fields);
  if (names.length === 0) return "no fields";
  const shown = names.slice(0, 8).map((name) => JSON.stringify(shorten(name)));
  return shown.join(", ") + (names.length > shown.length ? " and others" : "");
}
