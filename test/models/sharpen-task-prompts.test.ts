import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunError } from "../../src/core/errors.js";
import type { LocalPolicy } from "../../src/policy/local-policy.js";
import { openRun } from "../../src/run/run.js";
import { verifyRun } from "../../src/run/verify-run.js";
import { rewardNamed } from "../../src/reward/registry.js";
import { jsonlTask } from "../../src/task/jsonl.js";
import type { Task } from "../../src/task/task.js";
import type { Progress } from "../../src/sharpen/draw.js";
import { evaluateRun } from "../../src/sharpen/evaluate-run.js";
import { filesOf, newFolder, runJob, tinyJob } from "../../src/sharpen/tiny-job.test-helper.js";
import { promptsOf, tinyPolicy } from "../../src/sharpen/tiny-policies.test-helper.js";

/** A user's file: one prompt with an id of its own, the others named by their text. */
function fileOf(texts: readonly string[], same: string, answer = 23): Promise<Task> {
  const path = join(mkdtempSync(join(tmpdir(), "whetstone-task-")), "numbers.jsonl");
  const lines = [{ id: "same", prompt: same }, ...texts.map((prompt) => ({ prompt }))];
  writeFileSync(path, lines.map((line) => JSON.stringify({ ...line, answer })).join("\n"));
  return jsonlTask(path, { grader: "numeric", maxTokens: 5 });
}

/** The files of a run without what it has set aside; what a batch of one prompt computes differs in a float's last bits. */
const kept = (dir: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(filesOf(dir))
      .filter(([name]) => !name.startsWith("set-aside"))
      .map(([name, text]) => [
        name,
        text.replace(/-?\d+\.\d+(?:e-\d+)?/g, (number) => Number(number).toFixed(3)),
      ]),
  );

const texts = promptsOf(16).map(({ text }) => text);
let policy: LocalPolicy;
let before: Task;
let after: Task;
beforeAll(async () => {
  policy = await tinyPolicy("tiny-tied");
  before = await fileOf(texts.slice(0, 14), texts[14]!);
  // Three are gone, one is new at the top, and the same id has another text.
  after = await fileOf([texts[15]!, ...texts.slice(2, 6), ...texts.slice(7, 14)], "1 1 1 :");
});
afterAll(() => policy.dispose());

describe("a run whose file of prompts has changed", { timeout: 120_000 }, () => {
  const dir = newFolder();
  let whole: Record<string, string>;

  it("ends, continued, with the files of a run that was made with the changed file", async () => {
    await runJob(dir, tinyJob(policy, before));
    whole = kept(dir);
    const fresh = newFolder();
    await runJob(fresh, tinyJob(policy, after));
    const notes: string[] = [];
    await runJob(dir, tinyJob(policy, after, { note: (text) => notes.push(text) }));
    expect(kept(dir)).toEqual(kept(fresh));
    expect(notes).toHaveLength(2);
    expect(notes[0]).toMatch(
      /^The prompts of numbers\.jsonl have changed: .*are gone.*; what was drawn for the others is kept\.$/,
    );
    expect(notes[1]).toMatch(/^The sft adapter learned from other prompts: it is kept in set-aside/);
    expect(readdirSync(join(dir, "set-aside")).sort()).toEqual([
      "adapters-sft-1",
      "metrics.json-1",
      "records.jsonl",
    ]);
    expect((await verifyRun(dir)).problems).toEqual([]);
  });

  it("draws nothing again for prompts that come back", async () => {
    const told: Progress[] = [];
    await runJob(dir, tinyJob(policy, before, { onProgress: (progress) => told.push(progress) }));
    expect(kept(dir)).toEqual(whole);
    const first = (stage: string): Progress => told.find((progress) => progress.stage === stage)!;
    for (const stage of ["greedy", "sampling", "drawing training examples"])
      expect(first(stage).done, stage).toBe(first(stage).total);
  });

  it("draws only for what is new, and never takes another text's responses", async () => {
    const texts = promptsOf(4).map(({ text }) => text);
    const own = newFolder();
    const drawing = { amortize: undefined, adaptiveDelta: undefined };
    const told: Progress[] = [];
    await runJob(own, tinyJob(policy, await fileOf(texts.slice(0, 3), "1 2 3 :"), drawing));
    const job = tinyJob(policy, await fileOf(texts, "3 2 1 :"), drawing);
    await runJob(own, { ...job, onProgress: (progress) => told.push(progress) });
    // Five prompts of four responses; three prompts are as they were.
    expect(told.find(({ stage }) => stage === "sampling")).toMatchObject({ done: 12, total: 20 });
    const fresh = newFolder();
    await runJob(fresh, job);
    expect(kept(own)).toEqual(kept(fresh));
  });

  it("measures anew with other labels, and keeps every response", async () => {
    const own = newFolder();
    const texts = promptsOf(4).map(({ text }) => text);
    const job = tinyJob(policy, await fileOf(texts, "1 2 3 :"), { amortize: undefined });
    await runJob(own, job);
    const responses = readFileSync(join(own, "responses.jsonl"), "utf8");
    const task = await fileOf(texts, "1 2 3 :", 13);
    const run = await openRun(own);
    const notes: string[] = [];
    const rewards = job.rewards.slice(0, 1);
    const metrics = await evaluateRun({ run, task, rewards, note: (text) => notes.push(text) });
    await run.close();
    expect(notes).toEqual([
      expect.stringMatching(/^The labels of numbers\.jsonl, .* its prompts have not\.$/),
    ]);
    expect(readFileSync(join(own, "responses.jsonl"), "utf8")).toBe(responses);
    expect(run.manifest.task.digest).toBe(task.digest);
    const right = (answer: string): number =>
      responses
        .trimEnd()
        .split("\n")
        .filter((line) => task.extract((JSON.parse(line) as { text: string }).text) === answer).length / 20;
    expect(metrics.base.accuracy!.value).toBeCloseTo(right("13"), 12);
  });

  it("is not evaluated against a file of other prompts", async () => {
    const own = newFolder();
    const texts = promptsOf(4).map(({ text }) => text);
    await runJob(own, tinyJob(policy, await fileOf(texts, "1 2 3 :"), { amortize: undefined }));
    const run = await openRun(own);
    const task = await fileOf(["4 4 4 :"], "5 5 5 :");
    const rewards = [rewardNamed("majority")];
    await expect(evaluateRun({ run, task, rewards })).rejects.toThrow(RunError);
    await expect(evaluateRun({ run, task, rewards })).rejects.toThrow(
      /was made with other prompts: the task has none of its 5/,
    );
    await run.close();
  });
});
