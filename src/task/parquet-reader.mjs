/**
 * The process that reads a Parquet file: rows as JSON lines on stdout, one group of rows after another. A process of its own,
 * because a damaged or hostile file can make a reader ask for any amount of memory, which ends the process that asks.
 *
 * Arguments: the file, then the names of the columns, whatever their capitals. An error is the last line of stderr, and the exit code is 1. Plain
 * JavaScript, so that the same file serves the sources under test and the built package.
 */
import { once } from "node:events";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";

const [path = "", ...wanted] = process.argv.slice(2);

/** @param {string} _key @param {unknown} value */
const jsonValue = (_key, value) => {
  if (typeof value !== "bigint") return value;
  // Beyond what a float holds, its digits.
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
};

async function writeRows() {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file, { geoparquet: false });
  const there = parquetSchema(metadata).children.map(({ element }) => element.name);
  const names = new Set(wanted.map((name) => name.toLowerCase()));
  const columns = there.filter((column) => names.has(column.toLowerCase()));
  if (columns.length === 0) {
    throw new Error(`none of its columns is read: ${there.slice(0, 8).join(", ")}`);
  }
  let rowStart = 0;
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows);
    const rows = await parquetReadObjects({ file, metadata, columns, rowStart, rowEnd, geoparquet: false });
    for (const row of rows) {
      if (!process.stdout.write(`${JSON.stringify(row, jsonValue)}\n`)) await once(process.stdout, "drain");
    }
    rowStart = rowEnd;
  }
}

try {
  await writeRows();
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
