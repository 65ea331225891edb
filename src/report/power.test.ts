import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { readRun } from "../run/read-run.js";
import { startRun } from "../run/run.js";
import { drawPowerTask, powerSummary, readPower, type PowerDrawing } from "../sharpen/power/draw-power.js";
import { promptsOf, wordPolicy } from "../sharpen/tiny-policies.test-helper.js";
import { reportManifest } from "./report-of-run.js";

const root = mkdtempSync(join(tmpdir(), "whetstone-power-page-"));
afterAll(() => rmSync(root, { recursive: true }));

const drawing: Omit<PowerDrawing, "method"> = {
  ...{ alpha: 4, moves: 4, blocks: 2, particles: 8, n: 3, maxTokens: 9, seed: 5 },
};

it.each([
  [
    { method: "power", alpha: 4, moves: 4, blocks: 2, proposals: "1/α" },
    /^π\^4 by Metropolis–Hastings: \d+ % of the proposals were accepted \(\d+ % up to 5 tokens, \d+ % up to 9\)\.$/,
  ],
  [
    { method: "smc", alpha: 4, particles: 8, proposals: "1/α" },
    /^π\^4 by 8 particles: least effective sample size \d+ % of them, \d\.\d resamplings\.$/,
  ],
] as const)("the page of a run says how its draws of π^α went: %o", async (sampler, sentence) => {
  const dir = join(root, sampler.method);
  const run = await startRun(
    dir,
    {
      model: { name: "words", digest: "words" },
      task: { name: "task", digest: "task" },
      drawing: { n: 3, temperature: 1, maxTokens: 9, sampler },
      seeds: { run: 5 },
    },
    { resume: false, command: "test", createdAt: "" },
  );
  const settings = { ...drawing, method: sampler.method };
  const records = await drawPowerTask(run, wordPolicy(), promptsOf(3), settings, () => undefined);
  await run.close();
  const reader = readRun(dir);
  expect(readPower(reader)).toEqual(powerSummary(records));
  expect(reportManifest(reader).power).toMatch(sentence);
});
