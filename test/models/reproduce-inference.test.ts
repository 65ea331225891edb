import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { InterruptedError, RunError, UsageError } from "../../src/core/errors.js";
import { measure, type MeasuredMetrics } from "../../src/evaluate/measure.js";
import { sequenceLogProb } from "../../src/policy/policy.js";
import { rewardNamed } from "../../src/reward/registry.js";
import { readRun } from "../../src/run/read-run.js";
import { verifyRun } from "../../src/run/verify-run.js";
import { drawnPrompts, type DrawnPrompt } from "../../src/sharpen/drawn-prompts.js";
import { readMetrics } from "../../src/sharpen/run-metrics.js";
import { poolsOf } from "../../src/sharpen/selections.js";
import { labelOf } from "../../src/reproduce/cells.js";
import { reproduceInference } from "../../src/reproduce/inference.js";
import { tinySuite, wordTask } from "../../src/reproduce/tiny-suite.test-helper.js";

const folderOf = (out: string, seed: number, task = "first", model = "words"): string =>
  join(out, model, task, `seed-${seed}`);

/** Every file of a suite but its locks, by its name. */
function filesOf(out: string): Record<string, string> {
  const entries = readdirSync(out, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.parentPath.endsWith(".lock"),
  );
  return Object.fromEntries(
    entries
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort()
      .map((path) => [path.slice(out.length), readFileSync(path, "utf8")]),
  );
}

