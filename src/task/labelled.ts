import { z } from "zod";
import { DataError, UsageError } from "../core/errors.js";
import { sha256 } from "../core/files.js";
import { conversationText, type Message, type Prompt } from "../policy/policy.js";
import { remembered } from "./answers/remembered.js";
import { dataFiles, readRows } from "./data-files.js";
import { checkRow, checkText } from "./json-lines.js";
import type { PromptForm } from "./prompt-form.js";
import type { Split, Task } from "./task.js";

/** What a row asks, and the answer that counts as right, canonical as the task's extractor gives it. */
export interface Example {
  readonly question: string;
  readonly label: string;
}

/** A public data set as a task: how its rows are read, asked and graded. */
export interface LabelledSpec<Row> {
  readonly name: string;
  /** Changes whenever prompts or grades may come out differently from the same rows; part of the task's digest. */
  readonly version: number;
  /** The fields of the public files; others are ignored. */
  readonly row: z.ZodType<Row> & { readonly shape: object };
  /** Undefined leaves the row out. @throws DataError that begins with `where`, for a row without a usable label. */
  readonly example: (row: Row, where: string) => Example | undefined;
  /** Stands before each question, and says in which form the answer is wanted. */
  readonly instruction: string;
  /** The one example that every prompt shows (paper §A.1: 1-shot); of our own, so that it is in no test set. Absent: none is shown. */
  readonly shot?: { readonly question: string; readonly response: string };
  readonly extract: (text: string) => string | undefined;
  /** See `Task.chance`. */
  readonly chance?: number;
}

/** What is put behind a data set's name for prompts without the example. */
const ZERO_SHOT = "-zero-shot";

/** The same data set, asked by its instruction and the question alone (`gsm8k-zero-shot`), as models tuned to instructions often are. */
export function zeroShot<Row>({ shot: _, ...spec }: LabelledSpec<Row>): LabelledSpec<Row> {
  return { ...spec, name: `${spec.name}${ZERO_SHOT}` };
}

/** Where rows are, and how many of them count. */
export interface LabelledOptions extends PromptForm {
  /** A file, or a folder of `test.jsonl` and the like (see `dataFiles`). */
  readonly data?: string;
  /** Rows of each split at most, the first ones; default 256, as in the paper's experiments. */
  readonly rows?: number;
  /** The longest response worth drawing, in tokens; default 512, as in the paper's experiments. */
  readonly maxTokens?: number;
}

const ownSplit = z.object({ split: z.enum(["train", "validation", "test"]).exactOptional() });
const PAPER_ROWS = 256;
const PAPER_MAX_TOKENS = 512;

interface Item extends Prompt, Example {
  readonly split: Split;
}

/**
 * A task of a public data set. A folder's file names tell the splits; a single file's rows are `test`, unless a field `split`
 * says otherwise. Prompt ids are the split and the row's number in it, those left out counted: `test-7`.
 * @throws UsageError for a number that is not whole; DataError naming the file and the row.
 */
export async function labelledTask<Row>(
  spec: LabelledSpec<Row>,
  options: LabelledOptions & { readonly data: string },
): Promise<Task> {
  const { rows = PAPER_ROWS, maxTokens = PAPER_MAX_TOKENS, data } = options;
  for (const [name, value] of Object.entries({ rows, maxTokens })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new UsageError(`${name} must be a whole number of at least 1, not ${value}.`);
  }
  const items = await readItems(spec, data, rows, options);
  const byId = new Map(items.map((item) => [item.id, item]));
  const splits: Readonly<Record<Split, Prompt[]>> = { train: [], validation: [], test: [] };
  for (const { id, text, messages, split } of items)
    splits[split].push({ id, text, ...(messages && { messages }) });
  const fixed = items.map(({ id, text, messages, label }) => [
    id,
    text,
    label,
    ...(messages ? [messages] : []),
  ]);
  const extract = remembered(spec.extract);
  return {
    name: spec.name,
    digest: sha256(JSON.stringify([`${spec.name}/${spec.version}`, fixed])),
    maxTokens,
    ...(spec.chance !== undefined && { chance: spec.chance }),
    prompts: (split) => splits[split],
    extract,
    grade: (promptId, text) => {
      const item = byId.get(promptId);
      if (item === undefined) throw new UsageError(`${spec.name} has no prompt "${promptId}" in ${data}.`);
      return extract(text) === item.label;
    },
  };
}

/** The rows of each split in the order of the files, parts of a split after one another. */
async function readItems<Row>(
  spec: LabelledSpec<Row>,
  data: string,
  rows: number,
  options: LabelledOptions,
): Promise<Item[]> {
  const columns = Object.keys(spec.row.shape);
  const fields = columns.map((column) => `"${column}"`).join(", ");
  const items: Item[] = [];
  const taken: Record<Split, number> = { train: 0, validation: 0, test: 0 };
  const seen: Record<Split, number> = { train: 0, validation: 0, test: 0 };
  for (const file of await dataFiles(data)) {
    for await (const raw of readRows(file.path, columns)) {
      const row = checkRow(raw, spec.row, fields);
      const split = file.split ?? checkRow(raw, ownSplit, fields).split ?? "test";
      if (taken[split] >= rows) {
        if (file.split !== undefined) break;
        continue;
      }
      seen[split] += 1;
      const example = spec.example(row, raw.where);
      if (example === undefined) continue;
      taken[split] += 1;
      const asked = promptOf(spec, example.question, options);
      checkText(raw.where, "question", asked.text);
      items.push({ ...example, id: `${split}-${seen[split]}`, ...asked, split });
    }
  }
  if (items.length > 0) return items;
  throw new DataError(`${data} has no rows for ${spec.name}.`);
}

/**
 * The one example, if there is one, and the question. To a model that takes conversations the example is a turn that came before, so that it sees
 * where a response ends; as text both are `Question: … Answer: …`.
 */
function promptOf<Row>(
  { instruction, shot }: LabelledSpec<Row>,
  question: string,
  { takes = "text", raw = false }: PromptForm,
): Pick<Prompt, "text" | "messages"> {
  if (takes === "text" || raw) {
    const shown = shot ? `Question: ${shot.question}\nAnswer: ${shot.response}\n\n` : "";
    return { text: `${instruction}\n\n${shown}Question: ${question}\nAnswer:` };
  }
  const asked = (text: string): Message => ({ role: "user", content: `${instruction}\n\n${text}` });
  const messages: Message[] = [
    ...(shot ? [asked(shot.question), { role: "assistant", content: shot.response } as const] : []),
    asked(question),
  ];
  return { text: conversationText(messages), messages };
}
