import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunError } from "../../dist/core/errors.js";
import { findReward, rewardNamed } from "../../dist/reward/registry.js";
import { openRun } from "../../dist/run/run.js";
import { scanResponses } from "../../dist/run/scan-responses.js";
import { openDrawn } from "../../dist/sharpen/drawn-prompts.js";
import { evaluateRun } from "../../dist/sharpen/evaluate-run.js";
import { findTask } from "../../dist/task/registry.js";
import { growthInThread } from "../../src/core/heap-growth.test-helper.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-threads-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const made = join(dir, "made");
const prompts = `${made}.prompts.jsonl`;

beforeAll(async () => {
  const size = ["--prompts", "180", "--n", "12", "--tokens", "6"];
  await promisify(execFile)(process.execPath, ["bench/large-run.mjs", "make", made, ...size]);
}, 60_000);

const REWARDS = ["log-likelihood", "majority", "pessimism", "weighted-majority"].map(rewardNamed);

/** Evaluates a copy of the run. @returns what it wrote. */
async function evaluated(
  name: string,
  most: number,
  change: (run: string) => void = () => undefined,
  rewards = REWARDS,
): Promise<{ readonly metrics: string; readonly selections: string }> {
  const copy = join(dir, name);
  cpSync(made, copy, { recursive: true });
  change(copy);
  const task = await findTask(prompts, { grader: "numeric", maxTokens: 6 });
  const run = await openRun(copy);
  try {
    await evaluateRun({ run, task, rewards, threads: { most, responsesEach: 1 } });
  } finally {
    await run.close();
  }
  const read = (file: string): string => readFileSync(join(copy, file), "utf8");
  return { metrics: read("metrics.json"), selections: read("selections.jsonl") };
}

describe("a run that is measured in several threads", () => {
  it("has the figures and selections of one thread, to the byte", async () => {
    const one = await evaluated("one", 1);
    expect(one.selections.trimEnd().split("\n")).toHaveLength(180 * REWARDS.length);
    expect(await evaluated("two", 2)).toEqual(one);
    expect(await evaluated("three", 3)).toEqual(one);
    // Half of the selections are there already, as of an evaluation that was killed.
    const half = one.selections.slice(0, one.selections.indexOf("\n", one.selections.length / 2) + 1);
    expect(
      await evaluated("resumed", 2, (run) => writeFileSync(join(run, "selections.jsonl"), half)),
    ).toEqual(one);
  });

  it("measures with a reward of one's own, which stays in the main thread", async () => {
    const path = join(dir, "brevity.mjs");
    writeFileSync(
      path,
      "let asked = 0;\nexport default { name: 'brevity', description: 'few tokens', needs: [],\n" +
        "score: async ({ responses }) => (asked++, responses.map(({ tokens }) => -tokens.length - 1 / (asked + 1))) };\n",
    );
    const [one, two] = [await findReward(path), await findReward(path)];
    expect((await evaluated("own-two", 2, undefined, [two])).metrics).toContain('"brevity"');
    // The module counts what it is asked: it was asked of every prompt, here, one after the other.
    const { selections } = await evaluated("own-one", 1, undefined, [one]);
    expect(selections.split("\n").filter(Boolean)).toHaveLength(180);
  });

  it("names the line of a record that is malformed as one thread does", async () => {
    const spoil = (run: string): void => {
      const path = join(run, "responses.jsonl");
      const lines = readFileSync(path, "utf8").split("\n");
      lines[2000] = lines[2000]!.replace('"finish":"stop"', '"finish":"stopped"');
      writeFileSync(path, lines.join("\n"));
    };
    await expect(evaluated("spoilt", 2, spoil)).rejects.toThrow(
      /^Line 2001 of .*responses\.jsonl is not a valid record/,
    );
  });

  it("says in one sentence that a thread has ended", async () => {
    const task = await findTask(prompts, { grader: "numeric", maxTokens: 6 });
    const before = readFileSync(prompts, "utf8");
    const copy = join(dir, "ended");
    cpSync(made, copy, { recursive: true });
    writeFileSync(prompts, before.replace('"answer":0', '"answer":1'));
    const run = await openRun(copy);
    try {
      const threads = { most: 2, responsesEach: 1 };
      const measuring = evaluateRun({ run, task, rewards: REWARDS, threads });
      await expect(measuring).rejects.toThrow(RunError);
      await expect(measuring).rejects.toThrow(
        /^A thread that measures the run has ended: .*prompts\.jsonl was changed while it was measured; measure again; measure it with one thread\.$/,
      );
    } finally {
      await run.close();
      writeFileSync(prompts, before);
    }
  });
});

describe("a large file of responses", () => {
  const said = async (path: string, threads: number): Promise<unknown[]> => {
    const lines: unknown[] = [];
    for await (const span of scanResponses(path, { end: 0, lines: 0 }, { threads, stretch: 20_000 })) {
      for (let i = 0; i < span.count; i++) lines.push([span.promptId, span.first + i, span.line + i]);
      lines.push(span.end);
    }
    return lines.filter((one) => typeof one !== "number" || one === lines.at(-1));
  };

  it("is looked through in several threads as in one, lines of others' included", async () => {
    const path = join(dir, "scanned.jsonl");
    const lines = readFileSync(join(made, "responses.jsonl"), "utf8").split("\n");
    lines[1500] = lines[1500]!.replace('"index":', '"index": ');
    writeFileSync(path, lines.join("\n") + '{"promptId":"torn');
    const one = await said(path, 1);
    expect(one).toHaveLength(180 * 12 + 1);
    expect(one[1500]).toEqual(["q-125", 0, 1501]);
    expect(await said(path, 2)).toEqual(one);
    expect(await said(path, 3)).toEqual(one);
  });

  it("is open beside heaps that are collected early, and closed again beside others", async () => {
    const run = await openRun(made);
    try {
      const drawn = await openDrawn(run, 180 * 12 - 1);
      expect(await growthInThread()).toBeLessThan(2.5);
      drawn.close();
      const other = await openDrawn(run, 180 * 12);
      expect(await growthInThread()).toBeGreaterThan(3);
      other.close();
    } finally {
      await run.close();
    }
  }, 60_000);
});
