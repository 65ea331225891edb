import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DataError, UsageError } from "../core/errors.js";
import { graderNamed, graderNames, isGraderName } from "./graders.js";
import { jsonlTask, type JsonlOptions } from "./jsonl.js";
import { findTask } from "./registry.js";
import type { Task } from "./task.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-jsonl-"));
const path = join(dir, "prompts.jsonl");
/** The first 16 digits of the SHA-256 of "one" and "a", as sha256sum gives them. */
const ONE = "text-7692c3ad3540bb80";
const A = "text-ca978112ca1bbdca";
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function taskOf(content: string | Uint8Array, options: JsonlOptions = {}): Promise<Task> {
  writeFileSync(path, content);
  return jsonlTask(path, options);
}

async function refusal(content: string | Uint8Array, options: JsonlOptions = {}): Promise<string> {
  const error: unknown = await taskOf(content, options).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DataError);
  return (error as DataError).message.replaceAll(path, "FILE");
}

describe("a JSONL file as a task", () => {
  it("has the prompts of each split in order, with ids from the text where there are none", async () => {
    const task = await taskOf(
      [
        '{"prompt": "one", "answer": "1"}',
        "",
        '{"prompt": "two", "id": "b", "split": "train", "level": 3}',
        '{"prompt": " three\\n", "id": 7}',
        '{"prompt": "four", "split": "validation"}',
      ].join("\n"),
    );
    expect(task.name).toBe("prompts.jsonl");
    expect(task.maxTokens).toBe(512);
    expect(task.prompts("test")).toEqual([
      { id: ONE, text: "one" },
      { id: "7", text: " three\n" },
    ]);
    expect(task.prompts("train")).toEqual([{ id: "b", text: "two" }]);
    expect(task.prompts("validation")).toEqual([{ id: "text-04efaf080f5a3e74", text: "four" }]);
    expect(task.grade(ONE, "so\n1")).toBe(true);
    expect(task.grade(ONE, "2")).toBe(false);
    expect(task.grade("b", "2")).toBeUndefined();
    expect(() => task.grade("c", "2")).toThrow(/has no prompt "c"/);
  });

  it("names a prompt by its text alone, wherever it stands, and the same text again by its count", async () => {
    const ids = async (lines: readonly string[], options: JsonlOptions = {}): Promise<string[]> =>
      (await taskOf(lines.join("\n"), options)).prompts("test").map(({ id }) => id);
    const [one, a] = ['{"prompt": "one"}', '{"prompt": "a", "answer": "2"}'];
    expect(await ids([one, a])).toEqual([ONE, A]);
    expect(await ids([a, '{"prompt": "other"}', one])).toEqual([A, expect.stringMatching(/^text-/), ONE]);
    expect(await ids([one, a, one, one])).toEqual([ONE, A, `${ONE}-2`, `${ONE}-3`]);
    // As runs of format 1 know them.
    expect(await ids([one, "", a, one], { ids: "line" })).toEqual(["line-1", "line-3", "line-4"]);
  });

  it("does not mind a byte-order mark, CRLF, blank lines and a missing last line break", async () => {
    const plain = await taskOf('{"prompt":"a"}\n{"prompt":"ü"}\n');
    const dressed = await taskOf('\uFEFF{"prompt":"a"}\r\n{"prompt":"ü"}');
    expect(dressed.digest).toBe(plain.digest);
    expect((await taskOf('\r\n  \n{"prompt":"a"}\n\n')).prompts("test")).toEqual([{ id: A, text: "a" }]);
  });

  it("grades with the grader that is asked for", async () => {
    const line = (answer: string | number): string => JSON.stringify({ prompt: "p", id: "p", answer });
    const graded = async (
      answer: string | number,
      options: JsonlOptions,
      text: string,
    ): Promise<boolean | undefined> => (await taskOf(line(answer), options)).grade("p", text);
    expect(await graded("True", { grader: "exact" }, "Reasoning.\nTrue")).toBe(true);
    expect(await graded("True", { grader: "exact" }, "true")).toBe(false);
    expect(await graded("True", {}, "The answer is true.")).toBe(true);
    expect(await graded(18, {}, "The answer is $18.00.")).toBe(true);
    expect(await graded("(b)", {}, "The answer is B.")).toBe(true);
    expect(await graded("It is a sentence of its own.", {}, "it is a sentence of its own.")).toBe(false);
    expect(await graded(18, { grader: "numeric" }, "The answer is $18.00.")).toBe(true);
    expect(await graded("6 * 3 = 18\n#### 18", { grader: "numeric" }, "\\boxed{18}")).toBe(true);
    expect(await graded("18", { grader: "numeric" }, "19")).toBe(false);
    expect(await graded("18", { grader: "numeric" }, "I do not know")).toBe(false);
    expect(await graded("(b)", { grader: "choice" }, "The answer is B.")).toBe(true);
    expect(await graded("B", { grader: "choice" }, "The answer is A.")).toBe(false);
    expect(await graded("B", { grader: "none" }, "B")).toBeUndefined();
  });

  it("takes messages where the model does, and only there", async () => {
    const content = '{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}';
    for (const takes of ["both", "messages"] as const) {
      expect((await taskOf(content, { takes })).prompts("test")[0]).toMatchObject({
        text: "system: s\n\nuser: u",
        messages: [
          { role: "system", content: "s" },
          { role: "user", content: "u" },
        ],
      });
    }
    await expect(taskOf(content)).rejects.toThrow(UsageError);
    await expect(taskOf(content)).rejects.toThrow(
      /^Line 1 of .* has "messages", but the model has no chat template/,
    );
  });

  it("makes a prompt the user's message where the model takes conversations, unless it is raw", async () => {
    const lines = '{"prompt": "a", "id": "x"}\n{"prompt": "b", "id": "y", "raw": true}';
    const of = async (options: JsonlOptions): Promise<unknown> =>
      (await taskOf(lines, options)).prompts("test");
    const [a, b] = ["a", "b"].map((content) => [{ role: "user", content }]);
    expect(await of({})).toEqual([
      { id: "x", text: "a" },
      { id: "y", text: "b" },
    ]);
    expect(await of({ takes: "both" })).toEqual([
      { id: "x", text: "a", messages: a },
      { id: "y", text: "b" },
    ]);
    expect(await of({ takes: "both", raw: true })).toEqual(await of({}));
    await expect(of({ takes: "messages" })).rejects.toThrow(
      /^Line 2 of .* is to be given to the model as it is \(raw\), but its server is asked by conversations/,
    );
    const plain = lines.replace(', "raw": true', "");
    expect((await taskOf(plain, { takes: "messages" })).prompts("test")).toEqual([
      { id: "x", text: "a", messages: a },
      { id: "y", text: "b", messages: b },
    ]);
    const digests = await Promise.all(
      ([{}, { takes: "both" }, { takes: "both", raw: true }] as const).map(
        async (options) => (await taskOf(plain, options)).digest,
      ),
    );
    expect(digests[0]).toBe(digests[2]);
    expect(digests[1]).not.toBe(digests[0]);
  });

  it("has a digest of all that fixes prompts and grades, and of nothing else", async () => {
    const digest = async (content: string, options: JsonlOptions = {}): Promise<string> =>
      (await taskOf(content, options)).digest;
    const base = '{"prompt":"a","id":"x","answer":"1"}';
    const same = await digest(base);
    expect(await digest('{ "id":"x", "answer": 1, "prompt":"a", "note":"n" }')).toBe(same);
    expect(await digest(base, { maxTokens: 5 })).toBe(same);
    const others = await Promise.all(
      [
        '{"prompt":"b","id":"x","answer":"1"}',
        '{"prompt":"a","id":"y","answer":"1"}',
        '{"prompt":"a","id":"x","answer":"2"}',
        '{"prompt":"a","id":"x"}',
        '{"prompt":"a","id":"x","answer":"1","split":"train"}',
      ].map((content, at) => {
        const file = join(dir, `digest-${at}.jsonl`);
        writeFileSync(file, content);
        return jsonlTask(file).then((task) => task.digest);
      }),
    );
    expect(new Set([same, await digest(base, { grader: "exact" }), ...others]).size).toBe(7);
  });
});

