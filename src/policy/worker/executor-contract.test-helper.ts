import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Executor, Job, JobStatus } from "./executor.js";

/** A place where jobs run, to hold to the contract of `Executor`. */
export interface ExecutorCase {
  readonly name: string;
  readonly start: () => Promise<{
    /** Another executor of the same place each time. */
    readonly make: () => Executor;
    /** Everything outside the jobs' own files where a key must not stand: arguments, environment, what was sent as a job. */
    readonly seen: (id: string) => Promise<string>;
    readonly stop: () => Promise<void>;
  }>;
  /** The interpreter of the jobs' programs there. */
  readonly python: string;
}

const SECRET = "canary-3f9a1c77";
const WAIT_MS = 100;

/** Registers the twelve tests of the contract, for one place. */
export function testExecutorContract(its: ExecutorCase): void {
  describe(`${its.name} keeps the contract of an executor:`, () => {
    let place: Awaited<ReturnType<ExecutorCase["start"]>>;
    let executor: Executor;
    let number = 0;
    beforeAll(async () => {
      place = await its.start();
      executor = place.make();
    });
    afterAll(() => place?.stop());

    const job = (program: string, args: readonly string[] = []): Job => ({
      id: `job-${process.pid}-${number++}`,
      command: [its.python, "-u", "job.py", ...args],
      files: new Map([["job.py", program]]),
      token: SECRET,
      gpus: 0,
    });
    const submitted = async (program: string, args?: readonly string[]): Promise<string> => {
      const made = job(program, args);
      await executor.submit(made);
      return made.id;
    };
    const until = async (id: string, states: readonly JobStatus["state"][]): Promise<JobStatus> => {
      for (;;) {
        const status = await executor.status(id);
        if (states.includes(status.state)) return status;
        await sleep(WAIT_MS);
      }
    };
    const over = (id: string): Promise<JobStatus> => until(id, ["ended", "failed", "cancelled"]);
    const printed = async (id: string, text: string): Promise<string> => {
      for (;;) {
        const log = await executor.logs(id, 0);
        if (log.includes(text)) return log;
        await sleep(WAIT_MS);
      }
    };
    const FOREVER = "import time\nprint('begun')\ntime.sleep(600)";

    test("1. a job runs, and ends", async () => {
      expect(await over(await submitted("print('hello')"))).toMatchObject({ state: "ended" });
    });

    test("2. submitted twice it runs once", async () => {
      const made = job(FOREVER);
      await executor.submit(made);
      await printed(made.id, "begun");
      await executor.submit(made);
      await place.make().submit(made);
      await sleep(3 * WAIT_MS);
      expect((await executor.logs(made.id, 0)).match(/begun/g)).toHaveLength(1);
      expect((await executor.status(made.id)).state).toBe("running");
      await executor.cancel(made.id);
    });

    test("3. one that has ended is not run again", async () => {
      const made = job("print('once')");
      await executor.submit(made);
      await over(made.id);
      await executor.submit(made);
      await sleep(3 * WAIT_MS);
      expect((await executor.status(made.id)).state).toBe("ended");
      expect((await printed(made.id, "once")).match(/once/g)).toHaveLength(1);
    });

    test("4. one that fails is told apart, and its log says why", async () => {
      const id = await submitted("raise SystemExit('no such base')");
      const status = await over(id);
      expect(status.state).toBe("failed");
      expect(status.message).not.toBe("");
      await printed(id, "no such base");
    });

    test("5. its log is read from where one stands", async () => {
      const id = await submitted("print('first')\nprint('second')");
      await over(id);
      const whole = await printed(id, "second");
      expect(await executor.logs(id, whole.indexOf("second"))).toBe(whole.slice(whole.indexOf("second")));
      expect(await executor.logs(id, whole.length)).toBe("");
    });

    test("6. its log is followed while it runs", async () => {
      const id = await submitted(FOREVER);
      await printed(id, "begun");
      expect((await executor.status(id)).state).toBe("running");
      await executor.cancel(id);
    });

    test("7. cancelled it ends", async () => {
      const id = await submitted(FOREVER);
      await printed(id, "begun");
      await executor.cancel(id);
      expect((await over(id)).state).toBe("cancelled");
    });

    test("8. cancelling what has ended, twice, or what is unknown, is no error", async () => {
      const id = await submitted("print('done')");
      await over(id);
      await executor.cancel(id);
      await executor.cancel(id);
      await executor.cancel("job-of-nobody");
      expect((await executor.status(id)).state).toBe("ended");
    });

    test("9. what is unknown is called that, and has no log", async () => {
      expect((await executor.status("job-of-nobody")).state).toBe("unknown");
      expect(await executor.logs("job-of-nobody", 0)).toBe("");
    });

    test("10. another executor of the same place finds it, reads it and ends it", async () => {
      const id = await submitted(FOREVER);
      await printed(id, "begun");
      const other = place.make();
      expect((await other.status(id)).state).toBe("running");
      expect(await other.logs(id, 0)).toContain("begun");
      await other.cancel(id);
      expect((await over(id)).state).toBe("cancelled");
    });

    test("11. words and files arrive as they are", async () => {
      const args = ["a b", "it's", 'say "x"', "$HOME;*", "ä €", "--n=1"];
      const id = await submitted(
        "import json, sys\nprint(json.dumps(sys.argv[1:]))\nprint(open('job.py').read().count('€ß'))",
        args,
      );
      const log = await printed(id, "]");
      expect(JSON.parse(/\[.*\]/.exec(log)![0])).toEqual(args);
      await printed(id, "\n1");
    });

    test("12. its token is a file that its owner alone reads, and stands nowhere else", async () => {
      const id = await submitted(
        `import os, time\nprint(len(open('token').read()), oct(os.stat('token').st_mode & 0o777))\nprint(any('${SECRET.slice(0, 6)}' + '${SECRET.slice(6)}' in value for value in os.environ.values()))\ntime.sleep(600)`,
      );
      const log = await printed(id, "\nFalse");
      expect(log).toContain(`${SECRET.length} 0o600`);
      expect(log).not.toContain(SECRET);
      expect(await place.seen(id)).not.toContain(SECRET);
      await executor.cancel(id);
    });
  });
}
