/** What comes after the drawing, killed: training, `evaluate` and `report`. What stands is whole at any moment, and what is run again ends the same. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sha256 } from "../../src/core/files.js";
import { randomStream } from "../../src/core/random.js";
import { verifyRun } from "../../src/run/verify-run.js";
import { commandLine, type CommandLine } from "../support/cli.js";
import { MORE_TRAINING, SMALL_DRAW, SMALL_TRAINING } from "../support/small-job.js";

/** `WHETSTONE_CRASH=full`: 60, 30 and 30. */
const FULL = process.env["WHETSTONE_CRASH"] === "full";
const JOB = [
  ...["sharpen", "game24", ...SMALL_DRAW, ...SMALL_TRAINING, ...MORE_TRAINING],
  ...["--methods", "sft,dpo"],
];
/** What a job makes of its responses. */
const MADE = ["adapters", "metrics.json", "report.html", "answers.jsonl"];

let cli: CommandLine;
const moments = randomStream(21, "moments of death");

beforeAll(async () => {
  cli = commandLine();
  await cli.json([...JOB, "--run", "whole"]);
}, 300_000);
afterAll(() => cli.remove());

/**
 * The digest of every file of a run, by its path. Whose the lock was is no part of it, nor how many seconds the stages took, which metrics.json has
 * and the page shows.
 */
function filesOf(folder: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || path.includes(".lock") || entry.name === "report.html") continue;
    const text = readFileSync(path, entry.name === "metrics.json" ? "utf8" : "base64");
    const timeless =
      entry.name === "metrics.json" ? JSON.stringify({ ...JSON.parse(text), seconds: {} }) : text;
    files[path.slice(folder.length + 1)] = sha256(timeless);
  }
  return files;
}

/** How long a command takes that is let to its end, in milliseconds. */
async function timeOf(args: readonly string[]): Promise<number> {
  const started = performance.now();
  await cli.json(args);
  return performance.now() - started;
}

/** Kills a command within its time. @returns whether it was still alive. */
async function killed(args: readonly string[], took: number): Promise<boolean> {
  const running = cli.start(args);
  const timer = setTimeout(() => running.child.kill("SIGKILL"), moments.next() * took);
  const { signal } = await running.ended;
  clearTimeout(timer);
  return signal === "SIGKILL";
}

it(
  `training that is killed at ${FULL ? 60 : 6} random moments ends with the same adapters and figures`,
  async () => {
    const dir = join(cli.folder, "trained");
    const untrained = (): void => {
      cpSync(join(cli.folder, "whole"), dir, { recursive: true });
      for (const made of MADE) rmSync(join(dir, made), { recursive: true, force: true });
    };
    const args = [...JOB, "--run", "trained", "--resume"];
    untrained();
    const took = await timeOf(args);
    const whole = filesOf(dir);
    expect(Object.keys(whole)).toContain(join("adapters", "dpo", "adapter_model.safetensors"));
    for (let kills = 0; kills < (FULL ? 60 : 6);) {
      rmSync(dir, { recursive: true });
      untrained();
      // Three deaths of one run, before it is let to its end.
      for (let death = 0; death < 3 && (await killed(args, took)); death++) kills++;
      await cli.json(args);
      expect(filesOf(dir)).toEqual(whole);
    }
  },
  60 * 60_000,
);

it.each([
  { command: "evaluate", file: "metrics.json", more: ["--reward", "majority,log-likelihood", "--seed", "5"] },
  { command: "report", file: "report.html", more: [] },
])("$command that is killed leaves $file as it was or as it will be", async ({ command, file, more }) => {
  const dir = join(cli.folder, command);
  const path = join(dir, file);
  cpSync(join(cli.folder, "whole"), dir, { recursive: true });
  const before = readFileSync(path, "utf8");
  const args = [command, command, ...more];
  const took = await timeOf(args);
  const after = readFileSync(path, "utf8");
  const seen = new Set<string>();
  for (let kills = 0; kills < (FULL ? 30 : 6); kills++) {
    rmSync(dir, { recursive: true });
    cpSync(join(cli.folder, "whole"), dir, { recursive: true });
    await killed(args, took);
    expect(existsSync(path)).toBe(true);
    const left = readFileSync(path, "utf8");
    expect([before, after]).toContain(left);
    seen.add(left);
    expect((await verifyRun(dir)).problems).toEqual([]);
    await cli.json(args);
    expect(readFileSync(path, "utf8")).toBe(after);
  }
  expect(seen.has(before)).toBe(true);
});
