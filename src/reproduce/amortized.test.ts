import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { rewardNamed } from "../reward/registry.js";
import { readRun } from "../run/read-run.js";
import type { Task } from "../task/task.js";
import { methodNamed } from "../sharpen/methods/registry.js";
import { readMetrics } from "../sharpen/run-metrics.js";
import { tinyTask } from "../sharpen/tiny-job.test-helper.js";
import { tinyPolicy } from "../sharpen/tiny-policies.test-helper.js";
import { reproduceAmortized, type AmortizedOptions } from "./amortized.js";
import { sweptMethods } from "./sweep.js";
import { tinySuite } from "./tiny-suite.test-helper.js";

const fit = {
  epochs: 1,
  batchSize: 4,
  learningRate: 0.02,
  clipNorm: 1,
  rank: 2,
  targetModules: ["q_proj"],
  // Whether an epoch is better than the base on two validation prompts is chance.
  keep: "last",
} as const;

function suiteOf(task: Task): AmortizedOptions & { readonly loaded: string[] } {
  const base = tinySuite({ out: join(mkdtempSync(join(tmpdir(), "whetstone-suite-")), "out") });
  return {
    ...base,
    models: ["missing", "tiny"],
    prompts: 4,
    n: 3,
    trainNs: [3, 2],
    curveSamples: 1,
    openModel: async (name) => {
      base.loaded.push(name);
      if (name === "missing") throw new UsageError("There is no such model.");
      const policy = await tinyPolicy("tiny-tied");
      return { policy, recorded: { name: policy.name, digest: policy.digest } };
    },
    openTask: () => Promise.resolve({ task }),
    training: () => ({ fit, source: "this test" }),
  };
}

