import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { randomStream } from "../core/random.js";
import { measure } from "../evaluate/measure.js";
import type { Prompt, Response } from "../policy/policy.js";
import { reportOfRun } from "./report-of-run.js";
import { renderReport } from "./render-report.js";
import { rewardNamed } from "../reward/registry.js";
import { startRun, type Run } from "../run/run.js";
import { verifyRun } from "../run/verify-run.js";
import type { Task } from "../task/task.js";
import { drawnPrompts } from "../sharpen/drawn-prompts.js";
import { evaluateRun } from "../sharpen/evaluate-run.js";
import { poolsOf } from "../sharpen/selections.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-drawn-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const N = 6;
const prompts = Array.from({ length: 12 }, (_, p): Prompt => ({ id: `p${p}`, text: `What is ${p}?` }));
const extract = (text: string): string | undefined => /= (\d+)/.exec(text)?.[1];
const task: Task = {
  ...{ name: "numbers", digest: "d", maxTokens: 4, extract },
  prompts: (split) => (split === "test" ? prompts : []),
  grade: (id, text) => (id === "p5" ? undefined : extract(text) === id.slice(1)),
};
const rewards = ["log-likelihood", "majority", "self-certainty"].map(rewardNamed);

const stream = randomStream(1, "drawn");
function response({ id }: Prompt, index: number): Response {
  const logProbs = Array.from({ length: 1 + stream.integer(4) }, () => -2 * stream.next());
  const said = ["hm", `= ${id.slice(1)}`, `= ${stream.integer(12)}`, `= ${id.slice(1)}`][stream.integer(4)]!;
  const [tokens, certainties] = [logProbs.map((_, t) => t), logProbs.map((value) => 1 + value)];
  return {
    promptId: id,
    index,
    text: said,
    tokens,
    logProbs,
    certainties,
    finish: index === 3 ? "length" : "stop",
  };
}

/** A run whose responses came in the order in which servers answer: any. */
async function mixedRun(): Promise<Run> {
  const config = {
    model: { name: "m", digest: "m" },
    task: { name: task.name, digest: task.digest },
    drawing: { n: N, temperature: 1, maxTokens: 4 },
    seeds: { run: 1 },
  };
  const run = await startRun(join(dir, "run"), config, { command: "test", createdAt: "2026-01-01" });
  const [promptLog, drawn, greedy] = [await run.promptLog(), await run.responseLog(), await run.greedyLog()];
  for (const { id, text } of prompts) promptLog.append({ id, text, split: "test" });
  for (const index of [4, 0, 5, 2, 1, 3]) for (const prompt of prompts) drawn.append(response(prompt, index));
  for (const prompt of prompts.toReversed()) greedy.append(response(prompt, -1));
  return run;
}

describe("a run that is read prompt by prompt", () => {
  it("is measured as the same responses in memory are, and shown by a sample where that is asked for", async () => {
    const run = await mixedRun();
    const drawn = await drawnPrompts(run);
    expect(drawn.map(({ responses }) => responses.map(({ index }) => index))).toEqual(
      prompts.map(() => [0, 1, 2, 3, 4, 5]),
    );
    const pools = poolsOf(
      task,
      prompts,
      drawn.map(({ responses }) => responses),
    );
    const greedy = drawn.map((one) => one.greedy);
    const inMemory = await measure({ task, pools, greedy, rewards, seed: 1, independent: true });
    const metrics = await evaluateRun({ run, task, rewards });
    expect(JSON.stringify({ ...metrics, costs: undefined, findings: [] })).toBe(
      JSON.stringify({
        ...inMemory,
        ...{ model: "m", temperature: 1, adapters: {}, findings: [], seconds: {} },
      }),
    );
    const order = (await run.selections()).map(({ reward, promptId }) => `${reward} ${promptId}`);
    expect(order).toEqual(rewards.flatMap(({ name }) => prompts.map(({ id }) => `${name} ${id}`)));

    const whole = await reportOfRun(run, task, metrics);
    expect(whole.prompts).toHaveLength(12);
    expect(whole.sampleOf).toBeUndefined();
    const few = await reportOfRun(run, task, metrics, { prompts: 5, from: 60 });
    expect(few.prompts).toEqual([0, 2, 4, 7, 9].map((place) => whole.prompts[place]));
    expect(renderReport(few)).toContain("a sample of 5 of 12 prompts, evenly spread, is listed");
    expect(renderReport(whole)).not.toContain("a sample of");
    await run.close();
    expect((await verifyRun(run.dir)).problems).toEqual([]);
  });
});
