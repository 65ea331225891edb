import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { DataError } from "../core/errors.js";
import { readChunks } from "../core/files.js";
import { shorten, type RawRow } from "./json-lines.js";

const READER = fileURLToPath(new URL("./parquet-reader.mjs", import.meta.url));
const MEMORY_MB = 512;
const TIMEOUT_MS = 120_000;
const MAGIC = "PAR1";

/**
 * The rows of a Parquet file, in its order, read in a process of its own with bounded memory and time. Uncompressed and Snappy
 * files are read, which is what the Hugging Face hub has.
 * @param columns the columns that are read; those that the file lacks are left out.
 * @throws DataError naming the file, if it cannot be read, is no Parquet file, is damaged or is compressed otherwise.
 */
export async function* readParquetRows(path: string, columns: readonly string[]): AsyncGenerator<RawRow> {
  await checkMagic(path);
  const child = spawn(process.execPath, [`--max-old-space-size=${MEMORY_MB}`, READER, path, ...columns], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  let complaint = "";
  child.stderr
    .setEncoding("utf8")
    .on("data", (text: string) => (complaint = (complaint + text).slice(-1000)));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("close", resolve).once("error", reject);
  });
  ended.catch(() => undefined);
  try {
    let number = 0;
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
      number += 1;
      yield { number, where: `Row ${number} of ${path}`, value: JSON.parse(line) as unknown };
    }
    const status = await ended;
    if (status === 0) return;
    const reason =
      status === 1 && complaint !== ""
        ? `${shorten(complaint.replace(/\s+/g, " "))}; uncompressed and Snappy files are read`
        : `it is damaged, or needs more than ${MEMORY_MB} MB or ${TIMEOUT_MS / 1000} seconds`;
    throw new DataError(`${path} cannot be read as Parquet (${reason}); write it anew, or as JSONL.`);
  } finally {
    child.kill("SIGKILL");
  }
}

async function checkMagic(path: string): Promise<void> {
  for await (const chunk of readChunks(path)) {
    if (Buffer.from(chunk.subarray(0, 4)).toString("latin1") === MAGIC) return;
    break;
  }
  throw new DataError(`${path} is not a Parquet file; its first bytes are not ${MAGIC}.`);
}
