import { describe, expect, it } from "vitest";
import { UsageError } from "../../core/errors.js";
import { type Prompt, type Response } from "../../policy/policy.js";
import { tabularPolicy } from "../../policy/tabular.js";
import { rewardNamed } from "../../reward/registry.js";
import { readRun } from "../../run/read-run.js";
import { responseRecords } from "../../run/records.js";
import { newFolder, runJob, startJob, tinyFit, tinyJob, tinyTask } from "../tiny-job.test-helper.js";
import { collect, promptsOf } from "../tiny-policies.test-helper.js";
import { adaptiveSft } from "./adaptive-sft.js";
import { nobody } from "./no-trainer.test-helper.js";

const DELTA = 0.5;
const CAP = 22;

describe("on a table", () => {
  const [sure, even, flat] = promptsOf(3) as [Prompt, Prompt, Prompt];
  // 1/max π: 1.25, 4 and 50. The rule fires at the first k ≥ μ/max π once the likeliest has come: 2, 6, and 70 > the cap.
  const policy = tabularPolicy({
    [sure.id]: [0.2, 0.8],
    [even.id]: [0.25, 0.25, 0.25, 0.25],
    [flat.id]: Array.from({ length: 50 }, () => 0.02),
  });

  it("draws to each prompt until its rule has fired, in fours, and learns the likeliest", async () => {
    const job = tinyJob(policy, await tinyTask(false));
    const dir = newFolder();
    const run = await startJob(dir, job);
    const { facts } = await adaptiveSft.plan({
      ...job,
      method: adaptiveSft,
      trainers: nobody,
      run,
      split: { test: [], train: [sure, even, flat], validation: [sure] },
      reward: rewardNamed("log-likelihood"),
      settings: { trainN: CAP, own: { delta: DELTA }, fit: tinyFit },
    });
    await run.close();
    const drawn = await readRun(dir).records("training-responses.jsonl", responseRecords);
    const of = (id: string): Response[] => drawn.filter(({ promptId }) => promptId === id);
    const requests = [sure, even, flat].flatMap((prompt) =>
      Array.from({ length: CAP }, (_, index) => ({ prompt, index })),
    );
    const base = await collect(policy.sample(requests, { temperature: 1, maxTokens: 5, seed: job.seed }));
    for (const response of drawn) {
      const same = base.find(
        ({ promptId, index }) => promptId === response.promptId && index === response.index,
      )!;
      expect(response.tokens).toEqual(same.tokens);
    }
    const ofSure = base.filter(({ promptId }) => promptId === sure.id);
    const first = 1 + ofSure.findIndex(({ tokens }) => tokens[0] === 1);
    // Until the likely one comes the other asks for ln 4/0.2, that is 7 responses.
    const stop = Math.min(7, Math.max(2, first));
    expect([of(sure.id).length, of(even.id).length, of(flat.id).length]).toEqual([
      4 * Math.ceil(stop / 4),
      8,
      CAP,
    ]);
    expect(facts).toEqual({
      modelCalls: 4 * Math.ceil(stop / 4) + 8 + CAP,
      validationCalls: 4 * Math.ceil(stop / 4),
      meanDraws: (stop + 6 + CAP) / 3,
      capped: 1,
      delta: DELTA,
    });
  });

  it("refuses a reward that the rule does not speak of, and a δ out of range", async () => {
    const job = tinyJob(policy, await tinyTask(false));
    expect(() => adaptiveSft.check!({ trainN: 4, fit: tinyFit }, rewardNamed("majority"))).toThrow(
      /cannot choose by majority/,
    );
    const methods = [{ method: adaptiveSft, trainN: 4, own: { delta: 1 }, fit: tinyFit }];
    await expect(
      runJob(newFolder(), { ...job, amortize: { ...job.amortize!, trainers: nobody, methods } }),
    ).rejects.toThrow(new UsageError("δ must be between 0 and 1, not 1."));
  });
});
