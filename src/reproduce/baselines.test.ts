import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { RunError } from "../core/errors.js";
import { strongestBaseline } from "../evaluate/strongest-baseline.js";
import type { Policy, Response } from "../policy/policy.js";
import { tinyTask } from "../sharpen/tiny-job.test-helper.js";
import { collect, tinyPolicy, wordPolicy } from "../sharpen/tiny-policies.test-helper.js";
import { reproduceAmortized } from "./amortized.js";
import { reproduceInference } from "./inference.js";
import { tinySuite, wordTask } from "./tiny-suite.test-helper.js";

const NAMES = [
  "temperature 0.25",
  "temperature 0.5",
  "temperature 0.7",
  "top-p 0.9",
  "beam search of width 2",
  "beam search of width 4",
  "beam search of width 8",
];

it("reproduce inference measures what the base gives when asked in other ways, over all seeds", async () => {
  const suite = tinySuite({ baselines: 3 });
  const { metrics } = (await reproduceInference(suite)).cells[0]!;
  expect(Object.keys(metrics!.baselines!)).toEqual(NAMES);
  const task = wordTask("first");
  const shareRight = (responses: readonly Response[]): number =>
    responses.filter(({ promptId, text }) => task.grade(promptId, text)).length / responses.length;
  const prompts = task.prompts("test").slice(0, 11);
  const policy = wordPolicy();
  const searched = await collect(policy.beam!(prompts, { width: 4, maxTokens: task.maxTokens }));
  expect(metrics!.baselines!["beam search of width 4"]!.accuracy!.value).toBeCloseTo(
    shareRight(searched),
    12,
  );
  const sampled = [0, 1].flatMap((seed) =>
    readFileSync(join(suite.out, "words", "first", `seed-${seed}`, "baseline-temperature-0.5.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Response),
  );
  expect(sampled).toHaveLength(2 * 11 * 3);
  expect(metrics!.baselines!["temperature 0.5"]!.accuracy!.value).toBeCloseTo(shareRight(sampled), 12);
  for (const name of NAMES) {
    const best = metrics!.bestOfN["majority"]!["5"]!;
    expect(best.gainOver![name]!.value).toBeCloseTo(
      best.accuracy!.value - metrics!.baselines![name]!.accuracy!.value,
      12,
    );
  }
  const costs = new Map(metrics!.costs!.map(({ name, tokens }) => [name, tokens]));
  const tokensOf = (responses: readonly Response[]): number =>
    responses.reduce((sum, { logProbs }) => sum + logProbs.length, 0);
  expect(costs.get("beam search of width 4")).toBe(4 * tokensOf(searched));
  expect(costs.get("best-of-5 by majority")).toBe(Math.round(5 * 11 * metrics!.base.length.value));
  await expect(reproduceInference({ ...suite, resume: true, baselines: 4 })).rejects.toThrow(RunError);
});

it("reproduce inference searches once for all seeds", async () => {
  const asked = { greedy: 0, beam: 0 };
  const base = wordPolicy();
  const counted: Policy = {
    ...{ ...base, name: "words" },
    greedy: (prompts, options) => {
      asked.greedy += [...prompts].length;
      return base.greedy(prompts, options);
    },
    beam: (prompts, options) => {
      asked.beam += [...prompts].length;
      return base.beam!(prompts, options);
    },
  };
  const recorded = { name: "words", digest: base.digest };
  const suite = tinySuite({
    baselines: 1,
    seeds: 3,
    openModel: () => Promise.resolve({ policy: counted, recorded }),
  });
  const { cells } = await reproduceInference(suite);
  expect(cells[0]!.seeds).toEqual([0, 1, 2]);
  expect(asked).toEqual({ greedy: 11, beam: 3 * 11 });
  const file = (seed: number, name: string): string =>
    readFileSync(join(suite.out, "words", "first", `seed-${seed}`, name), "utf8");
  for (const name of ["greedy.jsonl", "baseline-beam-4.jsonl"]) expect(file(2, name)).toBe(file(0, name));
  for (const name of ["responses.jsonl", "baseline-temperature-0.5.jsonl"])
    expect(file(2, name)).not.toBe(file(0, name));
});

it("reproduce amortized judges an adapter against the strongest of them", { timeout: 60_000 }, async () => {
  const task = await tinyTask(true);
  const fit = { epochs: 1, batchSize: 4, learningRate: 0.02, clipNorm: 1, rank: 2, keep: "last" } as const;
  const suite = {
    ...tinySuite({ baselines: 2, models: ["tiny"], seeds: 1, prompts: 4, n: 3 }),
    trainNs: [2],
    curveSamples: 0,
    openModel: async () => {
      const policy = await tinyPolicy("tiny-tied");
      return { policy, recorded: { name: policy.name, digest: policy.digest } };
    },
    openTask: () => Promise.resolve({ task }),
    training: () => ({ fit: { ...fit, targetModules: ["q_proj"] }, source: "this test" }),
  };
  const { metrics } = (await reproduceAmortized(suite)).cells[0]!;
  const { adapter, baselines, verdict } = metrics!;
  expect(Object.keys(baselines!)).toEqual(NAMES);
  expect(Object.keys(adapter.gainOver!)).toEqual(NAMES);
  const { tokens } = metrics!.costs!.find(({ name }) => name === "sft adapter, one sample")!;
  // Two responses to each of eight training and two validation prompts.
  const drawn = 2 * (8 + 2);
  expect(tokens).toBe(Math.round(4 * adapter.length.value + drawn * metrics!.base.length.value));
  expect(verdict!.sentence).toContain(strongestBaseline(adapter, metrics!)!.name);
});
