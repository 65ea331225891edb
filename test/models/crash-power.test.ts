/** A loss of power at every moment of a small run: what was synced is there, and the run goes on to the same files. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RunError } from "../../src/core/errors.js";
import { randomStream } from "../../src/core/random.js";
import type { LocalPolicy } from "../../src/policy/local-policy.js";
import { verifyRun } from "../../src/run/verify-run.js";
import { filesOf, newFolder, runJob, tinyJob, tinyTask } from "../../src/sharpen/tiny-job.test-helper.js";
import { tinyPolicy } from "../../src/sharpen/tiny-policies.test-helper.js";
import { Disk, losses } from "../support/power-loss.js";
import { traceFs, type Operation } from "../support/traced-fs.js";

/** `WHETSTONE_CRASH=full`: every state of which one in so many is continued otherwise. */
const FULL = process.env["WHETSTONE_CRASH"] === "full";
const CONTINUED = FULL ? 200 : 8;

let policy: LocalPolicy;
let job: ReturnType<typeof tinyJob>;
let whole: Record<string, string>;
let operations: readonly Operation[];
const scratch = mkdtempSync(join(tmpdir(), "whetstone-power-"));

beforeAll(async () => {
  policy = await tinyPolicy("tiny-tied");
  job = tinyJob(policy, await tinyTask(true));
  const dir = newFolder();
  const trace = traceFs(dir);
  try {
    await runJob(dir, job);
  } finally {
    trace.stop();
  }
  operations = trace.operations;
  whole = filesOf(dir);
});
afterAll(async () => {
  rmSync(scratch, { recursive: true });
  await policy.dispose();
});

/** Every line of a log that was on the disk for certain is there, in whatever order. */
function lost(certain: ReadonlyMap<string, Buffer>, dir: string): string[] {
  return [...certain].flatMap(([name, content]) => {
    if (!name.endsWith(".jsonl") || name.includes(".tmp-")) return [];
    const path = join(dir, name);
    const there = new Set(existsSync(path) ? readFileSync(path, "utf8").split("\n") : []);
    const lines = content.toString("utf8").split("\n").slice(0, -1);
    return lines.filter((line) => !there.has(line)).map((line) => `${name}: ${line.slice(0, 60)}`);
  });
}

it(
  "leaves what was synced, opens, and ends with the files of an uninterrupted run",
  { timeout: 1_200_000 },
  async () => {
    const draws = randomStream(11, "power");
    const disk = new Disk();
    const kinds = new Set(operations.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(expect.arrayContaining(["create", "fsync", "rename", "write"]));
    const mixtures = Math.max(1, Math.ceil(2000 / operations.length) - 4);
    let states = 0;
    let continued = 0;
    const total = operations.length * (mixtures + 4);
    for (const operation of operations) {
      disk.apply(operation);
      for (const loss of losses(draws, mixtures)) {
        const dir = join(scratch, `state-${states++}`);
        disk.write(dir, loss);
        expect(lost(disk.certain(), dir), `state ${states}`).toEqual([]);
        if (existsSync(join(dir, "manifest.json"))) {
          const { problems } = await verifyRun(dir);
          // A choice may outlive the response that was chosen, which is drawn again; nothing else is amiss.
          expect(
            problems.filter(
              (problem) =>
                !/which responses\.jsonl does not have|that prompts\.jsonl does not have/.test(problem),
            ),
            `state ${states}`,
          ).toEqual([]);
        } else await expect(verifyRun(dir)).rejects.toThrow(RunError);
        if (Math.floor((states * CONTINUED) / total) > continued) {
          continued++;
          await runJob(dir, job);
          expect(filesOf(dir), `state ${states}`).toEqual(whole);
        }
        rmSync(dir, { recursive: true, force: true });
      }
    }
    expect(states).toBeGreaterThanOrEqual(2000);
    expect(continued).toBe(CONTINUED);
  },
);
