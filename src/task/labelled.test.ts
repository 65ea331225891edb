import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { DataError, UsageError } from "../core/errors.js";
import { taskEntries, findTask, taskPath } from "./registry.js";
import type { Task } from "./task.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-labelled-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const testdata = (name: string): string => fileURLToPath(new URL(`testdata/${name}`, import.meta.url));

let files = 0;
function fileOf(rows: readonly object[]): string {
  const path = join(dir, `rows-${files++}.jsonl`);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return path;
}

// Rows of our own in the schema of the public files.
const GSM8K = [
  { question: "Ann has 3 pens and buys 4. How many has she?", answer: "3 + 4 = <<3+4=7>>7\n#### 7" },
  { question: "What do 2 bikes of $1,000 cost?", answer: "2 * 1,000 = 2,000\n#### 2,000" },
];
const MATH = [
  { problem: "What is $2^5$?", level: "Level 1", type: "Algebra", solution: "It is $\\boxed{32}$." },
  { problem: "Halve 1.", level: "Level 1", type: "Algebra", solution: "$\\boxed{\\frac{1}{2}}$" },
  { problem: "Name an interval.", level: "Level 2", type: "Algebra", solution: "$\\boxed{(1, 2)}$" },
  { problem: "Negate $10{,}000$.", level: "Level 2", type: "Prealgebra", solution: "$\\boxed{-10{,}000}$" },
  { problem: "No box.", level: "Level 2", type: "Prealgebra", solution: "It is 4." },
];
const PRONTOQA = [
  {
    question: "Each dax is red. Tim is a dax.",
    query: "True or false: Tim is red.",
    chain_of_thought: ["Tim is a dax.", "Each dax is red.", "Tim is red."],
    answer: "True",
  },
  { question: "Wugs are not old. Ida is a wug.", query: "True or false: Ida is old.", answer: "False" },
];
const MMLU = [
  { question: "Noble gas?", subject: "college_chemistry", choices: ["Na", "Ne", "N", "Ni"], answer: 1 },
  { question: "Cell wall?", subject: "college_biology", choices: ["cat", "bee", "ant", "oak"], answer: 3 },
  { question: "Unit of force?", subject: "college_physics", choices: ["N", "J", "W", "V"], answer: 0 },
];

