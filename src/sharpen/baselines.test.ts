import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import type { Response } from "../policy/policy.js";
import { filesOf, newFolder, runJob, tinyJob, tinyTask } from "./tiny-job.test-helper.js";
import { collect, tinyGamePolicy } from "./tiny-policies.test-helper.js";

const SAMPLES = 3;

it("draws and measures one sample in other ways, and leaves what is drawn else as it is", async () => {
  const policy = await tinyGamePolicy();
  const job = tinyJob(policy, await tinyTask(true), { amortize: undefined, adaptiveDelta: undefined });
  const [plain, wide] = [newFolder(), newFolder()];
  const without = await runJob(plain, job);
  const { metrics } = await runJob(wide, { ...job, baselineSamples: SAMPLES });
  expect(without.metrics.baselines).toBeUndefined();
  expect(Object.keys(metrics.baselines!)).toEqual([
    "temperature 0.25",
    "temperature 0.5",
    "temperature 0.7",
    "top-p 0.9",
    "beam search of width 2",
    "beam search of width 4",
    "beam search of width 8",
  ]);
  const [before, after] = [filesOf(plain), filesOf(wide)];
  for (const name of ["greedy.jsonl", "responses.jsonl", "selections.jsonl", "prompts.jsonl"])
    expect(after[name]).toBe(before[name]);
  for (const [name, file, law] of [
    ["temperature 0.5", "baseline-temperature-0.5.jsonl", { temperature: 0.5 }],
    ["top-p 0.9", "baseline-top-p-0.9.jsonl", { temperature: 1, topP: 0.9 }],
  ] as const) {
    const lines = readFileSync(join(wide, file), "utf8").trim().split("\n");
    const drawn = lines.map((line) => JSON.parse(line) as Response);
    // Four test prompts; each response is what the policy draws so, scored at temperature 1.
    expect(drawn).toHaveLength(4 * SAMPLES);
    const prompts = [...new Set(drawn.map(({ promptId }) => promptId))];
    const requests = job.task
      .prompts("test")
      .filter(({ id }) => prompts.includes(id))
      .flatMap((prompt) => Array.from({ length: SAMPLES }, (_, index) => ({ prompt, index })));
    const options = { ...law, maxTokens: job.maxTokens, seed: job.seed };
    const again = await collect(policy.sample(requests, options));
    const textOf = (of: readonly Response[]) =>
      new Map(of.map(({ promptId, index, text }) => [`${promptId} ${index}`, text]));
    expect(textOf(drawn)).toEqual(textOf(again));
    const mean =
      drawn.reduce((sum, { logProbs }) => sum + logProbs.reduce((a, b) => a + b, 0), 0) / drawn.length;
    expect(metrics.baselines![name]!.logLikelihood.value).toBeCloseTo(mean, 6);
  }
  // Lower temperatures draw what the base finds likelier.
  const { "temperature 0.25": cold, "temperature 0.7": mild } = metrics.baselines!;
  expect(cold!.logLikelihood.value).toBeGreaterThan(mild!.logLikelihood.value);
  expect(mild!.logLikelihood.value).toBeGreaterThan(metrics.base.logLikelihood.value);
  await expect(runJob(newFolder(), { ...job, baselineSamples: 0 })).rejects.toThrow(UsageError);
  await policy.dispose();
});
