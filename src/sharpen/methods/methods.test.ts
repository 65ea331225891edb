import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterruptedError, RunError, UsageError } from "../../core/errors.js";
import { factOf, type AdapterMetrics, type Metrics } from "../../evaluate/metrics.js";
import type { LocalPolicy } from "../../policy/local-policy.js";
import { sequenceLogProb, type Policy } from "../../policy/policy.js";
import { localTrainers } from "../../policy/local-trainer.js";
import { rewardNamed } from "../../reward/registry.js";
import { readRun } from "../../run/read-run.js";
import { responseRecords } from "../../run/records.js";
import { verifyRun } from "../../run/verify-run.js";
import type { Progress } from "../draw.js";
import { splitPrompts } from "../prompts.js";
import type { SharpenOptions } from "../sharpen-task.js";
import { filesOf, startJob, newFolder, runJob, tinyFit, tinyJob, tinyTask } from "../tiny-job.test-helper.js";
import { tinyPolicy } from "../tiny-policies.test-helper.js";
import { dpo } from "./dpo.js";
import type { MethodSettings } from "./method.js";
import { xpo } from "./xpo.js";

let policy: LocalPolicy;
let job: Omit<SharpenOptions, "run">;
const whole = newFolder();
let files: Record<string, string>;
let metrics: Metrics;
const told: Progress[] = [];

const trained = {
  dpo: { method: dpo, trainN: 3, own: { beta: 0.5 }, fit: tinyFit },
  xpo: {
    method: xpo,
    trainN: 3,
    own: { beta: 0.5, optimism: 0.05, rounds: 3 },
    fit: { ...tinyFit, epochs: 1 },
  },
};
const methods = [trained.xpo, trained.dpo];

beforeAll(async () => {
  policy = await tinyPolicy("tiny-tied");
  const base = tinyJob(policy, await tinyTask(true));
  job = { ...base, rewards: [rewardNamed("log-likelihood")], adaptiveDelta: undefined };
  job = { ...job, amortize: { ...base.amortize!, methods } };
  ({ metrics } = await runJob(whole, { ...job, onProgress: (progress) => told.push(progress) }));
  files = filesOf(whole);
}, 60_000);
afterAll(() => policy.dispose());

const xpoOnly = (settings: Partial<MethodSettings>): SharpenOptions["amortize"] => ({
  ...job.amortize!,
  methods: [{ ...trained.xpo, ...settings, own: { ...trained.xpo.own, ...settings.own } }],
});

