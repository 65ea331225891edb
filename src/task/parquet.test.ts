import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { DataError } from "../core/errors.js";
import type { RawRow } from "./json-lines.js";
import { readParquetRows } from "./parquet.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-parquet-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const testdata = (name: string): string => fileURLToPath(new URL(`testdata/${name}`, import.meta.url));

async function rowsOf(path: string, columns: readonly string[]): Promise<RawRow[]> {
  const rows: RawRow[] = [];
  for await (const row of readParquetRows(path, columns)) rows.push(row);
  return rows;
}

function damaged(name: string, change: (bytes: Buffer) => Buffer): string {
  const path = join(dir, name);
  writeFileSync(path, change(readFileSync(testdata("gsm8k.parquet"))));
  return path;
}

// The files are Arrow's own (scripts/golden/parquet_files.py); the values are those that the script was given.
describe("readParquetRows", () => {
  it("gives the rows as Arrow wrote them, lists and 64-bit integers too", async () => {
    const rows = await rowsOf(testdata("mmlu.parquet"), ["question", "subject", "choices", "answer", "none"]);
    expect(rows.map(({ value }) => value)).toEqual([
      {
        question: "Which is a noble gas?",
        subject: "college_chemistry",
        choices: ["Na", "Ne", "N", "Ni"],
        answer: 1,
      },
      {
        question: "What does a plant cell have that an animal cell lacks?",
        subject: "college_biology",
        choices: ["a nucleus", "ribosomes", "a membrane", "a cell wall"],
        answer: 3,
      },
      {
        question: "What is the charge of a proton?",
        subject: "college_physics",
        choices: ["+e", "-e", "0", "2e"],
        answer: 0,
      },
    ]);
    expect(rows[2]).toMatchObject({ number: 3, where: `Row 3 of ${testdata("mmlu.parquet")}` });
  });

  it("reads several groups of rows, compressed or not, and only the columns asked for", async () => {
    const plain = await rowsOf(testdata("groups.parquet"), ["answer"]);
    const snappy = await rowsOf(testdata("gsm8k.parquet"), ["answer"]);
    const answers = ["3 + 4 = <<3+4=7>>7\n#### 7", "2 * 500 = 1000\n#### 2,000", "5 * 4 = 20\n#### 20"];
    expect(plain.map(({ value }) => value)).toEqual(answers.map((answer) => ({ answer })));
    expect(snappy.map(({ value }) => value)).toEqual(plain.map(({ value }) => value));
  });

  it.each([
    [
      "another compression",
      () => testdata("zstd.parquet"),
      /unsupported compression codec: ZSTD; uncompressed and/,
    ],
    [
      "a cut",
      () => damaged("cut.parquet", (bytes) => bytes.subarray(0, 500)),
      /cannot be read as Parquet \(/,
    ],
    [
      "a footer that claims 2 GB",
      () => damaged("footer.parquet", (bytes) => (bytes.writeUInt32LE(2 ** 31, bytes.length - 8), bytes)),
      /metadata length 2147483648 exceeds/,
    ],
    ["another kind", () => damaged("text.parquet", () => Buffer.from("a,b\n1,2\n")), /is not a Parquet file/],
    ["nothing", () => damaged("empty.parquet", () => Buffer.alloc(0)), /is not a Parquet file/],
    ["no file", () => join(dir, "none.parquet"), /none.parquet cannot be read: there is no such file/],
  ])("refuses %s in one sentence", async (_, path, sentence) => {
    const error: unknown = await rowsOf(path(), ["question"]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).message).toMatch(sentence);
    expect((error as DataError).message).not.toMatch(/\n|\bat /);
  });

  it("ends the reading process when no more rows are wanted", async () => {
    for await (const { number } of readParquetRows(testdata("gsm8k.parquet"), ["question"])) {
      expect(number).toBe(1);
      break;
    }
  });
});