describe("a malformed JSONL file is refused by line", () => {
  const ok = '{"prompt":"a"}\n';

  it.each([
    ["", /^FILE has no prompts/],
    ["\n \n", /^FILE has no prompts/],
    [`${ok}{"prompt": "b"`, /^Line 2 of FILE is not valid JSON \(.+\); write one JSON object a line\.$/],
    [`${ok}["b"]`, /^Line 2 of FILE is not a JSON object with a "prompt" or "messages"\.$/],
    [`${ok}null`, /^Line 2 of FILE is not a JSON object/],
    [
      `${ok}{"promt":"b"}`,
      /^Line 2 of FILE has neither "prompt" nor "messages", nor "question", "instruction", "conversations", "problem", "query" or "input"; it has "promt"\.$/,
    ],
    [`${ok}{"prompt":5}`, /^Line 2 of FILE has a wrong "prompt": .*string/],
    [`${ok}{"prompt":""}`, /^Line 2 of FILE has an empty prompt\.$/],
    [`${ok}{"prompt":"b","messages":[{"role":"user","content":"b"}]}`, /^Line 2 of FILE has both/],
    [`${ok}{"messages":[]}`, /^Line 2 of FILE has a wrong "messages": must hold at least one message\.$/],
    [`${ok}{"messages":[{"role":"user"}]}`, /^Line 2 of FILE has a wrong "messages\.0\.content"/],
    [
      `${ok}{"prompt":"b","answer":["1"]}`,
      /^Line 2 of FILE has a wrong "answer": must be a string or a number\.$/,
    ],
    [
      `${ok}{"prompt":"b","answer":" "}`,
      /^Line 2 of FILE has the answer " ", but the grader "exact" needs text/,
    ],
    [`${ok}{"prompt":"b","split":"dev"}`, /^Line 2 of FILE has a wrong "split"/],
    [`${ok}{"prompt":"b","id":1.5}`, /^Line 2 of FILE has a wrong "id"/],
    [`${ok}{"prompt":"b","id":"a\\nb"}`, /^Line 2 of FILE has an id that is empty, longer than 200/],
    [
      `{"prompt":"b","id":"x"}\n\n{"prompt":"c","id":"x"}`,
      /^Line 3 of FILE has the id "x" of line 1; ids must be unique\.$/,
    ],
    [`${ok}{"prompt":"b\0"}`, /^Line 2 of FILE holds a NUL byte/],
    [`${ok}\0\0\0\n`, /^Line 2 of FILE holds a NUL byte/],
    [`${ok}{"prompt":"b\\u0000"}`, /^Line 2 of FILE has a NUL or half of a surrogate pair in its prompt/],
    [`${ok}{"prompt":"\\ud800"}`, /^Line 2 of FILE has a NUL or half of a surrogate pair in its prompt/],
    [`${ok}${"[".repeat(100_000)}`, /^Line 2 of FILE is nested more than 1000 deep/],
    [
      `${ok}{"prompt":"b","x":${"[".repeat(100_000)}${"]".repeat(100_000)}}x`,
      /^Line 2 of FILE is nested more than 1000 deep/,
    ],
    [new Uint8Array([0x7b, 0xff, 0x7d]), /^Line 1 of FILE is not valid UTF-8/],
  ])("case %#", async (content, message) => {
    const refused = await refusal(content);
    expect(refused).toMatch(message);
    expect(refused).not.toContain("\n");
    expect(refused.length).toBeLessThan(400);
  });

  it("where the grader cannot compare a label", async () => {
    const content = '{"prompt":"a","answer":"none of these"}';
    expect(await refusal(content, { grader: "numeric" })).toMatch(
      /^Line 1 of FILE .* the grader "numeric" needs one value, such as 18, .*; choose/,
    );
    expect(await refusal(content, { grader: "choice" })).toMatch(/needs a letter from A to J/);
  });

  it("where a line is longer than 16 MB, in bounded memory", async () => {
    writeFileSync(path, ok);
    truncateSync(path, 200 * 2 ** 20);
    const before = process.memoryUsage().rss;
    await expect(jsonlTask(path)).rejects.toThrow(/^Line 2 of .* is longer than 16,777,216 bytes/);
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * 2 ** 20);
  });

  it("where there is no file", async () => {
    await expect(jsonlTask(join(dir, "none.jsonl"))).rejects.toThrow(
      /none.jsonl cannot be read: there is no such file/,
    );
    await expect(jsonlTask(dir)).rejects.toThrow(DataError);
    await expect(taskOf(ok, { maxTokens: 0 })).rejects.toThrow(UsageError);
  });
});

