import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { RunError, UsageError } from "../core/errors.js";
import type { Response } from "../policy/policy.js";
import { acquireLock, isLocked } from "./lock.js";
import type { RunConfig } from "./config.js";
import { firstDifference } from "./difference.js";
import { runVersions, type Manifest } from "./manifest.js";
import { readRun } from "./read-run.js";
import { openRun, startRun, type Run } from "./run.js";
import { verifyRun } from "./verify-run.js";

const root = mkdtempSync(join(tmpdir(), "whetstone-run-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
const newDir = (): string => join(root, "runs", String(folders++));

const config: RunConfig = {
  model: { name: "game24", digest: "m1" },
  task: { name: "game24", digest: "t1" },
  drawing: { n: 50, temperature: 1, maxTokens: 18 },
  rewards: [{ name: "log-likelihood" }, { name: "majority" }],
  amortize: { reward: { name: "majority" }, methods: { sft: { rank: 16 } } },
  seeds: { run: 1 },
};
const options = { command: "whetstone sharpen game24", createdAt: "2026-11-01T00:00:00.000Z" };
const start = (dir: string, different: Partial<RunConfig> = {}, resume = false): Promise<Run> =>
  startRun(dir, { ...config, ...different }, { ...options, resume });

function response(promptId: string, index: number): Response {
  return { promptId, index, text: "4 * 6 = 24", tokens: [4, 1], logProbs: [-0.5, -0.25], finish: "stop" };
}

describe("startRun", () => {
  it("makes a folder that reads back as it was written", async () => {
    const dir = newDir();
    const run = await start(dir);
    (await run.promptLog()).append({ id: "a", text: "1 2 3 4 = 24 :", split: "test" });
    (await run.responseLog()).append(response("a", 0));
    (await run.responseLog()).append(response("a", 1));
    (await run.greedyLog()).append(response("a", -1));
    (await run.selectionLog()).append({ promptId: "a", reward: "majority", chosen: 1, scores: [-2, -1 / 3] });
    expect(readdirSync(run.adapterDir("sft"))).toEqual([]);
    (await run.responseLog("sft")).append(response("a", 0));
    await run.writeJson("metrics.json", { n: 50 });
    await run.writeText("report.html", "<p>ü</p>");
    await run.close();
    await run.close();

    const reader = readRun(dir);
    expect(reader.manifest).toEqual({ format: 2, ...runVersions(), ...config, ...options });
    expect(await reader.prompts()).toEqual([{ id: "a", text: "1 2 3 4 = 24 :", split: "test" }]);
    expect(await reader.responses()).toEqual([response("a", 0), response("a", 1)]);
    expect(await reader.greedy()).toEqual([response("a", -1)]);
    expect(await reader.selections()).toEqual([
      { promptId: "a", reward: "majority", chosen: 1, scores: [-2, -1 / 3] },
    ]);
    expect(reader.adapters()).toEqual(["sft"]);
    expect(await reader.responses("sft")).toEqual([response("a", 0)]);
    expect(await reader.greedy("sft")).toEqual([]);
    expect(reader.json("metrics.json")).toEqual({ n: 50 });
    expect(reader.json("none.json")).toBeUndefined();
    expect(readFileSync(join(dir, "report.html"), "utf8")).toBe("<p>ü</p>");
    const files = [
      "adapters",
      "greedy.jsonl",
      "manifest.json",
      "metrics.json",
      "prompts.jsonl",
      "report.html",
    ];
    expect(
      readdirSync(dir)
        .filter((name) => name !== ".lock")
        .sort(),
    ).toEqual([...files, "responses.jsonl", "selections.jsonl"]);
  });

  it("continues a run, with its own manifest, and opens each log once", async () => {
    const dir = newDir();
    const first = await start(dir, {}, true);
    (await first.responseLog()).append(response("a", 0));
    await first.close();
    const moved = { model: { name: "x", digest: "m1", path: "/elsewhere" } };
    const second = await startRun(
      dir,
      { ...config, ...moved },
      { resume: true, command: "again", createdAt: "later" },
    );
    expect(second.manifest).toEqual({ format: 2, ...runVersions(), ...config, ...options });
    const log = await second.responseLog();
    expect(await second.responseLog()).toBe(log);
    expect(log.size).toBe(1);
    expect(() => log.append(response("a", 0))).toThrow(RunError);
    await second.close();
    expect(() => log.append(response("a", 1))).toThrow(/closed/);
  });

  it("refuses a run that is there unless it is to be continued, and a folder of something else", async () => {
    const dir = newDir();
    await (await start(dir)).close();
    await expect(start(dir)).rejects.toThrow(/holds a run already; set `resume`/);

    const foreign = newDir();
    mkdirSync(foreign, { recursive: true });
    writeFileSync(join(foreign, "thesis.doc"), "years of work");
    for (const resume of [false, true]) {
      await expect(start(foreign, {}, resume)).rejects.toThrow(
        /not a run folder but holds other files \(thesis.doc\)/,
      );
    }
    expect(readdirSync(foreign)).toEqual(["thesis.doc"]);
    await expect(start(join(foreign, "thesis.doc"))).rejects.toThrow(/is a file, not a folder/);
    await expect(start(join(foreign, "thesis.doc", "run"))).rejects.toThrow(RunError);

    writeFileSync(join(dir, "manifest.json"), "{");
    await expect(start(dir, {}, true)).rejects.toThrow(/manifest.json is not valid JSON/);
    writeFileSync(join(dir, "manifest.json"), '{"format":3}');
    await expect(start(dir, {}, true)).rejects.toThrow(/field "format"/);
  });

  it("starts anew where a kill left nothing but a lock and a temporary file", async () => {
    const dir = newDir();
    mkdirSync(join(dir, ".lock"), { recursive: true });
    writeFileSync(join(dir, ".tmp-1-0-0-manifest.json"), "{");
    const run = await start(dir);
    expect(readdirSync(dir).sort()).toEqual([".lock", "manifest.json"]);
    await run.close();
  });

  it("refuses another configuration, in words", async () => {
    const dir = newDir();
    await (await start(dir)).close();
    const refused = (changes: Partial<RunConfig>): Promise<unknown> => start(dir, changes, true);
    await expect(refused({ drawing: { ...config.drawing, temperature: 0.5 } })).rejects.toThrow(
      /was made with temperature = 1, but now it is 0\.5; resume it as it was made, or choose another folder/,
    );
    await expect(refused({ model: { name: "game24", digest: "m2" } })).rejects.toThrow(
      /was made with a model of other weights, tokenizer or template than game24 has now; resume/,
    );
    const module = { path: "/mine.js", digest: "a" };
    await expect(refused({ rewards: [...config.rewards!, { name: "mine", module }] })).rejects.toThrow(
      /rewards = \["log-likelihood","majority"\], but now it is \["log-likelihood","majority","mine"\]/,
    );
    // The lock is let go each time.
    await (await start(dir, {}, true)).close();
  });

  it("refuses what is no configuration, before a folder is made", async () => {
    const dir = newDir();
    await expect(start(dir, { drawing: { ...config.drawing, n: 0 } })).rejects.toThrow(
      /cannot be started with this drawing\.n: /,
    );
    expect(() => readdirSync(dir)).toThrow();
  });

  it("is opened again as it was made, and only if it is one", async () => {
    const dir = newDir();
    await expect(openRun(dir)).rejects.toThrow(/is not a run folder: it has no manifest\.json/);
    await (await start(dir)).close();
    const run = await openRun(dir);
    expect(run.manifest).toEqual({ format: 2, ...runVersions(), ...config, ...options });
    await expect(openRun(dir)).rejects.toThrow(/is in use by process/);
    await run.close();
  });

  it("takes no adapter name that leaves the folder", async () => {
    const run = await start(newDir());
    for (const name of ["..", "a/b", "", ".hidden", "a\\b", "x".repeat(65)]) {
      expect(() => run.adapterDir(name)).toThrow(UsageError);
      await expect(run.responseLog(name)).rejects.toThrow(UsageError);
    }
    await run.close();
  });
});

describe("firstDifference", () => {
  const manifest: Manifest = { format: 2, ...runVersions(), ...config, ...options };
  const module = { path: "/mine.js", digest: "a" };
  const { amortize: _, ...withoutAmortize } = manifest;

  it.each([
    [{ model: { name: "game24", digest: "m2" } }, "model.digest"],
    [{ model: { name: "game24", digest: "m2", quantize: "int8" } }, "quantize"],
    [{ model: { ...config.model, kvCache: "float16" } }, "kvCache"],
    [{ model: { ...config.model, device: "webgpu" } }, "device"],
    [{ drawing: { ...config.drawing, prompts: 3 } }, "drawing.prompts"],
    [{ amortize: { ...config.amortize!, methods: { sft: { rank: 8 } } } }, "amortize.methods.sft.rank"],
    [{ rewards: [{ name: "majority" }] }, "rewards"],
    [{ task: { ...config.task, grader: { name: "numeric" } } }, "task.grader"],
    [{ task: { ...config.task, module } }, "modules.task game24"],
    [{ seeds: { run: 2 } }, "seeds.run"],
    [{ whetstone: "0.0.0" }, "whetstone"],
    [{ onnxruntime: "0.0.0" }, "onnxruntime"],
    [{ format: 1 }, "format"],
    [
      { node: "0", command: "x", createdAt: "x", task: { name: "other", digest: "t2", path: "/x" } },
      undefined,
    ],
    [{ drawing: { maxTokens: 18, temperature: 1, n: 50 } }, undefined],
  ] satisfies [Partial<Manifest>, string | undefined][])("of %j is %s", (changes, field) => {
    expect(firstDifference(manifest, { ...manifest, ...changes })?.field).toBe(field);
  });

  it("says what is missing, and compares modules by their bytes alone", () => {
    expect(firstDifference(manifest, withoutAmortize)).toEqual({
      field: "amortize",
      recorded: '{"reward":"majority","methods":{"sft":{"rank":16}}}',
      asked: "nothing",
    });
    const own = (path: string, digest: string): Manifest => ({
      ...manifest,
      rewards: [{ name: "mine", module: { path, digest } }],
    });
    expect(firstDifference(own("/a.js", "1"), own("/b.js", "1"))).toBeUndefined();
    expect(firstDifference(own("/a.js", "1"), own("/a.js", "2"))?.field).toBe("modules.reward mine");
  });
});

describe("the lock", () => {
  const lockFile = (dir: string, holder: unknown): void => {
    mkdirSync(join(dir, ".lock"), { recursive: true });
    writeFileSync(join(dir, ".lock", "7"), typeof holder === "string" ? holder : JSON.stringify(holder));
  };

  it("is refused while held, and free after release", () => {
    const dir = newDir();
    const lock = acquireLock(dir);
    expect(() => acquireLock(dir)).toThrow(new RegExp(`in use by process ${process.pid}`));
    expect(isLocked(dir)).toBe(true);
    lock.release();
    expect(isLocked(dir)).toBe(false);
    lock.release();
    acquireLock(dir).release();
    expect(readdirSync(join(dir, ".lock"))).toEqual(["2"]);
  });

  it("is taken over from a dead process and from a recycled pid, not from another host", () => {
    const dead = newDir();
    lockFile(dead, { pid: 2 ** 22 + 1, host: hostname() });
    expect(isLocked(dead)).toBe(false);
    acquireLock(dead).release();
    expect(readdirSync(join(dead, ".lock"))).toEqual(["8"]);

    const elsewhere = newDir();
    lockFile(elsewhere, { pid: 2 ** 22 + 1, host: "elsewhere.example" });
    expect(isLocked(elsewhere)).toBe(true);
    expect(() => acquireLock(elsewhere)).toThrow(
      /on elsewhere.example; wait for it, or if it is gone delete/,
    );

    const damaged = newDir();
    lockFile(damaged, "");
    expect(() => acquireLock(damaged)).toThrow(/7 is not a lock file of whetstone/);

    const live = newDir();
    lockFile(live, { pid: process.pid, host: hostname() });
    expect(() => acquireLock(live)).toThrow(RunError);
    if (process.platform === "linux") {
      const recycled = newDir();
      lockFile(recycled, { pid: process.pid, host: hostname(), started: "another boot/1" });
      acquireLock(recycled).release();
    }
  });
});

describe("verifyRun", () => {
  async function soundRun(): Promise<string> {
    const dir = newDir();
    const run = await start(dir);
    for (const id of ["a", "b"]) {
      (await run.promptLog()).append({ id, text: id, split: "test" });
      (await run.greedyLog()).append(response(id, -1));
      for (let index = 0; index < 3; index++) (await run.responseLog()).append(response(id, index));
    }
    (await run.selectionLog()).append({ promptId: "a", reward: "majority", chosen: 2, scores: [0, 1, 2] });
    (await run.responseLog("sft")).append(response("b", 0));
    await run.close();
    return dir;
  }
  const append = (dir: string, name: string, record: unknown): void =>
    writeFileSync(join(dir, name), `${JSON.stringify(record)}\n`, { flag: "a" });

  it("counts a sound run and finds nothing", async () => {
    expect(await verifyRun(await soundRun())).toEqual({
      problems: [],
      counts: {
        "prompts.jsonl": 2,
        "responses.jsonl": 6,
        "greedy.jsonl": 2,
        [join("adapters", "sft", "responses.jsonl")]: 1,
        [join("adapters", "sft", "greedy.jsonl")]: 0,
        "selections.jsonl": 1,
      },
    });
  });

  it("finds what is wrong, and where", async () => {
    const dir = await soundRun();
    append(dir, "responses.jsonl", response("c", 0));
    append(dir, "responses.jsonl", response("a", 1));
    append(dir, "responses.jsonl", response("a", -1));
    append(dir, "greedy.jsonl", { ...response("a", 5), tokens: [1] });
    append(dir, join("adapters", "sft", "greedy.jsonl"), response("a", 0));
    append(dir, "selections.jsonl", { promptId: "b", reward: "majority", chosen: 3, scores: [0, 1, 2, 3] });
    const at = (line: number, name: string): string => `Line ${line} of ${join(dir, name)}`;
    expect((await verifyRun(dir)).problems).toEqual([
      `${at(7, "responses.jsonl")} is of a prompt "c" that prompts.jsonl does not have.`,
      `${at(8, "responses.jsonl")} repeats the record of line 2.`,
      `${at(9, "responses.jsonl")} is a greedy response among the drawn ones.`,
      `${at(3, "greedy.jsonl")} is not a valid record (tokens and logProbs differ in length); restore the file, or delete that line and all after it and resume.`,
      `${at(1, join("adapters", "sft", "greedy.jsonl"))} is not a greedy response.`,
      `${at(2, "selections.jsonl")} chooses response 3, which responses.jsonl does not have.`,
    ]);
  });

  it("refuses a folder that is not a run", async () => {
    await expect(verifyRun(root)).rejects.toThrow(/is not a run folder: it has no manifest.json/);
    await expect(verifyRun(join(root, "none"))).rejects.toThrow(RunError);
  });
});
