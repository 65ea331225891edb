import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterruptedError } from "../../src/core/errors.js";
import { factOf } from "../../src/evaluate/metrics.js";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { modelFolder } from "../../src/policy/model-folder.js";
import { sequenceLogProb } from "../../src/policy/policy.js";
import { rewardNamed } from "../../src/reward/registry.js";
import { readRun } from "../../src/run/read-run.js";
import { responseRecords } from "../../src/run/records.js";
import { game24 } from "../../src/task/game24/game24.js";
import { chooseAdaptively, stoppingTime } from "../../src/sharpen/adaptive-best-of-n.js";
import type { Progress } from "../../src/sharpen/draw.js";
import { splitPrompts } from "../../src/sharpen/prompts.js";
import type { SharpenOptions } from "../../src/sharpen/sharpen-task.js";
import { filesOf, newFolder, runJob, tinyFit, tinyJob } from "../../src/sharpen/tiny-job.test-helper.js";
import { adaptiveSft } from "../../src/sharpen/methods/adaptive-sft.js";

const DELTA = 0.5;
const CAP = 22;
const MU = Math.log(2 / DELTA);

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