describe("the tasks of public data sets", () => {
  it.each([
    ["gsm8k", GSM8K, ["test-1", "test-2"], ["7", "The answer is $2,000.00."], ["8", "The answer is 2"]],
    ["math", MATH, ["test-1"], ["\\boxed{32}"], ["$\\boxed{\\frac{64}{2}}$"]],
    [
      "prontoqa",
      PRONTOQA,
      ["test-1", "test-2"],
      ["Tim is red. True", "The answer is False."],
      ["False", "yes"],
    ],
    ["mmlu-college-chemistry", MMLU, ["test-1"], ["The answer is (B)."], ["The answer is (C)."]],
    ["mmlu-college-biology", MMLU, ["test-2"], ["d"], ["A) cat"]],
    ["mmlu-college-physics", MMLU, ["test-3"], ["A) newton"], ["E"]],
  ] as const)("%s reads its rows and grades", async (name, rows, ids, right, wrong) => {
    const task = await findTask(name, { data: fileOf(rows) });
    expect(task.name).toBe(name);
    expect(task.maxTokens).toBe(512);
    expect(task.chance).toBe(name === "prontoqa" ? 0.5 : name.startsWith("mmlu") ? 0.25 : undefined);
    expect(task.prompts("test").map(({ id }) => id)).toEqual(ids);
    expect([task.prompts("train"), task.prompts("validation")]).toEqual([[], []]);
    ids.forEach((id, at) => {
      expect(task.grade(id, right[at]!)).toBe(true);
      expect(task.grade(id, wrong[at]!)).toBe(false);
      expect(task.grade(id, "")).toBe(false);
    });
    expect(() => task.grade("test-99", "7")).toThrow(/has no prompt "test-99"/);
  });

  it("shows one example, whose own response has its answer, and asks the question last", async () => {
    const data = { gsm8k: GSM8K, math: MATH, prontoqa: PRONTOQA };
    const shown: Record<string, string | undefined> = {};
    for (const { name, data: rowsFrom } of taskEntries) {
      if (rowsFrom === undefined) continue;
      const task = await findTask(name, { data: fileOf(data[name as keyof typeof data] ?? MMLU) });
      const { text } = task.prompts("test")[0]!;
      const [, question, response] = /\n\nQuestion: ([^]*?)\nAnswer: ([^]*?)\n\nQuestion: /.exec(text)!;
      shown[name] = task.extract(response!);
      expect(text.endsWith("\nAnswer:")).toBe(true);
      // What a base model goes on with after its answer changes nothing.
      expect(task.extract(`${response!}\n\nQuestion: ${question!}\nAnswer: True (D) 99`)).toBe(shown[name]);
    }
    expect(shown).toEqual({
      gsm8k: "84",
      math: "7",
      prontoqa: "False",
      "mmlu-college-biology": "B",
      "mmlu-college-physics": "C",
      "mmlu-college-chemistry": "A",
    });
  });

  it("makes the example an earlier turn where the model takes conversations", async () => {
    const task = await findTask("mmlu-college-physics", {
      data: fileOf(MMLU),
      takes: "both",
    });
    const instruction = 'Choose the right answer. Reason briefly, and end with "The answer is (X)."';
    const { messages } = task.prompts("test")[0]!;
    expect(messages!.map(({ role, content }) => `<${role}>${content}`)).toEqual([
      expect.stringMatching(/^<user>Choose the right .*\n\nA stone falls [^]*\n\(D\) 90 m$/),
      expect.stringMatching(/^<assistant>From rest.* The answer is \(C\)\.$/),
      `<user>${instruction}\n\nUnit of force?\n(A) N\n(B) J\n(C) W\n(D) V`,
    ]);
  });

  it("asks without the example under a name of its own, which also learns from what is measured", async () => {
    const data = fileOf(GSM8K);
    const instruction = 'Solve the problem step by step. End with a line "#### " and the answer as a number.';
    const task = await findTask("gsm8k-zero-shot", { data, takes: "both" });
    const question = "Ann has 3 pens and buys 4. How many has she?";
    expect(task.name).toBe("gsm8k-zero-shot");
    expect(task.prompts("test")[0]!.messages).toEqual([
      { role: "user", content: `${instruction}\n\n${question}` },
    ]);
    const asText = await findTask("gsm8k-zero-shot", { data });
    expect(asText.prompts("test")[0]!.text).toBe(`${instruction}\n\nQuestion: ${question}\nAnswer:`);
    expect(task.grade("test-2", "#### 2000")).toBe(true);
    expect(task.digest).not.toBe((await findTask("gsm8k", { data, takes: "both" })).digest);

    const again = await findTask("gsm8k-zero-shot-transductive", { data, takes: "both" });
    expect(again.name).toBe("gsm8k-zero-shot-transductive");
    expect(again.prompts("train").map(({ id }) => id)).toEqual(["again-test-1", "again-test-2"]);
    await expect(findTask("game24-zero-shot")).rejects.toThrow(/game24-zero-shot/);
  });

  it("reads Parquet as JSONL, in any mixture, and a folder's splits by its names", async () => {
    const folder = join(dir, "folder");
    mkdirSync(folder);
    const test = join(folder, "test-00001-of-00002.jsonl");
    writeFileSync(test, `${JSON.stringify(GSM8K[0])}\n`);
    writeFileSync(join(folder, "test-00000-of-00002.jsonl"), `${JSON.stringify(GSM8K[1])}\n`);
    writeFileSync(join(folder, "train.jsonl"), `${JSON.stringify(GSM8K[1])}\n${JSON.stringify(GSM8K[0])}\n`);
    writeFileSync(join(folder, "test_socratic.jsonl"), "not read");
    const task = await findTask("gsm8k", { data: folder });
    expect(task.prompts("test").map(({ id }) => [id, task.grade(id, "7")])).toEqual([
      ["test-1", false],
      ["test-2", true],
    ]);
    expect(task.prompts("train").map(({ id }) => [id, task.grade(id, "7")])).toEqual([
      ["train-1", false],
      ["train-2", true],
    ]);
    const parquet = await findTask("gsm8k", { data: testdata("gsm8k.parquet") });
    expect(["7", "2000", "20"].map((answer, at) => parquet.grade(`test-${at + 1}`, answer))).toEqual([
      true,
      true,
      true,
    ]);
    const biology = await findTask("mmlu-college-biology", { data: testdata("mmlu.parquet") });
    expect(biology.prompts("test")).toHaveLength(1);
    expect(biology.grade("test-2", "(D) a cell wall")).toBe(true);
  });

  it("takes a row's own split, and the first rows of each", async () => {
    const rows = [
      ...GSM8K.map((row) => ({ ...row, split: "train" })),
      ...GSM8K,
      { ...GSM8K[0], split: "validation" },
    ];
    const splits = (task: Task): number[] =>
      (["train", "validation", "test"] as const).map((split) => task.prompts(split).length);
    const data = fileOf(rows);
    expect(splits(await findTask("gsm8k", { data }))).toEqual([2, 1, 2]);
    expect(splits(await findTask("gsm8k", { data, rows: 1 }))).toEqual([1, 1, 1]);
    const many = fileOf(Array.from({ length: 300 }, () => GSM8K[0]!));
    expect(splits(await findTask("gsm8k", { data: many }))).toEqual([0, 0, 256]);
    expect(splits(await findTask("gsm8k", { data: many, rows: 300 }))).toEqual([0, 0, 300]);
  });

  it("has a digest of prompts and labels, and of nothing else", async () => {
    const digest = async (rows: readonly object[], options = {}): Promise<string> =>
      (await findTask("gsm8k", { data: fileOf(rows), ...options })).digest;
    const same = await digest(GSM8K);
    expect(await digest(GSM8K.map((row) => ({ ...row, level: 3 })))).toBe(same);
    expect(await digest(GSM8K, { maxTokens: 9 })).toBe(same);
    const others = [
      await digest(GSM8K, { rows: 1 }),
      await digest(GSM8K.toReversed()),
      await digest([{ ...GSM8K[0], answer: "#### 8" }, GSM8K[1]!]),
      await digest(GSM8K, { takes: "both" }),
    ];
    expect(new Set([same, ...others]).size).toBe(5);
  });
});