describe("findTask", () => {
  it("finds built-in tasks and files, and names what there is otherwise", async () => {
    expect((await findTask("game24", { orders: 2 })).prompts("train").length).toBeGreaterThan(2000);
    writeFileSync(path, '{"prompt":"a","answer":3}');
    expect((await findTask(path, { grader: "numeric" })).grade(A, "it is 3")).toBe(true);
    await expect(findTask("game25")).rejects.toThrow(UsageError);
    expect((await findTask("game24", { maxTokens: 30 })).maxTokens).toBe(30);
    await expect(findTask("game24", { maxTokens: 0 })).rejects.toThrow(UsageError);
    await expect(findTask("game24", { grader: "exact" })).rejects.toThrow(/has a grader of its own/);
    await expect(findTask(path, { orders: 2 })).rejects.toThrow(/are for game24/);
    await expect(findTask("game25")).rejects.toThrow(
      /^There is no task "game25" \(did you mean game24\?\): choose one of game24, game24-fresh, game24-train, game24-spare, gsm8k, math, .*, or give the path of your own file \(.*\) or module/,
    );
  });
});

describe("graders", () => {
  it("are found by name", () => {
    expect(graderNames).toEqual(["exact", "label", "numeric", "choice", "regex:<pattern>", "none"]);
    for (const name of graderNames.filter(isGraderName)) expect(graderNamed(name).name).toBe(name);
    expect(["numeric", "regex:x", "toString", "regex:"].map(isGraderName)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