describe("a run with DPO and XPO", () => {
  it("leaves a sound folder, and fields as SFT's with the model calls of each", async () => {
    expect((await verifyRun(whole)).problems).toEqual([]);
    const { dpo, xpo } = metrics.adapters as { dpo: AdapterMetrics; xpo: AdapterMetrics };
    // 8 training prompts; DPO judges on 2 · 8 responses, XPO on 2 · 8 of each of 4 iterates.
    expect(dpo).toMatchObject({
      trainingPrompts: 8,
      trainingSamples: 3,
      modelCalls: 24,
      validationCalls: 16,
    });
    expect(dpo).toMatchObject({ trainingPairs: 24, beta: 0.5 });
    expect(xpo).toMatchObject({ modelCalls: 24, validationCalls: 64, trainingPairs: 16, optimism: 0.05 });
    for (const { epochs, keptEpoch, accuracyGain, coverageChange } of [dpo, xpo]) {
      expect([accuracyGain, coverageChange]).not.toContain(undefined);
      const losses = epochs.map(({ validationLoss }) => validationLoss);
      expect(keptEpoch).toBe(losses.indexOf(Math.min(...losses)));
      for (const epoch of epochs)
        expect([epoch.entropy, epoch.kl, epoch.length, epoch.repetition, epoch.coverage]).not.toContain(
          undefined,
        );
      expect(epochs[0]!.kl!.value).toBeCloseTo(0, 4);
    }
    expect([dpo.epochs.length, xpo.epochs.length]).toEqual([1 + 2, 1 + 3]);
    for (const { objective, validationLoss } of xpo.epochs) {
      expect(objective!.value).toBeCloseTo(objective!.reward - 0.5 * objective!.kl, 12);
      expect(validationLoss).toBe(-objective!.value);
    }
    expect(xpo.epochs[0]!.objective!.kl).toBeCloseTo(0, 4);
    expect(dpo.epochs[2]!.trainLoss!).toBeLessThan(dpo.epochs[1]!.trainLoss!);
  });

  it("deals the prompts out over XPO's rounds, the first of them answered by the base", async () => {
    const run = readRun(whole);
    const { train } = splitPrompts(job.task, job);
    const rounds = await Promise.all(
      [1, 2, 3].map((t) => run.records(`adapters/xpo/round-${t}.jsonl`, responseRecords)),
    );
    expect(rounds.map(({ length }) => length)).toEqual([3, 3, 2]);
    const ids = rounds.flat().map(({ promptId }) => promptId);
    expect(ids.sort()).toEqual(train.map(({ id }) => id).sort());
    const byId = new Map(train.map((prompt) => [prompt.id, prompt]));
    const differences = await Promise.all(
      rounds.map(async (own) => {
        const requests = own.map(({ promptId, tokens }) => ({ prompt: byId.get(promptId)!, tokens }));
        const base = (await policy.logProb(requests)).map((row) => row.reduce((a, b) => a + b, 0));
        return Math.max(...own.map((response, i) => Math.abs(sequenceLogProb(response) - base[i]!)));
      }),
    );
    expect(differences[0]).toBeLessThan(1e-4);
    expect(differences[2]).toBeGreaterThan(1e-3);
  });

  it("never asks the base again for what it drew", async () => {
    const refuse = (): never => {
      throw new Error("asked again");
    };
    const silent = Object.assign(Object.create(policy) as LocalPolicy, {
      logProb: refuse,
      score: refuse,
    });
    const run = await startJob(newFolder(), job);
    const split = splitPrompts(job.task, job);
    const reward = rewardNamed("log-likelihood");
    const { facts } = await dpo.plan({
      ...job,
      method: dpo,
      policy: silent,
      trainers: localTrainers(policy),
      run,
      split,
      reward,
      settings: trained.dpo,
    });
    await run.close();
    expect(facts.modelCalls).toBe(24);
  });

  it("writes the same when it is continued, stopped once in every stage", async () => {
    const stages = [...new Set(told.map(({ stage }) => stage))].filter((stage) =>
      /pairs|round|training|base$/.test(stage),
    );
    expect(stages).toEqual([
      "drawing pairs",
      "drawing validation pairs",
      "training, dpo",
      "scoring under the base",
      "drawing from the base",
      "drawing for round 1",
      "training, xpo",
      "drawing for round 2",
      "drawing for round 3",
    ]);
    const dir = newFolder();
    for (const stage of stages) {
      const of = told.filter((progress) => progress.stage === stage);
      const { done } = of[Math.floor(of.length / 2)]!;
      const stop = new AbortController();
      const onProgress = (progress: Progress): void => {
        if (progress.stage === stage && progress.done >= done) stop.abort();
      };
      await runJob(dir, { ...job, signal: stop.signal, onProgress }).catch((error: unknown) =>
        expect(error).toBeInstanceOf(InterruptedError),
      );
    }
    await runJob(dir, job);
    expect(filesOf(dir)).toEqual(files);
  });

  it("goes on after any round of XPO without what came later", async () => {
    const dir = newFolder();
    cpSync(whole, dir, { recursive: true });
    rmSync(join(dir, "adapters/xpo"), { recursive: true });
    rmSync(join(dir, "metrics.json"));
    const stop = new AbortController();
    const steps: number[] = [];
    const onProgress = ({ stage, done }: Progress): void => {
      if (stage === "drawing for round 3") stop.abort();
      if (stage === "training, xpo") steps.push(done);
    };
    await expect(runJob(dir, { ...job, signal: stop.signal, onProgress })).rejects.toThrow(InterruptedError);
    const before = steps.splice(0).at(-1)!;
    await runJob(dir, {
      ...job,
      onProgress: ({ stage, done }) => stage === "training, xpo" && steps.push(done),
    });
    expect(steps[0]).toBe(before + 1);
    expect(filesOf(dir)).toEqual(files);
  });

  it.each(["dpo", "xpo"])(
    "goes on with the next step of an iterate of %s, stopped or killed",
    async (name) => {
      const dir = newFolder();
      cpSync(whole, dir, { recursive: true });
      for (const each of ["dpo", "xpo"]) rmSync(join(dir, `adapters/${each}`), { recursive: true });
      rmSync(join(dir, "metrics.json"));
      const stop = new AbortController();
      const steps: number[] = [];
      const stepsUpTo =
        (last: number, end: () => void) =>
        ({ stage, done }: Progress): void => {
          if (stage !== `training, ${name}`) return;
          steps.push(done);
          if (done === last) end();
        };
      const stopped = runJob(dir, {
        ...job,
        signal: stop.signal,
        onProgress: stepsUpTo(2, () => stop.abort()),
      });
      await expect(stopped).rejects.toThrow(InterruptedError);
      expect(steps.splice(0)).toEqual([1, 2]);
      // Ten minutes pass with each look at the clock: a checkpoint is due after every step. A step that ends with the process is not in one.
      let minutes = 0;
      const crash = (): never => {
        throw new Error("killed");
      };
      const killed = runJob(dir, {
        ...job,
        now: () => (minutes += 10) * 60_000,
        onProgress: stepsUpTo(5, crash),
      });
      await expect(killed).rejects.toThrow("killed");
      expect(steps.splice(0)).toEqual([3, 4, 5]);
      await runJob(dir, { ...job, onProgress: stepsUpTo(6, () => undefined) });
      expect(steps).toEqual([5, 6]);
      expect(filesOf(dir)).toEqual(files);
    },
  );

  it("keeps an adapter that was trained before, when another is trained", async () => {
    const dir = newFolder();
    cpSync(whole, dir, { recursive: true });
    const again = await runJob(dir, {
      ...job,
      amortize: { ...job.amortize!, methods: [trained.dpo] },
    });
    expect(again.metrics.adapters).toEqual(metrics.adapters);
    expect(again.adapterDirs).toEqual({ dpo: join(dir, "adapters/dpo") });
  });
});

