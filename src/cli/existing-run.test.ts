import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DataError } from "../core/errors.js";
import { openRun, startRun, type Run } from "../run/run.js";
import { whileOpen } from "./existing-run.js";

const config = {
  model: { name: "m", digest: "1" },
  task: { name: "t", digest: "1" },
  drawing: { n: 1, temperature: 1, maxTokens: 1 },
  seeds: { run: 0 },
};
const start = (): Promise<Run> =>
  startRun(join(mkdtempSync(join(tmpdir(), "whetstone-open-")), "run"), config, {
    ...{ resume: false, command: "", createdAt: "2026-01-01T00:00:00.000Z" },
  });

it("a run is closed after the work, whether that fails or not", async () => {
  const run = await start();
  expect(await whileOpen(run, () => Promise.resolve(7))).toBe(7);
  const again = await openRun(run.dir);
  await expect(whileOpen(again, () => Promise.reject(new DataError("no")))).rejects.toThrow("no");
  await (await openRun(run.dir)).close();
});

it("of two failures the work's is told, and not that the run could not be closed", async () => {
  const breakLock = (run: Run): void => {
    rmSync(join(run.dir, ".lock"), { recursive: true });
    writeFileSync(join(run.dir, ".lock"), "");
  };
  const first = await start();
  breakLock(first);
  await expect(whileOpen(first, () => Promise.reject(new DataError("the disk is full")))).rejects.toThrow(
    "the disk is full",
  );
  const second = await start();
  breakLock(second);
  await expect(whileOpen(second, () => Promise.resolve())).rejects.toThrow(/\.lock.* cannot be written/);
});
