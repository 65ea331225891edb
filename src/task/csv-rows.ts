import { Readable } from "node:stream";
import { CsvError, parse } from "csv-parse";
import { DataError } from "../core/errors.js";
import { isTooDeep } from "../core/json-depth.js";
import { shorten, type RawRow } from "./json-lines.js";
import { firstOf, startingWith, utf8Chunks } from "./text-bytes.js";

const LONGEST_ROW = 16 * 1024 * 1024;

/**
 * The rows of a table with a header, in its order: fields in quotes may hold line breaks, and commas, semicolons or tabs separate them,
 * whichever the header has most of. An empty cell is no field; one that holds a JSON list or object is that.
 * @throws DataError naming the file and the line.
 */
export async function* readCsvRows(path: string): AsyncGenerator<RawRow> {
  const chunks = utf8Chunks(path);
  const first = await firstOf(chunks);
  if (first === undefined) return;
  const parser = Readable.from(startingWith(first, chunks)).pipe(
    parse({
      bom: true,
      columns: (names: string[]) => names.map((name) => name.trim()),
      delimiter: delimiterOf(Buffer.from(first).toString("utf8")),
      info: true,
      max_record_size: LONGEST_ROW,
      skip_empty_lines: true,
    }),
  );
  let number = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: Record<string, string>;
      info: { lines: number };
    }>) {
      number += 1;
      const cells = Object.entries(record).filter(([, cell]) => cell !== "");
      const value = Object.fromEntries(cells.map(([name, cell]) => [name, structured(cell)]));
      yield { number, where: `Row ${number} of ${path} (up to line ${info.lines})`, value };
    }
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new DataError(
      `${path} cannot be read as a table: ${shorten(cause.message.replace(/\s+/g, " "))}.`,
      { cause },
    );
  }
}

function delimiterOf(text: string): string {
  const header = text.split("\n", 1)[0]!.replace(/"[^"]*"/g, "");
  const counts = [",", ";", "\t"].map((sign) => [sign, header.split(sign).length] as const);
  return counts.reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

/** A list or object as JSON, for messages and choices; any other cell is its text. */
function structured(cell: string): unknown {
  if (!/^\s*\[\s*\{|^\s*\[\s*"/.test(cell) || isTooDeep(cell)) return cell;
  try {
    return JSON.parse(cell);
  } catch {
    return cell;
  }
}