describe("rewards", () => {
  it("that compare responses are scored beside the base's", async () => {
    const dir = newFolder();
    const amortize = {
      ...xpoOnly({ trainN: 4, own: { rounds: 2 } })!,
      reward: rewardNamed("majority"),
      curveSamples: 0,
    };
    const { xpo } = (await runJob(dir, { ...job, amortize })).metrics.adapters;
    const { reward } = xpo!.epochs[0]!.objective!;
    // The share of nine with the same answer, the response itself being one of them; none without an answer.
    expect(reward).toBeGreaterThanOrEqual(0);
    expect(reward).toBeLessThanOrEqual(1);
    expect(reward * 16 * 9).toBeCloseTo(Math.round(reward * 16 * 9), 6);
  });

  it("give XPO its β and α where they are not given, and the quantities are told", async () => {
    const notes: string[] = [];
    const amortize = {
      ...xpoOnly({ own: { beta: undefined, optimism: undefined, rounds: 1 } })!,
      curveSamples: 0,
    };
    const { xpo } = (await runJob(newFolder(), { ...job, amortize, note: (text) => notes.push(text) }))
      .metrics.adapters;
    const { γ_margin: margin, R_max: range } = xpo!.quantities!;
    // Five tokens of a vocabulary of 64; δ = 0.1.
    expect(factOf(xpo!, "beta")).toBeCloseTo(margin! / (2 * (Math.log(20) + 5 * Math.log(64))), 12);
    expect(factOf(xpo!, "optimism")! / factOf(xpo!, "beta")!).toBeCloseTo(
      Math.sqrt((Math.log(20) + xpo!.quantities!["log 𝒩"]!) / xpo!.quantities!["SEC"]!) / (2 * range!),
      10,
    );
    expect(notes).toHaveLength(1);
    const [printed, corrected] = [factOf(xpo!, "optimism")!, /would be ([\d.e+-]+)\. N/.exec(notes[0]!)![1]];
    expect(Number(corrected) / (printed * (2 * range!) ** 2)).toBeCloseTo(1, 2);
    expect(notes[0]).toMatch(
      /^XPO with β = .* and α = .*, by the formulas of Thm 4\.3 from γ_margin = .*R_max = /,
    );
  });
});

describe("refusals, before anything is drawn", () => {
  it.each<[string, RegExp, Partial<MethodSettings>]>([
    ["one response", /trainN of XPO must be a whole number of at least 2, not 1/, { trainN: 1 }],
    ["β = 0", /β must be positive, not 0/, { own: { beta: 0 } }],
    ["a negative α", /α must be at least 0, not -1/, { own: { optimism: -1 } }],
    ["no rounds", /rounds must be a whole number of at least 1, not 0/, { own: { rounds: 0 } }],
    ["a rate of 0", /learningRate must be above 0/, { fit: { seed: 1, learningRate: 0 } }],
  ])("%s", async (_, message, wrong) => {
    const dir = newFolder();
    await expect(runJob(dir, { ...job, amortize: xpoOnly(wrong) })).rejects.toThrow(UsageError);
    await expect(runJob(dir, { ...job, amortize: xpoOnly(wrong) })).rejects.toThrow(message);
    expect(() => readFileSync(join(dir, "greedy.jsonl"))).toThrow();
  });

  it("a reward that is itself random", async () => {
    const amortize = { ...job.amortize!, reward: rewardNamed("pessimism") };
    await expect(runJob(newFolder(), { ...job, amortize })).rejects.toThrow(
      /scores of pessimism are a random choice/,
    );
  });

  it("a policy without weights", async () => {
    const can = { ...policy.can, trains: false };
    const remote = { ...policy, name: "remote", digest: policy.digest, can } as unknown as Policy;
    await expect(runJob(newFolder(), { ...job, policy: remote })).rejects.toThrow(
      /^Amortized sharpening needs weights that can be trained, which remote does not have: use a model on this machine\.$/,
    );
  });

  it("to go on as something else", async () => {
    const amortize = { ...job.amortize!, methods: [{ ...trained.dpo, own: { beta: 2 } }] };
    await expect(runJob(whole, { ...job, amortize })).rejects.toThrow(RunError);
    await expect(runJob(whole, { ...job, amortize })).rejects.toThrow(
      /adapters\/dpo was trained with beta = 0\.5, but now it is 2/,
    );
  });

  it("rewards that never differ", async () => {
    const flat = {
      ...rewardNamed("log-likelihood"),
      name: "flat",
      score: ({ responses }: { responses: readonly unknown[] }) => Promise.resolve(responses.map(() => 1)),
    };
    const amortize = { ...job.amortize!, reward: flat };
    await expect(runJob(newFolder(), { ...job, amortize })).rejects.toThrow(
      /No two of the 3 responses .* differ in flat/,
    );
  });
});
