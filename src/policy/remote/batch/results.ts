import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { DataError } from "../../../core/errors.js";
import { readError } from "../../../core/files.js";
import { isTooDeep } from "../../../core/json-depth.js";
import { readLines } from "../../../core/lines.js";

/** What became of one request of a batch. */
export interface BatchResult {
  readonly customId: string;
  /** The reply's body; undefined where there is none. */
  readonly body?: unknown;
  /** Why there is no reply. */
  readonly fault?: string;
}

const LONGEST_LINE_BYTES = 64 * 2 ** 20;

const lineSchema = z.looseObject({
  custom_id: z.string(),
  response: z.looseObject({ status_code: z.int().nullish(), body: z.unknown() }).nullish(),
  error: z.unknown(),
});

/** The files of a folder of results, or the one file, in the order of their names. @throws DataError where there are none. */
export async function resultFiles(place: string): Promise<string[]> {
  let names: string[];
  try {
    if (!(await stat(place)).isDirectory()) return [place];
    names = await readdir(place);
  } catch (cause) {
    throw readError(place, cause);
  }
  const files = names.filter((name) => name.endsWith(".jsonl") && !name.startsWith(".")).sort();
  if (files.length > 0) return files.map((name) => join(place, name));
  throw new DataError(`${place} has no results: there is no .jsonl file in it.`);
}

/**
 * The lines of a file of results, in memory bounded by the longest line. A last line that was cut off is left out: a program
 * may still be writing it.
 * @throws DataError naming the line of a file that is none of results.
 */
export async function* readResults(path: string): AsyncGenerator<BatchResult> {
  const options = { maxBytes: LONGEST_LINE_BYTES };
  for await (const { text, number, terminated } of readLines(path, options)) {
    if (text.trim() === "") continue;
    const line = lineSchema.safeParse(valueOf(text));
    if (line.success) yield resultOf(line.data);
    else if (terminated)
      throw new DataError(
        `Line ${number} of ${path} is no result of a batch: an object with "custom_id" and "response" is expected.`,
      );
  }
}

function valueOf(text: string): unknown {
  if (isTooDeep(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function resultOf({ custom_id: customId, response, error }: z.infer<typeof lineSchema>): BatchResult {
  const status = response?.status_code ?? 200;
  if (response && status >= 200 && status < 300 && response.body != null)
    return { customId, body: response.body };
  return {
    customId,
    fault: error == null && response ? `status ${status}` : (messageOf(error) ?? "no reply"),
  };
}

function messageOf(error: unknown): string | undefined {
  if (typeof error === "string") return error;
  const told = z.looseObject({ message: z.string() }).safeParse(error);
  return told.success ? told.data.message : undefined;
}
