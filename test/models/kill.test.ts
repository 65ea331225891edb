import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { randomStream } from "../../src/core/random.js";
import { verifyRun } from "../../src/run/verify-run.js";
import { commandLine, killedAfter, timeOf, type CommandLine } from "../support/cli.js";

/** `WHETSTONE_CRASH=full`: 80. */
const FULL = process.env["WHETSTONE_CRASH"] === "full";
const MOMENTS = FULL ? 80 : 20;
/** Kills of one run, before it is let to its end. */
const KILLS = 4;
const PROMPTS = 96;
const N = 50;
const SAMPLE = ["sample", "game24", "--prompts", String(PROMPTS), "--n", String(N)];

let cli: CommandLine;
/** How long the uninterrupted run took, in milliseconds. */
let took: number;
const bytes = (run: string, name: string): string => readFileSync(join(cli.folder, run, name), "utf8");

beforeAll(async () => {
  cli = commandLine();
  took = await timeOf(cli, [...SAMPLE, "--run", "whole"]);
});
afterAll(() => cli.remove());

it(`a sampling run that is killed at ${MOMENTS} random moments loses and doubles nothing`, async () => {
  const moments = randomStream(20, "moments of death");
  /** Kills an attempt at a random moment. @returns whether it was still alive. */
  const kill = (run: string): Promise<boolean> =>
    killedAfter(cli.start([...SAMPLE, "--run", run, "--resume"]), (moments.next() * took) / 2);
  let killed = 0;
  for (let i = 0; killed < MOMENTS; i++) {
    const run = `killed-${i}`;
    let alive = true;
    for (let k = 0; k < KILLS && alive && killed < MOMENTS; k++) {
      alive = await kill(run);
      if (alive) killed++;
    }
    await cli.json([...SAMPLE, "--run", run, "--resume"]);
    for (const file of ["prompts.jsonl", "greedy.jsonl", "responses.jsonl"])
      expect(bytes(run, file), `${run}/${file}`).toBe(bytes("whole", file));
    const { problems, counts } = await verifyRun(join(cli.folder, run));
    expect(problems).toEqual([]);
    expect(counts["responses.jsonl"]).toBe(PROMPTS * N);
  }
});