describe("reproduceAmortized", { timeout: 60_000 }, () => {
  it("trains each seed and N in a run of its own, merges them, and does nothing twice", async () => {
    const suite = suiteOf(await tinyTask(true));
    const result = await reproduceAmortized(suite);
    expect(result.trainNs).toEqual([2, 3]);
    expect(result.cells.map(({ model, trainN, seeds }) => [model, trainN, seeds])).toEqual([
      ["missing", 2, []],
      ["missing", 3, []],
      ["tiny", 2, [0, 1]],
      ["tiny", 3, [0, 1]],
    ]);
    expect(result.cells[0]).toMatchObject({
      failures: [0, 1].map((seed) => ({ seed, trainN: 2, sentence: "There is no such model." })),
    });
    expect(result.cells[0]!.metrics).toBeUndefined();

    const cell = result.cells[3]!;
    const dirs = [0, 1].map((seed) => join(suite.out, "tiny", "first", `n-3-seed-${seed}`));
    const adapters = dirs.map((dir) => readMetrics(readRun(dir))!.adapters["sft"]!);
    const { adapter, epochs, greedy } = cell.metrics!;
    const mean = (pick: (one: (typeof adapters)[number]) => number): number =>
      (pick(adapters[0]!) + pick(adapters[1]!)) / 2;
    expect(adapters[0]!.logLikelihood.value).not.toBe(adapters[1]!.logLikelihood.value);
    expect(adapter.logLikelihood.value).toBeCloseTo(
      mean((one) => one.logLikelihood.value),
      10,
    );
    expect(adapter.accuracy!.value).toBeCloseTo(
      mean((one) => one.accuracy!.value),
      12,
    );
    expect(adapter.logLikelihoodLift!.value).toBeCloseTo(
      adapter.logLikelihood.value - greedy.logLikelihood.value,
      10,
    );
    expect(epochs).toEqual(adapters.map((one) => one.epochs));
    expect(cell.settings).toMatchObject({ source: "this test", rank: 2, epochs: 1, weightDecay: 0 });

    // What the seeds have in common is the same, and what differs by N is not.
    const file = (dir: string, name: string): string => readFileSync(join(dir, name), "utf8");
    expect(file(dirs[1]!, "chosen.jsonl")).toBe(file(dirs[0]!, "chosen.jsonl"));
    expect(file(dirs[1]!, "responses.jsonl")).toBe(file(dirs[0]!, "responses.jsonl"));
    const times = dirs.map((dir) => statSync(join(dir, "metrics.json")).mtimeMs);
    suite.loaded.length = 0;
    expect(await reproduceAmortized({ ...suite, resume: true })).toEqual(result);
    expect(suite.loaded).toEqual(["missing"]);
    expect(dirs.map((dir) => statSync(join(dir, "metrics.json")).mtimeMs)).toEqual(times);

    // That training changed nothing is said where it is so of every seed.
    const unchanged = async (...kept: readonly number[]): Promise<string[]> => {
      for (const [seed, keptEpoch] of kept.entries()) {
        const path = join(dirs[seed]!, "metrics.json");
        const metrics = JSON.parse(readFileSync(path, "utf8")) as { adapters: { sft: object } };
        metrics.adapters.sft = { ...metrics.adapters.sft, keptEpoch };
        writeFileSync(path, JSON.stringify(metrics));
      }
      const again = await reproduceAmortized({ ...suite, resume: true });
      return again.cells[3]!.metrics!.findings.filter((text) => text.startsWith("No epoch of sft"));
    };
    expect(await unchanged(0, 0)).toHaveLength(1);
    expect(await unchanged(0, 1)).toEqual([]);
    expect(await unchanged(1, 0)).toEqual([]);
  });

  it("learns what several rewards prefer, each in runs of its own, from the same draws", async () => {
    const suite = {
      ...suiteOf(await tinyTask(true)),
      ...{ models: ["tiny"], seeds: 1, trainNs: [3] },
      methods: ["sft", "dpo"].map(methodNamed),
      rewards: ["log-likelihood", "self-certainty"].map(rewardNamed),
    };
    const result = await reproduceAmortized(suite);
    const names = ["sft", "sft-self-certainty", "dpo", "dpo-self-certainty"];
    expect(result.methods).toEqual(names);
    expect(result.cells.map(({ method, failures }) => [method, failures])).toEqual(
      names.map((name) => [name, []]),
    );
    const dirOf = (method: string): string => {
      const kind = method === "sft" ? "" : `${method}-`;
      return join(suite.out, "tiny", "first", `${kind}n-3-seed-0`);
    };
    const file = (method: string, name: string): string => readFileSync(join(dirOf(method), name), "utf8");
    for (const [method, reward] of names.map((name, i) => [
      name,
      i % 2 ? "self-certainty" : "log-likelihood",
    ])) {
      const { amortize } = readRun(dirOf(method!)).manifest;
      expect(amortize).toMatchObject({ reward: { name: reward } });
      expect(Object.keys(readMetrics(readRun(dirOf(method!)))!.bestOfN)).toEqual([reward]);
      expect(file(method!, "responses.jsonl")).toBe(file("sft", "responses.jsonl"));
    }
    // What is learned from is drawn once, and what was chosen is the reward's own.
    expect(file("dpo-self-certainty", "training-responses.jsonl")).toBe(
      file("dpo", "training-responses.jsonl"),
    );
    const linesOf = (method: string): string[] =>
      file(method, "training-responses.jsonl").trimEnd().split("\n");
    expect(file("sft-self-certainty", "training-responses.jsonl")).toBe(
      file("sft", "training-responses.jsonl"),
    );
    // Pairs of validation prompts are of more responses.
    expect(linesOf("dpo")).toEqual(expect.arrayContaining(linesOf("sft")));
    expect(file("sft-self-certainty", "chosen.jsonl")).not.toBe(file("sft", "chosen.jsonl"));
    // What is chosen from full draws is what is chosen where losers are dropped, and pairs are those of draws of their own.
    for (const [at, asked] of ["sft", "sft-self-certainty", "dpo"].entries()) {
      const alone = {
        ...{ ...suite, out: join(dirname(suite.out), asked) },
        methods: [methodNamed(at < 2 ? "sft" : "dpo")],
        rewards: [rewardNamed(at === 1 ? "self-certainty" : "log-likelihood")],
      };
      await reproduceAmortized(alone);
      const name = at < 2 ? "chosen.jsonl" : "training-responses.jsonl";
      const own = join(dirOf(asked), name).replace(suite.out, alone.out);
      expect(file(asked, name), asked).toBe(readFileSync(own, "utf8"));
    }
    expect(
      existsSync(join(dirname(suite.out), "sft", "tiny", "first", "n-3-seed-0", "training-responses.jsonl")),
    ).toBe(false);
    const likelihoods = result.cells.map(({ metrics }) => metrics!.adapter.logLikelihood.value);
    expect(new Set(likelihoods).size).toBe(4);
    // More rewards are added to a suite that is there.
    const more = await reproduceAmortized({
      ...suite,
      resume: true,
      rewards: [...suite.rewards, rewardNamed("majority")],
    });
    expect(more.cells.filter((_, i) => i % 3 < 2)).toEqual(result.cells);
    expect(more.cells[2]).toMatchObject({ method: "sft-majority", failures: [] });
    // One by itself, beside those: it learns from their draws, and none is drawn again.
    const drawn: string[] = [];
    const beside = await reproduceAmortized({
      ...{ ...suite, resume: true, methods: [methodNamed("sft")], rewards: [rewardNamed("entropy")] },
      onProgress: ({ stage, done, total }) => {
        const of = stage.replace(/^.*?\): /, "");
        if (["greedy", "sampling", "drawing training responses"].includes(of))
          drawn.push(`${of} ${done === total}`);
      },
    });
    expect(beside.cells).toMatchObject([{ method: "sft-entropy", failures: [] }]);
    expect(drawn).toEqual(["greedy true", "sampling true", "drawing training responses true"]);
    expect(linesOf("sft-entropy")).toEqual(expect.arrayContaining(linesOf("sft")));
    await expect(reproduceAmortized({ ...suite, rewards: [] })).rejects.toThrow(/at least one self-reward/);
  });

  it("learns from the first of the responses that a cell of more has drawn, as if it had drawn them itself", async () => {
    const suite = {
      ...suiteOf(await tinyTask(true)),
      ...{ models: ["tiny"], seeds: 1, methods: [methodNamed("dpo")] },
    };
    const cellsOf = async (out: string, trainN: number, resume = false): Promise<[unknown, string[]]> => {
      const drawn: string[] = [];
      const onProgress: AmortizedOptions["onProgress"] = ({ stage, done, total }) => {
        if (/(?:pairs|sampling|greedy)$/.test(stage) && done !== total) drawn.push(stage);
      };
      const { cells } = await reproduceAmortized({ ...suite, out, resume, trainNs: [trainN], onProgress });
      return [cells.map(({ metrics }) => metrics), drawn];
    };
    await cellsOf(suite.out, 4);
    const [fewer, drawnForFewer] = await cellsOf(suite.out, 2, true);
    expect(drawnForFewer).toEqual([]);
    const [alone, drawnAlone] = await cellsOf(join(dirname(suite.out), "alone"), 2);
    expect(drawnAlone).not.toEqual([]);
    expect(fewer).toEqual(alone);
    // Of a cell of fewer nothing to learn from is taken over, only what is measured.
    const [more, drawnForMore] = await cellsOf(join(dirname(suite.out), "alone"), 3, true);
    expect(drawnForMore.filter((stage) => !/drawing (?:validation )?pairs$/.test(stage))).toEqual([]);
    expect(drawnForMore).not.toEqual([]);
    expect(more).not.toEqual(alone);
  });

  it("draws anew with each seed where that is asked for, to the same prompts, and compares each with its own", async () => {
    const suite = {
      ...suiteOf(await tinyTask(true)),
      ...{ models: ["tiny"], trainNs: [3], seeds: 2, redraw: true, temperature: 1 },
      methods: ["sft", "dpo"].map(methodNamed),
    };
    const result = await reproduceAmortized(suite);
    expect(result.redraw).toBe(true);
    const runs = [0, 1].map((seed) => readRun(join(suite.out, "tiny", "first", `n-3-seed-${seed}`)));
    expect(runs.map(({ manifest }) => manifest.seeds)).toEqual(
      [0, 1].map((seed) => ({ run: seed, training: seed })),
    );
    const files = (name: string): string[] => runs.map(({ dir }) => readFileSync(join(dir, name), "utf8"));
    for (const name of ["prompts.jsonl", "greedy.jsonl"]) expect(files(name)[1], name).toBe(files(name)[0]);
    for (const name of ["responses.jsonl", "training-responses.jsonl"])
      expect(files(name)[1], name).not.toBe(files(name)[0]);
    // The other method's cells share what is of their seed.
    const ofPairs = (seed: number): string =>
      readFileSync(join(suite.out, "tiny", "first", `dpo-n-3-seed-${seed}`, "responses.jsonl"), "utf8");
    expect([ofPairs(0), ofPairs(1)]).toEqual(files("responses.jsonl"));

    const metrics = runs.map((run) => readMetrics(run)!);
    const mean = (pick: (one: (typeof metrics)[number]) => number): number =>
      (pick(metrics[0]!) + pick(metrics[1]!)) / 2;
    const { base, adapter } = result.cells[0]!.metrics!;
    expect(metrics[0]!.base.logLikelihood.value).not.toBe(metrics[1]!.base.logLikelihood.value);
    expect(base.logLikelihood.value).toBeCloseTo(
      mean((one) => one.base.logLikelihood.value),
      10,
    );
    expect(base.accuracy!.value).toBeCloseTo(
      mean((one) => one.base.accuracy!.value),
      12,
    );
    expect(adapter.logLikelihoodGain.value).toBeCloseTo(
      mean((one) => one.adapters["sft"]!.logLikelihoodGain.value),
      10,
    );
    const widths = metrics.map(({ base: { logLikelihood: own } }) => own.high - own.low);
    expect(base.logLikelihood.high - base.logLikelihood.low).toBeGreaterThan(Math.min(...widths));
    // A suite that shares draws is not gone on with as one that does not.
    await expect(reproduceAmortized({ ...suite, redraw: false, resume: true })).rejects.toThrow(/redraw/);
    expect((await reproduceAmortized({ ...suite, resume: true })).cells).toEqual(result.cells);
  });

  it("has the words of a point of a sweep in its result, which its name does not tell", async () => {
    const { method } = sweptMethods([methodNamed("sft")], [{ setting: "rank", values: ["2"] }])[0]!;
    const suite = { ...suiteOf(await tinyTask(true)), models: ["missing"], trainNs: [2], seeds: 1 };
    const of = async (methods: (typeof method)[]): Promise<(string | undefined)[]> => {
      const out = mkdtempSync(join(tmpdir(), "whetstone-suite-"));
      const { cells } = await reproduceAmortized({ ...suite, out, methods });
      return cells.map(({ title }) => title);
    };
    expect(await of([method, methodNamed("dpo")])).toEqual(["SFT, rank = 2", undefined]);
    expect(await of([methodNamed("sft")])).toEqual([undefined]);
  });

  it("says why where there is nothing to learn from, and refuses a suite without N", async () => {
    const few = { ...(await tinyTask(true)), prompts: () => [{ id: "p", text: "1 2 3 :" }] };
    const result = await reproduceAmortized({ ...suiteOf(few), models: ["tiny"], trainNs: [2], seeds: 1 });
    expect(result.cells[0]!.failures[0]!.sentence).toMatch(/too few different prompts to learn from/);
    await expect(reproduceAmortized({ ...suiteOf(few), trainNs: [] })).rejects.toThrow(/at least one N/);
  });
});
