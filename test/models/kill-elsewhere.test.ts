/** Training under Ray that is killed at any moment: this program, the worker, or the job. `--resume` ends the same. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomStream } from "../../src/core/random.js";
import { commandLine, recordsOf, type CommandLine, type Ended } from "../support/cli.js";
import { RAY_PYTHON, startRay, type RayHead } from "../support/ray.js";
import { writeTinyModel, writeTinyPrompts } from "../support/tiny-model.js";
import { PYTHON } from "../support/worker.js";

/** `WHETSTONE_CRASH=full`: twenty moments; else three, one of each kind. */
const MOMENTS = process.env["WHETSTONE_CRASH"] === "full" ? 20 : 3;
const VICTIMS = ["whetstone", "worker", "job"] as const;
const METHODS = ["sft", "dpo"] as const;
/** Runs of `--resume` until one ends well: each moment is followed by one that nobody disturbs. */
const TRIES = 3;

/** The processes whose command line has all of these words. */
function processesWith(words: readonly string[]): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const line = readFileSync(join("/proc", pid, "cmdline"), "utf8");
        return words.every((word) => line.includes(word));
      } catch {
        // It has ended.
        return false;
      }
    })
    .map(Number);
}

describe.skipIf(PYTHON === undefined || RAY_PYTHON === undefined)(
  "killed while a worker trains under Ray",
  () => {
    let cli: CommandLine;
    let ray: RayHead;
    /** Milliseconds of the undisturbed run. */
    let took = 0;
    beforeAll(async () => {
      cli = commandLine();
      await writeTinyModel(join(cli.folder, "tiny"), 2);
      writeTinyPrompts(join(cli.folder, "prompts.jsonl"));
      ray = await startRay();
      const began = performance.now();
      const whole = await sharpen("whole").ended;
      expect(whole.status, whole.stderr).toBe(0);
      took = performance.now() - began;
    }, 600_000);
    afterAll(async () => {
      await ray?.stop();
      cli?.remove();
    }, 60_000);

    /** Draws here, trains under Ray, and draws from the adapters there; goes on with what is there already. */
    const sharpen = (run: string): ReturnType<CommandLine["start"]> =>
      cli.start([
        ...[
          "sharpen",
          "--task",
          "prompts.jsonl",
          "--model",
          "tiny",
          "--n",
          "3",
          "--max-tokens",
          "6",
          "--raw",
        ],
        ...["--run", run, ...(existsSync(join(cli.folder, run, "manifest.json")) ? ["--resume"] : [])],
        ...["--trainer", `ray://${new URL(ray.url).host}`, "--trainer-python", PYTHON!, "--base", "tiny"],
        ...[
          "--trainer-state",
          join(cli.folder, `state-${run}`),
          "--methods",
          METHODS.join(),
          "--epochs",
          "3",
        ],
        ...["--beta", "0.5", "--curve-samples", "1", "--rank", "8", "--alpha", "32", "--threads", "1"],
      ]);
    const stopJobs = async (): Promise<void> => {
      const jobs = (await (await fetch(`${ray.url}/api/jobs/`)).json()) as {
        readonly submission_id: string;
        readonly status: string;
      }[];
      for (const { submission_id: id, status } of jobs)
        if (status === "RUNNING")
          await fetch(`${ray.url}/api/jobs/${id}/stop`, { method: "POST", body: "{}" });
    };
    const strike = async (
      victim: (typeof VICTIMS)[number],
      running: ReturnType<typeof sharpen>,
    ): Promise<void> => {
      if (victim === "whetstone") running.child.kill("SIGKILL");
      else if (victim === "job") await stopJobs();
      else
        for (const pid of processesWith(["worker.py", cli.folder])) {
          try {
            process.kill(pid, "SIGKILL");
          } catch {
            // It has ended.
          }
        }
    };
    const filesOf = (run: string, method: string): unknown[] =>
      ["epochs.jsonl", "responses.jsonl", "greedy.jsonl"].map((name) =>
        recordsOf<Readonly<Record<string, unknown>>>(join(cli.folder, run, "adapters", method, name)),
      );

    it.each(Array.from({ length: MOMENTS }, (_, i) => i))(
      "moment %i",
      async (moment) => {
        const victim = VICTIMS[moment % VICTIMS.length]!;
        const after = randomStream(moment, "moments").next() * took;
        const run = `killed-${moment}`;
        const running = sharpen(run);
        await sleep(after);
        await strike(victim, running);
        const ends: Ended[] = [await running.ended];
        while (ends.at(-1)!.status !== 0 && ends.length <= TRIES) ends.push(await sharpen(run).ended);
        console.log(
          `${victim} killed after ${(after / 1000).toFixed(1)} of ${(took / 1000).toFixed(1)} s; ends: ${ends.map(({ status, signal }) => status ?? signal).join()}`,
        );
        expect(ends.at(-1)!.status, ends.map(({ stderr }) => stderr).join("\n---\n")).toBe(0);
        for (const method of METHODS) expect(filesOf(run, method)).toEqual(filesOf("whole", method));
      },
      600_000,
    );
  },
);
