import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import type { SchemaElement } from "hyparquet";
import { fileWriter, ParquetWriter } from "hyparquet-writer";
import { DataError } from "../core/errors.js";
import { temporaryPath, writeError } from "../core/files.js";
import type { Response } from "../policy/policy.js";
import { readRecords } from "./record-lines.js";
import { promptRecords, responseRecords } from "./records.js";

/** So many responses are a group of rows: the most that are in memory. */
const ROWS = 2000;

const text = (name: string): SchemaElement => ({
  ...{ name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
});
const list = (name: string, type: "INT32" | "DOUBLE", isOptional = false): SchemaElement[] => [
  {
    ...{ name, converted_type: "LIST", num_children: 1 },
    repetition_type: isOptional ? "OPTIONAL" : "REQUIRED",
  },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  { name: "element", type, repetition_type: "REQUIRED" },
];

/** The columns, in their order: the fields of responses.jsonl, and the prompt's text. */
const SCHEMA: SchemaElement[] = [
  { name: "root", num_children: 8 },
  text("promptId"),
  text("prompt"),
  { name: "index", type: "INT32", repetition_type: "REQUIRED" },
  text("text"),
  ...list("tokens", "INT32"),
  ...list("logProbs", "DOUBLE"),
  text("finish"),
  ...list("certainties", "DOUBLE", true),
];

/** Where a run's responses and prompts are. */
export interface ParquetSource {
  readonly prompts: string;
  readonly responses: string;
}

/**
 * Writes responses as a Parquet file (Snappy), a row each, in their order: `promptId`, `prompt`, `index`, `text`, `tokens`, `logProbs`, `finish`
 * and, where they were drawn with them, `certainties`. In memory are the prompts' texts and 2,000 responses.
 * @returns how many there are.
 * @throws DataError for a malformed record, or a response to a prompt that prompts.jsonl does not have; RunError where the file cannot be written;
 * another file of its name is then untouched.
 */
export async function writeResponsesParquet(source: ParquetSource, target: string): Promise<number> {
  const prompts = new Map<string, string>();
  for await (const { record } of readRecords(source.prompts, promptRecords))
    prompts.set(record.id, record.text);
  const draft = temporaryPath(target);
  try {
    const rows = await writeGroups(source.responses, prompts, draft);
    renameSync(draft, target);
    return rows;
  } catch (cause) {
    rmSync(draft, { force: true });
    throw cause instanceof DataError ? cause : writeError(target, cause);
  }
}

async function writeGroups(
  path: string,
  prompts: ReadonlyMap<string, string>,
  draft: string,
): Promise<number> {
  const parquet = new ParquetWriter({ writer: fileWriter(draft), schema: SCHEMA, createdBy: "whetstone" });
  let group: Response[] = [];
  let rows = 0;
  const flush = async (): Promise<void> => {
    if (group.length === 0) return;
    await parquet.write({ columnData: columnsOf(group, prompts), rowGroupSize: ROWS });
    rows += group.length;
    group = [];
  };
  for await (const { record, line } of readRecords(path, responseRecords)) {
    if (!prompts.has(record.promptId))
      throw new DataError(
        `Line ${line} of ${path} is of a prompt "${record.promptId}" that prompts.jsonl does not have.`,
      );
    if (group.push(record) === ROWS) await flush();
  }
  await flush();
  await parquet.finish();
  const file = openSync(draft, "r+");
  fsyncSync(file);
  closeSync(file);
  return rows;
}

function columnsOf(group: readonly Response[], prompts: ReadonlyMap<string, string>) {
  const column = <V>(name: string, of: (response: Response) => V) => ({ name, data: group.map(of) });
  return [
    column("promptId", ({ promptId }) => promptId),
    column("prompt", ({ promptId }) => prompts.get(promptId)!),
    column("index", ({ index }) => index),
    column("text", ({ text: own }) => own),
    column("tokens", ({ tokens }) => tokens),
    column("logProbs", ({ logProbs }) => logProbs),
    column("finish", ({ finish }) => finish),
    column("certainties", ({ certainties }) => certainties ?? null),
  ];
}
