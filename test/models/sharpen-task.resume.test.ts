import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterruptedError, RunError } from "../../src/core/errors.js";
import type { LocalPolicy } from "../../src/policy/local-policy.js";
import { localTrainers } from "../../src/policy/local-trainer.js";
import type { Trainers } from "../../src/policy/trainer.js";
import type { Progress } from "../../src/sharpen/draw.js";
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

let policy: LocalPolicy;
let job: ReturnType<typeof tinyJob>;
/** An uninterrupted run, and what it has written. */
const whole = newFolder();
let files: Record<string, string>;
const told: Progress[] = [];
beforeAll(async () => {
  policy = await tinyPolicy("tiny-tied");
  job = tinyJob(policy, await tinyTask(true));
  await runJob(whole, { ...job, onProgress: (progress) => told.push(progress) });
  files = filesOf(whole);
});
afterAll(() => policy.dispose());

/** In the order in which they are written. */
const LOGS = [
  "prompts.jsonl",
  "greedy.jsonl",
  "responses.jsonl",
  "selections.jsonl",
  "chosen.jsonl",
  "adapters/sft/epochs.jsonl",
  "adapters/sft/responses.jsonl",
  "adapters/sft/greedy.jsonl",
  "adapters/sft/base-log-probs.jsonl",
];
const ADAPTER = ["adapters/sft/adapter_model.safetensors", "adapters/sft/adapter_config.json"];

