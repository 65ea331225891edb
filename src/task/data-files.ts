import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../core/errors.js";
import { readError } from "../core/files.js";
import { readJsonLines, type RawRow } from "./json-lines.js";
import { readParquetRows } from "./parquet.js";
import type { Split } from "./task.js";

/** A file of rows; `split` where its name tells it. */
export interface DataFile {
  readonly path: string;
  readonly split?: Split;
}

const IN_FOLDER = /^(train|validation|test)(?:-\d{5}-of-\d{5})?\.(?:jsonl|parquet)$/;

/**
 * The files of a data set: the one that a path names, or, of a folder, those that are called `train`, `validation` or `test`
 * with `.jsonl` or `.parquet`, also in parts as the Hugging Face hub has them (`test-00000-of-00001.parquet`); sorted.
 * @throws DataError naming the path if it is not there or the folder has no such file.
 */
export async function dataFiles(path: string): Promise<DataFile[]> {
  let names: string[];
  try {
    if (!(await stat(path)).isDirectory()) return [{ path }];
    names = await readdir(path);
  } catch (cause) {
    throw readError(path, cause);
  }
  const files = names.sort().flatMap((name) => {
    const split = IN_FOLDER.exec(name)?.[1] as Split | undefined;
    return split === undefined ? [] : [{ path: join(path, name), split }];
  });
  if (files.length > 0) return files;
  throw new DataError(
    `${path} has no test.jsonl, test.parquet or test-00000-of-00001.parquet (nor train or validation); name a file of rows.`,
  );
}

/**
 * The rows of a file, in its order: JSONL, or Parquet where the name ends so.
 * @param columns those that are needed; a Parquet file's others are not read.
 * @throws DataError naming the file, and the line or row.
 */
export function readRows(path: string, columns: readonly string[]): AsyncGenerator<RawRow> {
  return path.toLowerCase().endsWith(".parquet") ? readParquetRows(path, columns) : readJsonLines(path);
}
