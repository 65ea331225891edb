import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterruptedError, UsageError } from "../../core/errors.js";
import { factOf } from "../../evaluate/metrics.js";
import { LocalPolicy } from "../../policy/local-policy.js";
import { modelFolder } from "../../policy/model-folder.js";
import { sequenceLogProb, type Prompt, type Response } from "../../policy/policy.js";
import { tabularPolicy } from "../../policy/tabular.js";
import { rewardNamed } from "../../reward/registry.js";
import { readRun } from "../../run/read-run.js";
import { responseRecords } from "../../run/records.js";
import { game24 } from "../../task/game24/game24.js";
import { chooseAdaptively, stoppingTime } from "../adaptive-best-of-n.js";
import type { Progress } from "../draw.js";
import { splitPrompts } from "../prompts.js";
import type { SharpenOptions } from "../sharpen-task.js";
import { filesOf, newFolder, runJob, startJob, tinyFit, tinyJob, tinyTask } from "../tiny-job.test-helper.js";
import { collect, promptsOf } from "../tiny-policies.test-helper.js";
import { adaptiveSft } from "./adaptive-sft.js";
import { nobody } from "./no-trainer.test-helper.js";

const DELTA = 0.5;
const CAP = 22;
const MU = Math.log(2 / DELTA);

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

describe("on the embedded model", { timeout: 60_000 }, () => {
  let policy: LocalPolicy;
  let job: Omit<SharpenOptions, "run">;
  const whole = newFolder();
  const told: Progress[] = [];
  beforeAll(async () => {
    policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
    const task = game24({});
    const few = { test: 4, train: 10, validation: 3 };
    const base = tinyJob(policy, { ...task, prompts: (of) => task.prompts(of).slice(0, few[of]) });
    const methods = [
      { method: adaptiveSft, trainN: CAP, trainPrompts: 10, own: { delta: DELTA }, fit: tinyFit },
    ];
    job = {
      ...base,
      prompts: 4,
      n: 2,
      ns: undefined,
      rewards: [rewardNamed("log-likelihood")],
      adaptiveDelta: undefined,
      amortize: { ...base.amortize!, methods, curveSamples: 0 },
    };
  }, 60_000);
  afterAll(() => policy.dispose());

  it("learns what the rule chooses, and reports draws and cap hits in metrics and findings", async () => {
    const { metrics } = await runJob(whole, { ...job, onProgress: (progress) => told.push(progress) });
    const run = readRun(whole);
    const drawn = await run.records("training-responses.jsonl", responseRecords);
    const { train } = splitPrompts(job.task, { seed: job.seed });
    const pools = train.slice(0, 10).map(({ id }) => drawn.filter(({ promptId }) => promptId === id));
    const chosen = pools.map((own) => chooseAdaptively(own, MU));
    const adapter = metrics.adapters["adaptive-sft"]!;
    expect(adapter.modelCalls).toBe(pools.reduce((sum, own) => sum + own.length, 0));
    const capped = chosen.filter((choice) => choice.capped).length;
    expect(capped).toBeGreaterThan(0);
    expect(capped).toBeLessThan(10);
    expect(factOf(adapter, "capped")).toBe(capped);
    expect(factOf(adapter, "meanDraws")).toBeCloseTo(
      chosen.reduce((sum, choice) => sum + choice.drawn, 0) / 10,
      12,
    );
    for (const own of pools) {
      // Nothing is drawn after the round in which the rule fired.
      const stop = stoppingTime(own.map(sequenceLogProb), MU) ?? CAP;
      expect(own.length).toBe(Math.min(CAP, 4 * Math.ceil(stop / 4)));
    }
    const said = `hit its cap of ${CAP} on ${capped} of 10 prompts`;
    expect(metrics.findings.join("\n")).toContain(said);
    expect(run.json(join("adapters", "adaptive-sft", "training.json"))).toMatchObject({
      trainN: CAP,
      delta: DELTA,
    });
  });

  it("ends with the same files when it is stopped while it draws", async () => {
    const stages = told.filter(({ stage }) => stage === "drawing adaptively");
    const dir = newFolder();
    for (const at of [5, Math.floor(stages.length / 2)]) {
      const stop = new AbortController();
      let seen = 0;
      const onProgress = ({ stage }: Progress): void => {
        if (stage === "drawing adaptively" && ++seen > at) stop.abort();
      };
      await expect(runJob(dir, { ...job, signal: stop.signal, onProgress })).rejects.toThrow(
        InterruptedError,
      );
    }
    await runJob(dir, job);
    expect(filesOf(dir)).toEqual(filesOf(whole));
  });
});
