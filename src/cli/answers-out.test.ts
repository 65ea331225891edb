import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DataError, RunError, UsageError } from "../core/errors.js";
import type { AnswerRecord } from "../sharpen/answer-record.js";
import { openAnswers, type Made } from "./answers-out.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-out-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const prompts = ["a", "b", "c"].map((id) => ({ id, text: `${id}?` }));
const made: Made = { model: "m", n: 8, stop: ["\n"] };
const answer = (id: string): AnswerRecord => ({
  ...{ id, prompt: `${id}?`, text: "yes", answer: "yes", finish: "stop", reward: "r" },
  ...{ score: -1, logLikelihood: -1, runnerUp: null },
});
const file = (name: string, text: string): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
};
const linesOf = (path: string): unknown[] =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);

describe("a file of answers", () => {
  it("is written by one command at a time", async () => {
    const path = join(dir, "shared.jsonl");
    const first = await openAnswers(path, prompts, made);
    await expect(openAnswers(path, prompts, made)).rejects.toThrow(
      `${path} is in use by process ${process.pid}`,
    );
    first.add(answer("a"));
    first.close();
    const second = await openAnswers(path, prompts, made);
    expect(second.has("a")).toBe(true);
    second.close();
    // A file that is refused for another reason is free again.
    await expect(openAnswers(path, prompts, { ...made, n: 9 })).rejects.toThrow("n = 8");
    (await openAnswers(path, prompts, made)).close();
  });

  it("goes on where it stopped, a torn line cut, and ends in the order of the prompts", async () => {
    const path = join(dir, "resumed.jsonl");
    const first = await openAnswers(path, prompts, made);
    first.add(answer("c"));
    first.close();
    writeFileSync(path, `${readFileSync(path, "utf8")}{"id":"b","pro`);
    const second = await openAnswers(path, prompts, made);
    expect(prompts.map(({ id }) => second.has(id))).toEqual([false, false, true]);
    second.add(answer("b"));
    second.add(answer("a"));
    await second.finish();
    second.close();
    expect(linesOf(path)).toEqual(["a", "b", "c"].map((id) => ({ ...answer(id), made })));
  });

  it("is not mixed with answers that were made otherwise, or are to other prompts", async () => {
    const path = join(dir, "mixed.jsonl");
    const out = await openAnswers(path, prompts, made);
    out.add(answer("a"));
    out.close();
    await expect(openAnswers(path, prompts, { ...made, n: 16 })).rejects.toThrow(
      `${path} holds answers made with n = 8, but now it is 16; answer as before, or choose another file with --out.`,
    );
    await expect(openAnswers(path, prompts, { ...made, topP: 0.9 })).rejects.toThrow(
      /topP = nothing, but now it is 0\.9/,
    );
    const other = [{ id: "a", text: "something else?" }];
    await expect(openAnswers(path, other, made)).rejects.toThrow(/another prompt of the id "a"/);
  });

  it("is never made of a file that holds something else", async () => {
    const notes = file("notes.txt", "a line without a break");
    await expect(openAnswers(notes, prompts, made)).rejects.toThrow(RunError);
    expect(readFileSync(notes, "utf8")).toBe("a line without a break");
    const rows = file("rows.jsonl", '{"id":"a","prompt":"a?"}\n');
    await expect(openAnswers(rows, prompts, made)).rejects.toThrow(DataError);
    await expect(openAnswers(rows, prompts, made, rows)).rejects.toThrow(UsageError);
    await expect(openAnswers(dir, prompts, made)).rejects.toThrow(/it is a folder, not a file/);
  });
});