describe("a run that is killed and continued ends with the same files", { timeout: 120_000 }, () => {
  it("writes the same when a finished run is continued", async () => {
    expect(Object.keys(files).sort()).toEqual(
      [...LOGS, ...ADAPTER, "adapters/sft/training.json", "manifest.json", "metrics.json"].sort(),
    );
    await runJob(whole, job);
    expect(filesOf(whole)).toEqual(files);
  });

  it("trains no further where its patience was at an end", async () => {
    const dir = newFolder();
    const notes: string[] = [];
    // A rate at which no epoch is better than the base.
    const fit = { ...tinyFit, epochs: 6, learningRate: 3, schedule: "constant" as const, patience: 2 };
    const amortized = { ...job.amortize!, methods: [{ method: sft, trainN: 5, fit }], curveSamples: 0 };
    const hasty = { ...job, amortize: amortized, note: (text: string) => notes.push(text) };
    const { metrics } = await runJob(dir, hasty);
    expect(metrics.adapters["sft"]).toMatchObject({ keptEpoch: 0 });
    expect(metrics.adapters["sft"]!.epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
    expect(notes).toContain("sft: ended after 2 of 6 epochs, 2 of them without a lower validation loss.");
    const before = filesOf(dir);
    const stages: string[] = [];
    await runJob(dir, { ...hasty, onProgress: ({ stage }) => stages.push(stage) });
    expect(stages).not.toContain("training, sft");
    expect(filesOf(dir)).toEqual(before);
    // The adapter is the base, and the page says so; if asked, it is the last epoch's.
    expect(metrics.findings.filter((text) => text.startsWith("No epoch of sft was better"))).toHaveLength(1);
    expect(metrics.adapters["sft"]!.logLikelihoodGain.value).toBeCloseTo(0, 5);
    const last = [{ method: sft, trainN: 5, fit: { ...fit, keep: "last" as const } }];
    const kept = newFolder();
    const { adapters } = (await runJob(kept, { ...job, amortize: { ...amortized, methods: last } })).metrics;
    expect(adapters["sft"]).toMatchObject({
      keptEpoch: 2,
      keep: "last",
      epochs: metrics.adapters["sft"]!.epochs,
    });
    expect(Math.abs(adapters["sft"]!.logLikelihoodGain.value)).toBeGreaterThan(0.01);
    expect(filesOf(kept)[ADAPTER[0]!]).not.toEqual(before[ADAPTER[0]!]);
  });

  it("stopped by a signal in the middle of any stage", async () => {
    const stages = [...new Set(told.map(({ stage }) => stage))];
    expect(stages).toEqual([
      "greedy",
      "sampling",
      "evaluating",
      "drawing training examples",
      "training, sft",
      "sampling, sft",
      "greedy, sft",
      "scoring under the base",
    ]);
    const dir = newFolder();
    let stopped = 0;
    // One run, stopped once in each stage: it goes on from wherever it was.
    for (const stage of stages) {
      const of = told.filter((progress) => progress.stage === stage);
      const { done } = of[Math.floor(of.length / 2)]!;
      const stop = new AbortController();
      const onProgress = (progress: Progress): void => {
        if (progress.stage === stage && progress.done >= done) stop.abort();
      };
      try {
        await runJob(dir, { ...job, signal: stop.signal, onProgress });
      } catch (error) {
        expect(error).toBeInstanceOf(InterruptedError);
        expect((error as Error).message).toMatch(/^[A-Z][a-z]+ was stopped\.$/);
        stopped++;
      }
    }
    // What is in one piece, as measuring is, may end before it sees the signal.
    expect(stopped).toBeGreaterThanOrEqual(stages.length - 2);
    await runJob(dir, job);
    expect(filesOf(dir)).toEqual(files);
  });

  it.each(LOGS)("cut in %s, a torn last line included, with nothing of what comes after", async (log) => {
    const dir = newFolder();
    cpSync(whole, dir, { recursive: true });
    for (const later of LOGS.slice(LOGS.indexOf(log) + 1)) rmSync(join(dir, later), { force: true });
    rmSync(join(dir, "metrics.json"));
    const lines = readFileSync(join(whole, log), "utf8").trimEnd().split("\n");
    const kept = Math.floor(lines.length / 2);
    writeFileSync(
      join(dir, log),
      lines
        .slice(0, kept)
        .map((line) => `${line}\n`)
        .join("") + lines[kept]!.slice(0, 9),
    );
    if (LOGS.indexOf(log) <= LOGS.indexOf("adapters/sft/epochs.jsonl"))
      for (const name of ADAPTER) rmSync(join(dir, name));
    await runJob(dir, job);
    expect(filesOf(dir)).toEqual(files);
  });

  /** Fails the n-th call of a trainer's method, before or after it does its work: a death between two statements. */
  function dying(method: "optimStep" | "save" | "logProbs", call: number, after: boolean): Trainers {
    let calls = 0;
    const inner = localTrainers(policy);
    const start: Trainers["start"] = async (options) => {
      const trainer = await inner.start(options);
      const own = trainer[method].bind(trainer) as (...args: unknown[]) => Promise<unknown>;
      const failing = async (...args: unknown[]): Promise<unknown> => {
        const dies = ++calls === call;
        if (dies && !after) throw new Error("died");
        const result = await own(...args);
        if (dies) throw new Error("died");
        return result;
      };
      return Object.assign(Object.create(trainer) as typeof trainer, { [method]: failing });
    };
    return { ...inner, start };
  }

  it("died around every checkpoint, or in the middle of an epoch", async () => {
    // The last column: the first of the 2 · 3 steps that is taken again.
    for (const [method, call, after, again] of [
      ["logProbs", 1, true, 1],
      ["save", 1, false, 1],
      ["save", 1, true, 1],
      ["optimStep", 2, true, 1],
      ["save", 2, false, 1],
      ["save", 3, false, 4],
      ["save", 3, true, undefined],
    ] as const) {
      const dir = newFolder();
      cpSync(whole, dir, { recursive: true });
      for (const later of [
        ...LOGS.slice(LOGS.indexOf("adapters/sft/epochs.jsonl")),
        ...ADAPTER,
        "metrics.json",
      ])
        rmSync(join(dir, later));
      await expect(
        runJob(dir, { ...job, amortize: { ...job.amortize!, trainers: dying(method, call, after) } }),
      ).rejects.toThrow("died");
      const checkpoint = join(dir, "adapters/sft/checkpoint.safetensors");
      expect(existsSync(checkpoint)).toBe(call > 1 || (method === "save" && after));
      const steps: number[] = [];
      const onProgress = ({ stage, done }: Progress): void => {
        if (stage === "training, sft") steps.push(done);
      };
      await runJob(dir, { ...job, onProgress });
      expect(steps[0]).toBe(again);
      expect(filesOf(dir), `${method} ${call} ${after ? "after" : "before"}`).toEqual(files);
    }
  });

  it("lost records of epochs that its checkpoint builds on: it trains anew", async () => {
    const dir = newFolder();
    await expect(
      runJob(dir, { ...job, amortize: { ...job.amortize!, trainers: dying("save", 3, false) } }),
    ).rejects.toThrow("died");
    const log = join(dir, "adapters/sft/epochs.jsonl");
    const [first] = readFileSync(log, "utf8").split("\n");
    writeFileSync(log, `${first}\n`);
    await runJob(dir, job);
    expect(filesOf(dir)).toEqual(files);
  });

  it("left an unfinished file behind", async () => {
    const dir = newFolder();
    cpSync(whole, dir, { recursive: true });
    for (const name of [".tmp-1-0-0-metrics.json", "adapters/sft/.tmp-1-0-1-checkpoint.safetensors"])
      writeFileSync(join(dir, name), "half");
    await runJob(dir, job);
    expect(filesOf(dir)).toEqual(files);
  });

  it("is not continued as something else", async () => {
    await expect(runJob(whole, { ...job, n: 5 })).rejects.toThrow(RunError);
    await expect(runJob(whole, { ...job, n: 5 })).rejects.toThrow(/n = 4, but now it is 5/);
    const methods = [{ method: sft, trainN: 5, fit: { ...tinyFit, learningRate: 0.02 } }];
    await expect(runJob(whole, { ...job, amortize: { ...job.amortize!, methods } })).rejects.toThrow(
      /learningRate = 0.01, but now it is 0.02/,
    );
    expect(filesOf(whole)).toEqual(files);
  });
});
