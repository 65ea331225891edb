import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Response } from "../policy/policy.js";
import { knownPlaces } from "./places-file.js";
import type { PromptRecord } from "./records.js";
import { indexResponses } from "./response-index.js";
import { openRun, startRun } from "./run.js";
import { settlePrompts } from "./settle-prompts.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-settle-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const prompt = (id: string): PromptRecord => ({ id, text: `text of ${id}`, split: "test" });
const response = (promptId: string, index: number): Response => ({
  ...{ promptId, index, text: `${promptId} ü\n${index}`, finish: "stop" },
  ...{ tokens: [index + 1, 2, 3].slice(index % 3), logProbs: [-0.125, -1, -2].slice(index % 3) },
});
const IDS = ["a", "b", "c", "d"];

/** A run of four prompts whose responses stand in turn. */
async function makeRun(name: string): Promise<string> {
  const folder = join(dir, name);
  const config = {
    model: { name: "made-up", digest: "0".repeat(64) },
    task: { name: "numbers", digest: "1".repeat(64) },
    drawing: { n: 4, temperature: 1, maxTokens: 3 },
    seeds: { run: 1 },
  };
  const run = await startRun(folder, config, { command: "test", createdAt: "2026-01-01T00:00:00.000Z" });
  const [prompts, greedy, drawn] = [await run.promptLog(), await run.greedyLog(), await run.responseLog()];
  for (const id of IDS) {
    prompts.append(prompt(id));
    greedy.append(response(id, -1));
  }
  for (const index of [0, 1, 2, 3]) for (const id of IDS) drawn.append(response(id, index));
  await run.close();
  return folder;
}

/** Settles the run as a task has these prompts. @param large 0: no file is read into memory. */
async function settle(folder: string, ids: readonly string[], large: number | undefined): Promise<unknown> {
  const run = await openRun(folder);
  try {
    return await settlePrompts(run, run.manifest.task.digest, ids.map(prompt), large);
  } finally {
    await run.close();
  }
}

const FILES = ["prompts.jsonl", "greedy.jsonl", "responses.jsonl", "set-aside/records.jsonl"];
const filesOf = (folder: string): (string | undefined)[] =>
  FILES.map((file) =>
    existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8") : undefined,
  );

describe("a run whose prompts are gone, and come back", () => {
  it("has the same files where only what is moved is read into memory, and an index of them", async () => {
    const [small, large] = [await makeRun("small"), await makeRun("large")];
    const both = async (ids: readonly string[]): Promise<unknown> => {
      const changes = await settle(small, ids, undefined);
      expect(await settle(large, ids, 0)).toEqual(changes);
      expect(filesOf(large)).toEqual(filesOf(small));
      return changes;
    };
    expect(await both(["a", "c", "d"])).toEqual({ removed: 1, changed: 0, restored: 0, added: 0 });
    const path = join(large, "responses.jsonl");
    const left = readFileSync(path, "utf8");
    expect(left.split("\n").filter((line) => line.includes('"promptId":"b"'))).toEqual([]);
    const spans = [...knownPlaces(path).spans()];
    expect([spans.length, knownPlaces(path).end]).toEqual([12, Buffer.byteLength(left)]);
    expect(spans.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(3 * (3 + 2 + 1 + 3));
    expect(await both(["a", "d"])).toMatchObject({ removed: 1 });
    expect(await both(IDS)).toMatchObject({ removed: 0, restored: 2 });
    const index = await indexResponses(path, 0);
    expect([index.records, index.tokens]).toEqual([16, 4 * 9]);
    for (const id of IDS) expect(index.read(id)).toEqual([0, 1, 2, 3].map((at) => response(id, at)));
    index.close();
  });

  it("puts nothing back twice that an earlier try had put back", async () => {
    const folder = await makeRun("killed");
    await settle(folder, ["a", "b", "c"], 0);
    const aside = readFileSync(join(folder, "set-aside/records.jsonl"), "utf8");
    await settle(folder, IDS, 0);
    const whole = readFileSync(join(folder, "responses.jsonl"), "utf8");
    expect(whole.split("\n")).toHaveLength(17);
    // As if it had been killed before the records were taken from there.
    writeFileSync(join(folder, "set-aside/records.jsonl"), aside);
    await settle(folder, IDS, 0);
    expect(readFileSync(join(folder, "responses.jsonl"), "utf8")).toBe(whole);
  });
});
