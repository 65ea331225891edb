import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { widthOf } from "../report/columns.js";
import { acquireLock } from "../run/lock.js";
import { readRun } from "../run/read-run.js";
import { runsCommand } from "./commands/runs.js";
import { keepingContext } from "./context.test-helper.js";
import { comparisonLines, runEntry, runLines, runsIn } from "./runs-table.js";

const root = mkdtempSync(join(tmpdir(), "whetstone-runs-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const FIXTURE = join(import.meta.dirname, "../run/testdata/format-1/run");
const old = (): string => join(root, "old");
beforeEach(() => {
  rmSync(root, { recursive: true, force: true });
  cpSync(FIXTURE, old(), { recursive: true });
  mkdirSync(join(root, "notes"));
});

const run = async (words: readonly string[], answer?: boolean) => {
  const context = keepingContext(words, answer);
  const program = new Command().exitOverride();
  runsCommand(program, () => context);
  await program.parseAsync(["runs", ...words], { from: "user" });
  return context;
};

describe("the runs of a folder", () => {
  it("are those with a manifest, the oldest first, and what cannot be read is told", () => {
    const other = join(root, "broken");
    mkdirSync(other);
    writeFileSync(join(other, "manifest.json"), "{");
    const { runs, unread } = runsIn(root);
    const { model, task, createdAt } = readRun(old()).manifest;
    expect(runs).toMatchObject([
      { dir: old(), model: model.name, task: task.name, createdAt, adapters: ["dpo"] },
    ]);
    expect(unread).toMatchObject([
      { dir: other, reason: expect.stringMatching(/is not valid JSON/) as string },
    ]);
    expect(runsIn(join(root, "nowhere"))).toEqual({ runs: [], unread: [] });
  });

  it("have the figures of metrics.json by names", () => {
    const metrics = JSON.parse(readFileSync(join(FIXTURE, "metrics.json"), "utf8")) as {
      readonly greedy: { readonly accuracy: { readonly value: number } };
      readonly base: { readonly accuracy: { readonly value: number } };
    };
    const { figures, measured } = runEntry(readRun(old()));
    expect(measured).toBe(true);
    expect(figures).toMatchObject({
      greedy: metrics.greedy.accuracy.value,
      "one sample": metrics.base.accuracy.value,
    });
    expect(Object.keys(figures)).toContain("dpo adapter");
  });

  it("stand in columns that none exceeds, beside each other too", () => {
    const entry = { ...runEntry(readRun(old())), dir: "runs/a", task: "二十四点".repeat(9) };
    const b = { ...entry, dir: "runs/b", n: 7, figures: { greedy: 0.5, "one sample": -2.5 } };
    const a = { ...entry, n: 8, figures: { greedy: 0.25, "one sample": -3, majority: 0.125 } };
    for (const line of [...runLines([a, b]).split("\n"), ...comparisonLines(a, b).split("\n")])
      expect(widthOf(line)).toBeLessThanOrEqual(110);
    expect(
      comparisonLines(a, b)
        .split("\n")
        .map((line) => line.trim().split(/ {2,}/)),
    ).toEqual([
      ["runs/a", "runs/b", "change"],
      ["N", "8", "7"],
      ["greedy", "25.0 %", "50.0 %", "+25.0"],
      ["one sample", "−3.00 nats", "−2.50 nats", "+0.50"],
      ["majority", "12.5 %", "-"],
    ]);
  });
});

describe("whetstone runs", () => {
  it("lists, shows and compares", async () => {
    expect((await run(["list", root])).said[0]).toMatch(/^run +task +model/);
    expect((await run(["list", join(root, "notes")])).said).toEqual([`There is no run in ${root}/notes.`]);
    const shown = await run(["show", old()]);
    expect(shown.said[0]).toContain(readRun(old()).manifest.command);
    expect(shown.results).toMatchObject([{ dir: old(), measured: true }]);
    const compared = await run(["compare", old(), old()]);
    const [both] = compared.results as [
      {
        readonly runs: readonly object[];
        readonly ways: readonly { readonly name: string; readonly difference: { readonly value: number } }[];
      },
    ];
    expect(both.runs).toHaveLength(2);
    expect(both.ways.map(({ name }) => name)).toContain("greedy");
    expect(both.ways.every(({ difference }) => difference.value === 0)).toBe(true);
    expect(compared.said.join("\n")).toMatch(/greedy +\d+ +0\.00 \[/);
  });

  it("removes a run when that was agreed to, and nothing else", async () => {
    await expect(run(["remove", old()])).rejects.toThrow(/Nobody is at a terminal .* add --yes\.$/);
    await expect(run(["remove", old()], false)).rejects.toThrow(/is kept/);
    await expect(run(["remove", join(root, "notes"), "--yes"])).rejects.toThrow(/is not a run folder/);
    const lock = acquireLock(old());
    await expect(run(["remove", old(), "--yes"])).rejects.toThrow(/in use/);
    lock.release();
    expect(existsSync(join(old(), "responses.jsonl"))).toBe(true);
    const { said, noted } = await run(["remove", old()], true);
    expect([noted, said]).toEqual([[`Delete ${old()} and all that it holds?`], [`Deleted ${old()}.`]]);
    expect([existsSync(old()), existsSync(join(root, "notes"))]).toEqual([false, true]);
  });

  it.each([
    [["copy"], /"copy" is nothing that runs does/],
    [["compare", "a"], /Name two runs to compare/],
    [["show"], /Name the run's folder/],
    [["show", "a", "b"], /runs show takes one run/],
    [["compare", "a", "b", "c"], /Too many runs/],
    [["show", "nowhere"], /nowhere is not a run folder/],
  ] as const)("says what is wrong with %j", async (words, sentence) => {
    await expect((async () => run(words))()).rejects.toThrow(sentence);
  });
});
