import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { jsonlTask } from "./jsonl.js";
import { isPromptFile, readPromptRows } from "./prompt-files.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-files-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

async function valuesOf(name: string, content: string | Uint8Array): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const { value } of readPromptRows(fileOf(name, content))) values.push(value);
  return values;
}

const LINES = '{"prompt":"ä"}\n{"prompt":"b"}\n';
const ROWS = [{ prompt: "ä" }, { prompt: "b" }];

function bigEndian(text: string): Buffer {
  return Buffer.from(`\uFEFF${text}`, "utf16le").swap16();
}

describe("readPromptRows", () => {
  it.each<[string, string | Uint8Array]>([
    ["a.jsonl", LINES],
    ["a.NDJSON", LINES],
    ["a.json", JSON.stringify(ROWS, undefined, 2)],
    ["b.json", JSON.stringify({ version: 1, data: ROWS })],
    ["c.json", LINES],
    ["a.jsonl.gz", gzipSync(LINES)],
    // Packed, whatever its name.
    ["b.jsonl", gzipSync(LINES)],
    ["a.json.gz", gzipSync(JSON.stringify(ROWS))],
    ["a.csv", "\uFEFFprompt\r\nä\r\nb\r\n"],
    ["a.csv.gz", gzipSync("prompt\nä\nb\n")],
    ["a.txt", "ä\r\n\nb\n"],
    ["a.txt.gz", gzipSync("\uFEFFä\nb")],
    ["a.tsv", "prompt\tother\nä\t\nb\t\n"],
    ["c.jsonl", Buffer.from(`\uFEFF${LINES}`, "utf16le")],
    ["d.jsonl", Buffer.from(LINES, "utf16le")],
    ["e.jsonl", bigEndian(LINES)],
    ["b.csv", bigEndian("prompt\nä\nb\n")],
  ])("reads %s", async (name, content) => {
    expect(isPromptFile(name)).toBe(true);
    expect(await valuesOf(name, content)).toEqual(ROWS);
  });

  it("reads cells in quotes, other separators and lists of messages in tables", async () => {
    const messages = JSON.stringify([{ role: "user", content: "q" }]).replaceAll('"', '""');
    expect(await valuesOf("d.csv", `id;prompt;messages\n1;"a;\n""b""";\n2;;"${messages}"\n`)).toEqual([
      { id: "1", prompt: 'a;\n"b"' },
      { id: "2", messages: [{ role: "user", content: "q" }] },
    ]);
  });

  it.each<[string, string | Uint8Array, RegExp]>([
    ["f.csv", "prompt,answer\na\n", /f\.csv cannot be read as a table: .*Invalid Record Length.*line 2/],
    ["g.csv", 'prompt\n"a\n', /g\.csv cannot be read as a table: .*Quote Not Closed/],
    ["f.jsonl.gz", gzipSync(LINES).subarray(0, 20), /cannot be unpacked as gzip .*damaged or cut off/],
    ["g.json", '[{"prompt": "a"},', /g\.json is not valid JSON/],
    ["h.jsonl", Buffer.from([0xff, 0xfe, 0x00, 0xd8, 0x7b, 0x00]), /not valid UTF-16; save it as UTF-8/],
    ["i.json", Buffer.from([0x5b, 0xff, 0x5d]), /is not valid UTF-8/],
    ["h.json", '[{"prompt": "a"}, "b"]', /^Item 2 of .*h\.json is not a JSON object/],
    ["h.csv", "text\na\n", /^Row 1 of .*h\.csv \(up to line 2\) has neither "prompt".*it has "text"\.$/],
  ])("refuses %s", async (name, content, sentence) => {
    await expect(jsonlTask(fileOf(name, content))).rejects.toThrow(sentence);
  });
});

describe("a file of prompts as a task", () => {
  const notesOf = async (name: string, content: string): Promise<readonly string[]> =>
    (await jsonlTask(fileOf(name, content))).notes ?? [];

  it("tells what was taken and which grader was chosen, and why", async () => {
    expect(await notesOf("n1.csv", "question,answer\n1+1?,2\n1+2?,3\n")).toEqual([
      'n1.csv: took "question" as the prompt.',
      'n1.csv: answers are graded by the grader "numeric", since all 2 labels are values.',
    ]);
    expect(await notesOf("n2.jsonl", '{"prompt":"a","answer":"B"}\n{"prompt":"b"}\n')).toEqual([
      'n2.jsonl: answers are graded by the grader "choice", since the one label is a letter from A to J.',
    ]);
    expect(
      await notesOf("n3.jsonl", '{"instruction":"a","output":"Paris"}\n{"instruction":"b","output":"no"}\n'),
    ).toEqual([
      'n3.jsonl: took "instruction" as the prompt.',
      'n3.jsonl: took "output" as a reference answer.',
      "n3.jsonl: its reference answers are short, and are taken as labels.",
      'n3.jsonl: answers are graded by the grader "label", since all 2 labels are short words.',
    ]);
    expect(
      await notesOf("n4.jsonl", '{"prompt":"a","completion":"One sentence, and then another one."}\n'),
    ).toEqual([
      'n4.jsonl: took "completion" as a reference answer.',
      "n4.jsonl: its reference answers are longer than a word or two, and nothing is graded by them.",
      'n4.jsonl: answers are compared by the grader "exact", since there are no labels.',
    ]);
    expect(await notesOf("n5.jsonl", '{"prompt":"What is 2 + 3?"}\n')).toEqual([
      'n5.jsonl: answers are compared by the grader "numeric", since there are no labels, and the questions ask for numbers.',
    ]);
    const exact = await jsonlTask(fileOf("n6.jsonl", '{"prompt":"a","answer":18}\n'), { grader: "exact" });
    expect(exact.notes).toEqual([
      'n6.jsonl: all labels are numbers, and the grader "exact" compares letter by letter; "numeric" compares values.',
    ]);
  });

  it("keeps a number of JSON's that a float would round", async () => {
    const task = await jsonlTask(
      fileOf("big.jsonl", '{"prompt":"a","id":"x","answer":18446744073709551616}\n'),
    );
    expect(task.grade("x", "It is 18,446,744,073,709,551,616.")).toBe(true);
    expect(task.grade("x", "It is 18446744073709552000.")).toBe(false);
    const small = await jsonlTask(fileOf("small.jsonl", '{"prompt":"a","id":"x","answer":1e-400}\n'));
    expect(small.grade("x", "0")).toBe(false);
  });

  it("refuses a label that is no value by its line, before anything is drawn", async () => {
    const content = '{"prompt":"a","answer":"18"}\n{"prompt":"b","answer":"either 2 or so"}\n';
    await expect(jsonlTask(fileOf("bad.jsonl", content), { grader: "numeric" })).rejects.toThrow(
      /^Line 2 of .*bad\.jsonl has the answer "either 2 or so", but the grader "numeric" needs one value/,
    );
  });
});
