import { cpSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRun } from "../../src/run/read-run.js";
import { commandLine, type CommandLine } from "../support/cli.js";

/** A run of a user's file as whetstone wrote it when manifests had format 1, and the file. */
const OLD = fileURLToPath(new URL("../../src/run/testdata/format-1/", import.meta.url));

let cli: CommandLine;
beforeAll(() => {
  cli = commandLine();
  cpSync(OLD, cli.folder, { recursive: true });
}, 120_000);
afterAll(() => cli.remove());

const TASK = ["--task", "numbers.jsonl"];

describe("a run folder of format 1", () => {
  it("says with types what its bag of options said", () => {
    const { format, drawing, task, rewards, amortize, seeds } = readRun(join(cli.folder, "run")).manifest;
    expect({ format, drawing, seeds }).toEqual({
      format: 1,
      drawing: { n: 4, temperature: 1, maxTokens: 18 },
      seeds: { run: 0 },
    });
    expect(task).toMatchObject({ name: "numbers.jsonl", path: "/moved/numbers.jsonl", ids: "line" });
    const names = ["log-likelihood", "length-normalized", "majority", "self-certainty"];
    expect(rewards).toEqual(names.map((name) => ({ name })));
    expect(amortize).toMatchObject({
      reward: { name: "log-likelihood" },
      methods: { dpo: { trainN: 2, rank: 1 } },
    });
  });

  it("is evaluated and reported", async () => {
    const before = JSON.parse(readFileSync(join(OLD, "run/metrics.json"), "utf8")) as Record<string, unknown>;
    const metrics = await cli.json(["evaluate", "run", ...TASK]);
    // Three labelled prompts: greedy is right on two, and of the twelve responses two are, on two of the prompts.
    expect(metrics).toMatchObject({
      prompts: 4,
      labelledPrompts: 3,
      greedy: { accuracy: { value: 2 / 3 } },
      coverage: { 2: { value: 1 / 3 }, 4: { value: 2 / 3 } },
    });
    const { base } = metrics as { base: { accuracy: { value: number }; logLikelihood: { value: number } } };
    expect(base.accuracy.value).toBeCloseTo(2 / 12, 12);
    const old = (before["base"] as typeof base).logLikelihood.value;
    expect(base.logLikelihood.value).toBeCloseTo(old, 12);
    expect(metrics["adapters"]).toEqual(before["adapters"]);
    const { report } = await cli.json(["report", "run", ...TASK]);
    expect(readFileSync(join(cli.folder, String(report)), "utf8")).toContain("4 9 10 13 = 24 :");
    // Elsewhere: nothing of the run's folder is written, not even a lock.
    const state = (): unknown[] =>
      readdirSync(join(cli.folder, "run"), { recursive: true, encoding: "utf8" })
        .sort()
        .map((name) => [name, statSync(join(cli.folder, "run", name)).mtimeMs]);
    const untouched = state();
    expect(await cli.json(["report", "run", ...TASK, "--page", "page.html"])).toMatchObject({
      report: "page.html",
    });
    expect(readFileSync(join(cli.folder, "page.html"), "utf8")).toContain("4 9 10 13 = 24 :");
    expect(state()).toEqual(untouched);
  });

  it("is not trained on or drawn into any further, and says why", async () => {
    const [train, resume] = await cli.runInTurn([
      ["train", "sft", "run", ...TASK],
      ["sharpen", ...TASK, "--model", "game24", "-n", "4", "--max-tokens", "18", "--run", "run", "--resume"],
    ]);
    expect(train!.stderr).toMatch(
      /run was made by an earlier version: it can be evaluated, reported and exported/,
    );
    expect(resume!.stderr).toMatch(
      /run was made by an earlier version, and can be read but not drawn into any further/,
    );
  });
});
