/** Files of a run folder that were damaged: a sentence that names the file, or a run that is read; never a fault of ours. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { WhetstoneError } from "../../src/core/errors.js";
import { randomStream } from "../../src/core/random.js";
import type { LocalPolicy } from "../../src/policy/local-policy.js";
import { reportOfRun } from "../../src/report/report-of-run.js";
import { renderReport } from "../../src/report/render-report.js";
import { readRun } from "../../src/run/read-run.js";
import { verifyRun } from "../../src/run/verify-run.js";
import { readMetrics } from "../../src/sharpen/run-metrics.js";
import { newFolder, runJob, tinyJob, tinyTask } from "../../src/sharpen/tiny-job.test-helper.js";
import { tinyPolicy } from "../../src/sharpen/tiny-policies.test-helper.js";
import type { Task } from "../../src/task/task.js";
import { loadAdapter } from "../../src/transformer/format/peft.js";
import { mutate } from "./mutate.js";

/** `WHETSTONE_CRASH=full`: 2,000 of every file. */
const MUTATIONS = process.env["WHETSTONE_CRASH"] === "full" ? 2000 : 40;
/** The page of what was read is drawn for one in so many: it takes longer than all the rest. */
const DRAWN = 20;

let policy: LocalPolicy;
let task: Task;
const whole = newFolder();
beforeAll(async () => {
  policy = await tinyPolicy("tiny-tied");
  task = await tinyTask(true);
  await runJob(whole, tinyJob(policy, task));
});
afterAll(() => policy.dispose());

/** Reads all that `report` and `export` read. @returns whether the run was read. */
async function read(dir: string, draw: boolean): Promise<boolean> {
  try {
    const run = readRun(dir);
    const { problems } = await verifyRun(dir);
    for (const problem of problems) expect(problem).toContain(dir);
    const metrics = readMetrics(run);
    if (metrics) {
      const input = await reportOfRun(run, task, metrics);
      if (draw) renderReport(input);
    }
    for (const name of run.adapters()) await loadAdapter(join(dir, "adapters", name));
    return problems.length === 0;
  } catch (error) {
    expect(error).toBeInstanceOf(WhetstoneError);
    const { message } = error as Error;
    expect(message).toContain(dir);
    expect(message).not.toMatch(/\[object|TypeError|Cannot read/);
    return false;
  }
}

it(`reads or refuses each of ${MUTATIONS} damaged copies of every file`, { timeout: 3_600_000 }, async () => {
  const files = readdirSync(whole, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith(".lock"))
    .map(({ parentPath, name }) => join(parentPath, name).slice(whole.length + 1));
  expect(files.length).toBeGreaterThan(10);
  const dir = newFolder();
  cpSync(whole, dir, { recursive: true });
  expect(await read(dir, true)).toBe(true);
  for (const file of files.sort()) {
    const draws = randomStream(5, file);
    const source = readFileSync(join(whole, file));
    let refused = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const damaged = mutate(source, draws);
      writeFileSync(join(dir, file), damaged);
      if (!(await read(dir, i % DRAWN === 0))) refused++;
    }
    writeFileSync(join(dir, file), source);
    // Of a file that is read, most damage shows.
    if (!/epochs|chosen|base-log-probs|training\.json/.test(file))
      expect(refused, file).toBeGreaterThan(MUTATIONS / 4);
  }
  rmSync(dir, { recursive: true });
});