describe("rows that cannot be used", () => {
  it.each([
    [
      "gsm8k",
      [{ question: "q", answer: "18" }],
      /^Line 1 of .* "answer" that does not end with "#### <number>"/,
    ],
    ["gsm8k", [GSM8K[0]!, { question: "q" }], /^Line 2 of .* has a wrong "answer"/],
    ["gsm8k", [{ ...GSM8K[0], split: "dev" }], /^Line 1 of .* has a wrong "split"/],
    ["gsm8k", [{ question: "a\0", answer: "#### 1" }], /^Line 1 of .* has a NUL/],
    ["gsm8k", [[1]], /^Line 1 of .* is not a JSON object with "question", "answer"\.$/],
    ["math", [MATH[1]!], /has no rows for math\.$/],
    ["prontoqa", [{ ...PRONTOQA[0], answer: "A" }], /^Line 1 of .* neither "True" nor "False"/],
    ["mmlu-college-physics", [{ ...MMLU[2], choices: ["a"] }], /wrong "choices": must be four texts/],
    ["mmlu-college-physics", [{ ...MMLU[2], answer: 4 }], /wrong "answer"/],
    ["mmlu-college-physics", [MMLU[0]!], /has no rows for mmlu-college-physics\.$/],
  ] as const)("%s: %j", async (name, rows, sentence) => {
    const error: unknown = await findTask(name, { data: fileOf(rows) }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).message).toMatch(sentence);
  });

  it("or are not there", async () => {
    const empty = join(dir, "empty");
    mkdirSync(empty);
    await expect(findTask("gsm8k", { data: empty })).rejects.toThrow(/empty has no test\.jsonl/);
    await expect(findTask("gsm8k", { data: join(dir, "none") })).rejects.toThrow(
      /none cannot be read: there/,
    );
    expect(() => taskPath("prontoqa")).toThrow(
      /^The task prontoqa needs the rows of its data set, .*; give the file, or a folder of such files, as `data`\.$/,
    );
  });

  it("refuses options of other tasks", async () => {
    const data = fileOf(GSM8K);
    await expect(findTask("gsm8k", { data, rows: 0 })).rejects.toThrow(UsageError);
    await expect(findTask("gsm8k", { data, maxTokens: 1.5 })).rejects.toThrow(UsageError);
    await expect(findTask("gsm8k", { data, grader: "exact" })).rejects.toThrow(/has a grader of its own/);
    await expect(findTask("gsm8k", { data, orders: 2 })).rejects.toThrow(/are for game24/);
    await expect(findTask("game24", { data })).rejects.toThrow(/^Rows are for gsm8k, .* leave out `data`\.$/);
    await expect(findTask("game24", { rows: 3 })).rejects.toThrow(/^`rows` is for gsm8k/);
    await expect(findTask(data, { data })).rejects.toThrow(/and name your own file as the task/);
  });
});
