import { DataError } from "../core/errors.js";
import { readCsvRows } from "./csv-rows.js";
import { parseJson, readJsonLines, type RawRow } from "./json-lines.js";
import { readParquetRows } from "./parquet.js";
import { PROMPT_FIELDS, ROW_FIELDS } from "./prompt-row.js";
import { utf8Chunks } from "./text-bytes.js";

const KINDS = /\.(jsonl|ndjson|json|csv|tsv|txt|parquet)(\.gz)?$/i;
/** What a file of prompts may be, for `--help` and errors. */
export const PROMPT_FILE_KINDS =
  ".jsonl, .json, .csv, .tsv, .txt or .parquet, and .gz behind all but the last";
const MOST_JSON_BYTES = 512 * 2 ** 20;

/** Whether a name is that of a file of prompts, by its ending. */
export function isPromptFile(name: string): boolean {
  return KINDS.test(name);
}

/**
 * The rows of a file of prompts, in its order: JSON lines, a JSON array (or an object that holds one), a table with a header, or Parquet;
 * a text with a prompt on each line; all but Parquet packed by gzip too, and in UTF-8 or UTF-16.
 * @throws DataError naming the file and the row.
 */
export function readPromptRows(path: string): AsyncGenerator<RawRow> {
  switch (KINDS.exec(path)?.[1]?.toLowerCase()) {
    case "json":
      return readJsonArray(path);
    case "csv":
    case "tsv":
      return readCsvRows(path);
    case "txt":
      return readLines(path);
    case "parquet":
      return readParquetRows(path, ROW_FIELDS);
    default:
      return readJsonLines(path, utf8Chunks(path));
  }
}

/** A prompt on each line; blank lines are none. */
async function* readLines(path: string): AsyncGenerator<RawRow> {
  const lines = (await wholeText(path)).replace(/^\ufeff/, "").split(/\r?\n/);
  for (const [at, prompt] of lines.entries()) {
    if (prompt.trim() !== "") yield { number: at + 1, where: `Line ${at + 1} of ${path}`, value: { prompt } };
  }
}

/** A file of one JSON array, of an object with one array of rows, or after all of JSON lines. */
async function* readJsonArray(path: string): AsyncGenerator<RawRow> {
  const text = await wholeText(path);
  if (isLines(text)) {
    yield* readJsonLines(path, utf8Chunks(path));
    return;
  }
  const value = parseJson(text, path);
  const rows = Array.isArray(value) ? value : arrayWithin(value);
  if (rows === undefined) {
    yield { number: 1, where: path, value };
    return;
  }
  for (const [at, row] of rows.entries())
    yield { number: at + 1, where: `Item ${at + 1} of ${path}`, value: row as unknown };
}

async function wholeText(path: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of utf8Chunks(path)) {
    length += chunk.length;
    if (length > MOST_JSON_BYTES) {
      throw new DataError(
        `${path} is one text of more than 512 MB; write one JSON object a line, as .jsonl.`,
      );
    }
    parts.push(chunk);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  } catch (cause) {
    throw new DataError(`${path} is not valid UTF-8; save the file as UTF-8.`, { cause });
  }
}

/** Several objects, each on a line of its own. */
function isLines(text: string): boolean {
  const [first = "", second = ""] = text.split("\n", 2);
  return /^\s*\{.*\}\s*$/.test(first) && /^\s*\{/.test(second);
}

/** The one array of objects in an object such as `{"data": […]}`; undefined where there is none, or the object is a row itself. */
function arrayWithin(value: unknown): readonly unknown[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const names = PROMPT_FIELDS as readonly string[];
  if (Object.keys(value).some((name) => names.includes(name))) return undefined;
  const arrays = Object.values(value).filter(
    (one): one is unknown[] => Array.isArray(one) && typeof one[0] === "object" && one[0] !== null,
  );
  return arrays.length === 1 ? arrays[0] : undefined;
}
