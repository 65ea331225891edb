import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LocalPolicy } from "../policy/local-policy.js";
import { readRun } from "../run/read-run.js";
import { jsonlTask } from "../task/jsonl.js";
import type { Task } from "../task/task.js";
import { transductive } from "../task/transductive.js";
import { checkLengths, withoutLong } from "./fitting-prompts.js";
import { drawTask } from "./draw-task.js";
import { newFolder, startJob, tinyJob } from "./tiny-job.test-helper.js";
import { tinyGamePolicy, wordPolicy } from "./tiny-policies.test-helper.js";

/** Holds 48 tokens. */
let policy: LocalPolicy;
let task: Task;
let path: string;
const MAX_TOKENS = 12;
const short = "4 9 10 13 = 24 :";

beforeAll(async () => {
  policy = await tinyGamePolicy(16);
  path = join(mkdtempSync(join(tmpdir(), "whetstone-long-")), "mixed.jsonl");
  const texts = [short, "1 ".repeat(40), "1 2 3 4 = 24 :", "2 ".repeat(50)];
  writeFileSync(path, texts.map((prompt, i) => JSON.stringify({ id: `p${i}`, prompt })).join("\n"));
  task = await jsonlTask(path, { maxTokens: MAX_TOKENS });
});
afterAll(() => policy.dispose());

it("a prompt is too long from the first token on that the model cannot hold beside a response", async () => {
  const prompt = task.prompts("test")[1]!;
  const { length } = await policy.promptTokens(prompt);
  await checkLengths(policy, [prompt], policy.can.longest - length);
  await expect(checkLengths(policy, [prompt], policy.can.longest - length + 1)).rejects.toThrow(
    `The prompt "p1" has ${length} tokens, which with a response of ${48 - length + 1} are more than the 48 that tiny-game holds; `,
  );
});

it("the first that is too long is named with its line, before anything is drawn", async () => {
  const dir = newFolder();
  const job = tinyJob(policy, task, { n: 2, maxTokens: MAX_TOKENS });
  const run = await startJob(dir, job);
  const { length } = await policy.promptTokens(task.prompts("test")[1]!);
  await expect(drawTask({ ...job, run, learn: false })).rejects.toMatchObject({
    name: "UsageError",
    reason: "prompts-too-long",
    where: "p1",
    message:
      `Line 2 of ${path}: the prompt has ${length} tokens, which with a response of 12 are more than the 48 that tiny-game holds ` +
      "(2 of 4 prompts are too long); leave such prompts out, shorten them, or lower `maxTokens`.",
  });
  await run.close();
  expect(await readRun(dir).greedy()).toEqual([]);
  expect(await readRun(dir).prompts()).toEqual([]);
});

it("left out, the others are what they were, and how many were is told", async () => {
  const notes: string[] = [];
  const rest = await withoutLong(policy, task, MAX_TOKENS, (text) => void notes.push(text));
  expect(rest.prompts("test")).toEqual([0, 2].map((i) => task.prompts("test")[i]));
  expect([rest.name, rest.digest, rest.maxTokens]).toEqual([task.name, task.digest, MAX_TOKENS]);
  expect(rest.extract("so\n24")).toBe(task.extract("so\n24"));
  expect(notes).toEqual([
    "Left out: 2 of 4 prompts, which with a response of 12 tokens are longer than the 48 that tiny-game holds.",
  ]);
  expect(await withoutLong(policy, rest, MAX_TOKENS, (text) => void notes.push(text))).toBe(rest);
  expect(notes).toHaveLength(1);
});

it("a policy that does not tell how long a prompt is takes all", async () => {
  await checkLengths(wordPolicy(), task.prompts("test"), MAX_TOKENS, task);
});

it("a task that learns from what is measured still does so without the long ones, and says where prompts stand", async () => {
  const left = await withoutLong(policy, transductive(task), MAX_TOKENS);
  expect(left.learnsFromTest).toBe(true);
  expect(left.prompts("train").map(({ id }) => id)).toEqual(["again-p0", "again-p2"]);
  expect(left.where!("again-p2")).toBe(`Line 3 of ${path}`);
});
