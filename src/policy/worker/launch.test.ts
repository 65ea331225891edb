import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { InterruptedError } from "../../core/errors.js";
import { waits, type Executor, type JobStatus } from "./executor.js";
import { launchWorker, type StartedWorker } from "./launch.js";

const LINE = "whetstone's worker: base on cpu, http://127.0.0.1:8300\n";

/** A place where a job waits for some looks, and then answers; and when it was asked what. */
function place(after: number, state: JobStatus["state"] = "queued") {
  let [looks, logs] = [0, 0];
  let [submitted, cancelled] = [false, false];
  const executor: Executor = {
    name: "a place",
    look: { first: 2, most: 8 },
    submit: () => Promise.resolve(void (submitted = true)),
    status: () => {
      if (!submitted) return Promise.resolve({ state: "unknown" });
      looks++;
      return Promise.resolve({ state: looks > after ? "running" : state });
    },
    logs: () => {
      logs++;
      return Promise.resolve(looks > after ? LINE : "");
    },
    cancel: () => Promise.resolve(void (cancelled = true)),
  };
  return { executor, seen: () => ({ looks, logs, cancelled }) };
}

describe("a worker that starts", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "whetstone-launch-"));
    vi.stubEnv("XDG_CACHE_HOME", folder);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  const launched = (executor: Executor, signal?: AbortSignal): Promise<StartedWorker> =>
    launchWorker({
      executor,
      identity: ["run"],
      record: join(folder, "job.json"),
      base: "base",
      python: "python3",
      gpus: 0,
      state: "state",
      listen: "127.0.0.1:0",
      idle: 1,
      signal,
    });

  it("is looked at until it answers, and a job that waits is not asked what it printed", async () => {
    const { executor, seen } = place(6);
    expect((await launched(executor)).url).toBe("http://127.0.0.1:8300");
    expect(seen()).toEqual({ looks: 7, logs: 1, cancelled: false });
  });

  it("is looked at ever more seldom", () => {
    const found = waits({ first: 100, most: 400 });
    expect(Array.from({ length: 6 }, () => found.next().value)).toEqual([100, 150, 225, 337.5, 400, 400]);
  });

  it("is given up at once when the signal fires, and its job with it", async () => {
    const { executor, seen } = place(Infinity, "running");
    const slow = { ...executor, look: { first: 1e6, most: 1e6 } };
    const signal = AbortSignal.timeout(30);
    await expect(launched(slow, signal)).rejects.toThrow(InterruptedError);
    expect(seen()).toEqual({ looks: 1, logs: 1, cancelled: true });
  });
});