describe("reproduceInference", () => {
  it("has the figures of measure() on the single runs, and their mean over seeds", async () => {
    const suite = tinySuite({ tasks: ["first", "second"] });
    const result = await reproduceInference(suite);
    expect(result.cells.map(({ model, task, seeds }) => [model, task, seeds])).toEqual([
      ["words", "first", [0, 1]],
      ["words", "second", [0, 1]],
    ]);
    const merged = result.cells[0]!.metrics!;
    expect(merged.prompts).toBe(11);
    const task = wordTask("first");
    const single: { own: MeasuredMetrics; responses: DrawnPrompt["responses"][] }[] = [];
    for (const seed of [0, 1]) {
      const dir = folderOf(suite.out, seed);
      expect((await verifyRun(dir)).problems).toEqual([]);
      const drawn = await drawnPrompts(readRun(dir));
      const prompts = drawn.map(({ prompt }) => prompt);
      const responses = drawn.map((one) => one.responses);
      const greedy = drawn.map((one) => one.greedy);
      const rewards = ["log-likelihood", "length-normalized", "majority"].map(rewardNamed);
      const own = await measure({ task, pools: poolsOf(task, prompts, responses), greedy, rewards, seed });
      // The cell is an ordinary run: its own metrics.json says the same.
      expect(readMetrics(readRun(dir))!.bestOfN["majority"]).toEqual(own.bestOfN["majority"]);
      single.push({ own, responses });
    }
    expect(single[0]!.own.base.accuracy!.value).not.toBe(single[1]!.own.base.accuracy!.value);
    const mean = (pick: (one: (typeof single)[number]["own"]) => number): number =>
      (pick(single[0]!.own) + pick(single[1]!.own)) / 2;
    for (const reward of ["log-likelihood", "length-normalized", "majority"]) {
      for (const n of ["1", "2", "5"]) {
        const at = merged.bestOfN[reward]![n]!;
        expect(at.accuracy!.value).toBeCloseTo(
          mean((m) => m.bestOfN[reward]![n]!.accuracy!.value),
          12,
        );
        expect(at.liftPoints!.value).toBeCloseTo(
          mean((m) => m.bestOfN[reward]![n]!.liftPoints!.value),
          9,
        );
        expect(at.logLikelihood.value).toBeCloseTo(
          mean((m) => m.bestOfN[reward]![n]!.logLikelihood.value),
          12,
        );
        expect(at.lengthChange!.value).toBeCloseTo(
          mean((m) => m.bestOfN[reward]![n]!.lengthChange!.value),
          12,
        );
        expect(at.accuracy!.low).toBeLessThanOrEqual(at.accuracy!.value);
      }
    }
    expect(merged.coverage!["5"]!.value).toBeCloseTo(
      mean((m) => m.coverage!["5"]!.value),
      12,
    );
    const greedy = merged.greedy.accuracy!.value;
    expect(merged.coverageLift!["5"]!.value).toBeCloseTo(
      (100 * (merged.coverage!["5"]!.value - greedy)) / greedy,
      9,
    );
    expect(merged.histograms.all.counts.reduce((a, b) => a + b, 0)).toBe(2 * 11 * 5);
    // At N = n the choice is the likeliest of all five, which brute force finds too.
    const best = single.map(({ responses }) =>
      responses.map((pool) => Math.max(...pool.map(sequenceLogProb))).reduce((a, b) => a + b, 0),
    );
    expect(merged.bestOfN["log-likelihood"]!["5"]!.logLikelihood.value).toBeCloseTo(
      (best[0]! + best[1]!) / 22,
      10,
    );
  });

  it("is stopped in the middle of a cell, and continued ends with the same files and figures", async () => {
    const whole = tinySuite();
    const expected = await reproduceInference(whole);
    const suite = tinySuite();
    const stop = new AbortController();
    const stopping = reproduceInference({
      ...suite,
      signal: stop.signal,
      onProgress: ({ stage, done }) => {
        if (/^cell 2 of 2 .*: sampling$/.test(stage) && done === 20) stop.abort();
      },
    });
    await expect(stopping).rejects.toThrow(InterruptedError);
    const begun = readFileSync(join(folderOf(suite.out, 1), "responses.jsonl"), "utf8").split("\n").length;
    expect(begun).toBeGreaterThan(15);
    expect(begun).toBeLessThan(55);
    const finished = readFileSync(join(folderOf(suite.out, 0), "metrics.json"), "utf8");
    // A kill tears a line.
    const torn = join(folderOf(suite.out, 1), "responses.jsonl");
    writeFileSync(torn, readFileSync(torn, "utf8").slice(0, -9));
    expect(await reproduceInference({ ...suite, resume: true })).toEqual(expected);
    expect(filesOf(suite.out)).toEqual(filesOf(whole.out));
    expect(readFileSync(join(folderOf(suite.out, 0), "metrics.json"), "utf8")).toBe(finished);
    // Nothing is left to do: the model is not even loaded.
    const before = suite.loaded.length;
    expect(await reproduceInference({ ...suite, resume: true })).toEqual(expected);
    expect(suite.loaded.length).toBe(before);
  });

  it("leaves the cells of a model that is missing blank, with the reason, and does the others", async () => {
    const result = await reproduceInference(tinySuite({ models: ["missing", "words"], seeds: 1 }));
    const [blank, full] = result.cells;
    expect(blank).toEqual({
      model: "missing",
      task: "first",
      seeds: [],
      failures: [{ seed: 0, sentence: 'There is no model "missing".' }],
    });
    expect(full!.failures).toEqual([]);
    expect(full!.metrics!.n).toBe(5);
    expect(full!.verdict!.sentence).toMatch(/best-of-5 by log-likelihood/);
  });

  it("adds seeds and tasks to what is there, and draws only those", async () => {
    const suite = tinySuite({ seeds: 1 });
    await reproduceInference(suite);
    const before = filesOf(suite.out);
    const more = await reproduceInference({ ...suite, resume: true, seeds: 2, tasks: ["first", "second"] });
    expect(more.cells.map(({ seeds }) => seeds)).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(filesOf(suite.out)).toMatchObject(before);
  });

  it("has a model opened for more cells as its first ones recorded it, and stands by what is recorded", async () => {
    const asked: (string | undefined)[] = [];
    const held = (quantize?: "keep") => {
      const suite = tinySuite({ seeds: 1 });
      const openModel: typeof suite.openModel = async (name, before) => {
        asked.push(before && `${before.name} ${before.quantize}`);
        const { policy, recorded } = await suite.openModel(name, before);
        return { policy, recorded: { ...recorded, ...(quantize && { quantize }) } };
      };
      return { ...suite, openModel };
    };
    const suite = held("keep");
    await reproduceInference(suite);
    const more = { resume: true, seeds: 2, out: suite.out };
    const [whole] = (await reproduceInference({ ...suite, ...more })).cells;
    expect(whole).toMatchObject({ seeds: [0, 1], failures: [] });
    expect(asked).toEqual([undefined, "words keep"]);
    // Each run is one model: the cell that is not finished refuses another.
    rmSync(join(folderOf(suite.out, 1), "metrics.json"));
    const [other] = (await reproduceInference({ ...held(), ...more })).cells;
    expect(other!.failures.map(({ seed, sentence }) => [seed, /quantize/.test(sentence)])).toEqual([
      [1, true],
    ]);
  });

  it("refuses what cannot be a suite", async () => {
    const suite = tinySuite({ seeds: 1 });
    await reproduceInference(suite);
    const again = (different: object) => reproduceInference({ ...suite, ...different });
    await expect(again({})).rejects.toThrow(/holds a suite already; set `resume`/);
    await expect(again({ resume: true, n: 6 })).rejects.toThrow(/suite with n = 5, but now it is 6/);
    await expect(again({ out: dirname(suite.out) })).rejects.toThrow(RunError);
    await expect(again({ models: ["a/x.gguf", "b/x"] })).rejects.toThrow(/would both be called x/);
    await expect(again({ tasks: [] })).rejects.toThrow(UsageError);
    await expect(again({ seeds: 0 })).rejects.toThrow(/seeds must be a whole number of at least 1/);
  });

  it("calls models and tasks by the last part of their paths", () => {
    expect(
      ["models/Phi 3/", "a\\b.GGUF", "C:\\b", "openai:org/b", "x.jsonl", "org/name", ".."].map(labelOf),
    ).toEqual(["Phi-3", "b", "b", "openai-b", "x", "name", "unnamed"]);
  });
});
