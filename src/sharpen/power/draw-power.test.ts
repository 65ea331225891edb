import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Response } from "../../policy/policy.js";
import type { RunConfig } from "../../run/config.js";
import { startRun } from "../../run/run.js";
import { promptsOf, wordPolicy } from "../tiny-policies.test-helper.js";
import { drawPower, drawPowerTask, powerSummary, type PowerDrawing } from "./draw-power.js";
import { powerSample } from "./power-sample.js";
import {
  ALPHA,
  lengthsPolicy,
  MAX_TOKENS,
  powerLaw,
  prompt,
  totalVariation,
} from "./power-target.test-helper.js";

const drawing: PowerDrawing = {
  ...{ method: "power", alpha: 4, moves: 4, blocks: 2, particles: 8, n: 3, maxTokens: 9, seed: 5 },
};
const config: RunConfig = {
  model: { name: "words", digest: "words" },
  task: { name: "task", digest: "task" },
  drawing: { n: 3, temperature: 1, maxTokens: 9 },
  seeds: { run: 5 },
};

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});
const folder = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "whetstone-power-"));
  folders.push(dir);
  return dir;
};

describe("drawPower", () => {
  it("gives the chains of power sampling, with their acceptance", async () => {
    const [drawn] = await drawPower(wordPolicy(), promptsOf(1), drawing);
    const { method: _, n: chains, particles: __, ...options } = drawing;
    const [samples] = await powerSample(wordPolicy(), promptsOf(1), { ...options, chains });
    expect(drawn!.responses).toEqual(samples!.responses);
    expect(drawn!.record.acceptance).toBe(samples!.acceptance);
  });

  it("gives responses of independent swarms, whose law approaches π^α with their particles", async () => {
    const distances: number[] = [];
    for (const particles of [1, 24]) {
      const settings = {
        ...drawing,
        method: "smc",
        alpha: ALPHA,
        particles,
        n: 600,
        maxTokens: MAX_TOKENS,
      } as const;
      const [drawn] = await drawPower(lengthsPolicy(), [prompt], settings);
      expect(drawn!.responses.map(({ index }) => index)).toEqual(Array.from({ length: 600 }, (_, i) => i));
      distances.push(totalVariation(powerLaw(ALPHA).law, drawn!.responses));
    }
    expect(distances[0]).toBeGreaterThan(0.11);
    expect(distances[1]).toBeLessThan(0.07);
  });
});

describe("drawPowerTask", () => {
  it.each(["power", "smc"] as const)(
    "goes on after a kill and ends with the same files (%s)",
    async (method) => {
      const dirs = [folder(), folder()];
      const settings = { ...drawing, method };
      const prompts = promptsOf(4);
      const files = ["responses.jsonl", "power.jsonl"];
      for (const [i, dir] of dirs.entries()) {
        const cut = i === 0 ? [4] : [2, 4];
        for (const count of cut) {
          const run = await startRun(dir, config, { resume: true, command: "test", createdAt: "" });
          const records = await drawPowerTask(run, wordPolicy(), prompts.slice(0, count), settings, () => {});
          expect(records).toHaveLength(count);
          await run.close();
          if (count < 4) {
            // Killed before the last prompt's record, and in the middle of a line of it.
            const path = join(dir, "power.jsonl");
            writeFileSync(path, readFileSync(path, "utf8").slice(0, -20));
          }
        }
      }
      const [whole, resumed] = dirs.map((dir) => files.map((file) => readFileSync(join(dir, file), "utf8")));
      expect(resumed).toEqual(whole);
      const indices = whole![0]!
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as Response).index);
      expect(indices).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    },
  );

  it("sums up what the prompts' records say", () => {
    expect(
      powerSummary([
        { promptId: "a", acceptance: 0.2, blockAcceptance: [0.1, 0.3], tokens: 5 },
        { promptId: "b", acceptance: 0.4, blockAcceptance: [0.3, 0.5], tokens: 7 },
      ]),
    ).toEqual({ acceptance: expect.closeTo(0.3, 12) as number, blockAcceptance: [0.2, 0.4], tokens: 12 });
    expect(powerSummary([{ promptId: "a", leastEffectiveShare: 0.5, resamplings: 2, tokens: 5 }])).toEqual({
      leastEffectiveShare: 0.5,
      resamplings: 2,
      tokens: 5,
    });
  });
});
