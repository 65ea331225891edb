/** Training that dies at a step, and goes on: the same losses and the same adapter, to the bit. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LocalPolicy } from "../../src/policy/local-policy.js";
import { localTrainers } from "../../src/policy/local-trainer.js";
import type { Trainers } from "../../src/policy/trainer.js";
import { sft } from "../../src/sharpen/methods/sft.js";
import {
  filesOf,
  newFolder,
  runJob,
  tinyFit,
  tinyJob,
  tinyTask,
} from "../../src/sharpen/tiny-job.test-helper.js";
import { tinyPolicy } from "../../src/sharpen/tiny-policies.test-helper.js";

/** `WHETSTONE_CRASH=full`: twenty points; else five of them. */
const FULL = process.env["WHETSTONE_CRASH"] === "full";
/** Of three steps each. */
const EPOCHS = 7;
const POINTS = Array.from({ length: 20 }, (_, i) => i + 1).filter((step) => FULL || step % 4 === 1);

let policy: LocalPolicy;
let job: ReturnType<typeof tinyJob>;
let files: Record<string, string>;
const whole = newFolder();

beforeAll(async () => {
  policy = await tinyPolicy("tiny-tied");
  const base = tinyJob(policy, await tinyTask(true));
  const methods = [{ method: sft, trainN: 5, fit: { ...tinyFit, epochs: EPOCHS, patience: 0 } }];
  job = { ...base, amortize: { ...base.amortize!, methods } };
  await runJob(whole, job);
  files = filesOf(whole);
});
afterAll(() => policy.dispose());

/** Trainers of which one dies when it is asked for a step. */
function dyingAt(step: number): Trainers {
  const inner = localTrainers(policy);
  let steps = 0;
  return {
    ...inner,
    start: async (options) => {
      const trainer = await inner.start(options);
      const optimStep: typeof trainer.optimStep = (...args) => {
        if (++steps === step) throw new Error("died");
        return trainer.optimStep(...args);
      };
      return Object.assign(Object.create(trainer) as typeof trainer, { optimStep });
    },
  };
}

it.each(POINTS)("died at step %i of 21", async (step) => {
  const dir = newFolder();
  cpSync(whole, dir, { recursive: true });
  for (const later of ["adapters", "metrics.json"]) rmSync(join(dir, later), { recursive: true });
  const amortize = { ...job.amortize!, trainers: dyingAt(step) };
  await expect(runJob(dir, { ...job, amortize })).rejects.toThrow("died");
  await runJob(dir, job);
  expect(filesOf(dir)).toEqual(files);
});
