import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { Response } from "../policy/policy.js";
import { startRun } from "../run/run.js";
import { jsonlTask } from "../task/jsonl.js";
import { writeAnswers } from "./answers-file.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-answers-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const response = (index: number, text: string): Response => ({
  ...{ promptId: "q", index, text, finish: "stop" },
  ...{ tokens: [1], logProbs: [-1] },
});

/** The answers of a run of one prompt, whose three responses have the scores 2, 3 and 1. */
async function answersOf(name: string, row: object): Promise<unknown> {
  const path = join(dir, `${name}.jsonl`);
  writeFileSync(path, JSON.stringify(row));
  const task = await jsonlTask(path, { grader: "numeric" });
  const config = {
    model: { name: "m", digest: "0" },
    task: { name: task.name, digest: task.digest },
    drawing: { n: 3, temperature: 1, maxTokens: 9 },
    seeds: { run: 0 },
  };
  const run = await startRun(join(dir, name), config, { resume: false, command: "", createdAt: "" });
  try {
    (await run.promptLog()).append({ id: "q", text: "1 + 1?", split: "test" });
    (await run.greedyLog()).append(response(-1, "2"));
    const responses = await run.responseLog();
    ["It is 2.", "The answer is 2.0", "It is 3."].forEach((text, at) => responses.append(response(at, text)));
    (await run.selectionLog()).append({ promptId: "q", reward: "r", chosen: 1, scores: [2, 3, 1] });
    return await writeAnswers(run, task, "r");
  } finally {
    await run.close();
  }
}

it("writes what was chosen, and the best of another answer, where there are no labels", async () => {
  const answer = {
    id: "q",
    prompt: "1 + 1?",
    text: "The answer is 2.0",
    answer: "2",
    finish: "stop",
    reward: "r",
    score: 3,
    logLikelihood: -1,
    runnerUp: { text: "It is 3.", answer: "3", score: 1 },
  };
  const path = join(dir, "open", "answers.jsonl");
  expect(await answersOf("open", { prompt: "1 + 1?", id: "q" })).toEqual({ path, answers: [answer] });
  expect(readFileSync(path, "utf8")).toBe(`${JSON.stringify(answer)}\n`);
});

it("writes nothing where there are labels", async () => {
  expect(await answersOf("labelled", { prompt: "1 + 1?", id: "q", answer: 2 })).toBeUndefined();
});
