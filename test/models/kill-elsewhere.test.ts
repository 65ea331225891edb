/** Training under Ray that is killed at any moment: this program, the worker, or the job. `--resume` ends the same. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomStream } from "../../src/core/random.js";
import { commandLine, recordsOf, type CommandLine, type Ended } from "../support/cli.js";
import { processesWith } from "../support/processes.js";
import { RAY_PYTHON, startRay, type RayHead } from "../support/ray.js";
import { writeTinyModel, writeTinyPrompts } from "../support/tiny-model.js";
import { PYTHON } from "../support/worker.js";

/** `WHETSTONE_CRASH=full`: twenty moments; else three, one of each kind. */
const MOMENTS = process.env["WHETSTONE_CRASH"] === "full" ? 20 : 3;
const VICTIMS = ["whetstone", "worker", "job"] as const;
type Victim = (typeof VICTIMS)[number];
const METHODS = ["sft", "dpo"] as const;
/** Times that `--resume` may be said until it ends well, with nobody who disturbs. */
const TRIES = 3;
const EVERYTHING = ["epochs.jsonl", "responses.jsonl", "greedy.jsonl"];

/** @returns how many jobs were running, and are told to stop. */
async function stopJobs({ url }: RayHead): Promise<number> {
  const jobs = (await (await fetch(`${url}/api/jobs/`)).json()) as {
    readonly submission_id: string;
    readonly status: string;
  }[];
  const running = jobs.filter(({ status }) => status === "RUNNING");
  for (const { submission_id: id } of running) {
    // Not `fetch`, whose headers are a browser's: Ray refuses those.
    const { statusCode, body } = await request(`${url}/api/jobs/${id}/stop`, { method: "POST", body: "{}" });
    await body.dump();
    expect(statusCode).toBe(200);
  }
  return running.length;
}

function killAll(pids: readonly number[]): number {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
  return pids.length;
}

const there = PYTHON !== undefined && RAY_PYTHON !== undefined;
describe.skipIf(!there)("killed while it trains under Ray", () => {
  let cli: CommandLine;
  let ray: RayHead;
  /** Milliseconds of an undisturbed run. */
  let took = 0;
  beforeAll(async () => {
    cli = commandLine();
    await writeTinyModel(join(cli.folder, "tiny"), 2);
    writeTinyPrompts(join(cli.folder, "prompts.jsonl"));
    ray = await startRay();
    // The first start of torch takes longer than those to come.
    for (const run of ["first", "whole"]) {
      const began = performance.now();
      const { status, stderr } = await sharpen(run).ended;
      expect(status, stderr).toBe(0);
      took = performance.now() - began;
    }
  }, 600_000);
  afterAll(async () => {
    await ray?.stop();
    cli?.remove();
  }, 60_000);

  /** Draws here, trains under Ray, and draws from the adapters there; goes on with what is there already. */
  const sharpen = (run: string): ReturnType<CommandLine["start"]> => {
    const begun = existsSync(join(cli.folder, run, "manifest.json"));
    const drawing =
      "--task prompts.jsonl --model tiny --n 3 --max-tokens 6 --raw --curve-samples 1 --threads 1";
    const fitting = `--methods ${METHODS.join()} --epochs 3 --beta 0.5 --rank 8 --alpha 32 --base tiny`;
    return cli.start([
      ...[
        "sharpen",
        "--run",
        run,
        ...(begun ? ["--resume"] : []),
        ...drawing.split(" "),
        ...fitting.split(" "),
      ],
      ...["--trainer", `ray://${new URL(ray.url).host}`, "--trainer-python", PYTHON!],
      ...["--trainer-state", join(cli.folder, `state-${run}`)],
    ]);
  };
  /** @returns whether there was anything to kill. */
  const strike = async (victim: Victim, { child }: ReturnType<typeof sharpen>): Promise<boolean> => {
    if (victim === "whetstone") return child.exitCode === null && child.kill("SIGKILL");
    return (victim === "job" ? await stopJobs(ray) : killAll(processesWith(["worker.py", cli.folder]))) > 0;
  };

  /** What a method has left: everything but its floats, and those. */
  const leftBy = (run: string, method: string): { readonly rest: string; readonly floats: number[] } => {
    const records = EVERYTHING.map((name) =>
      recordsOf<unknown>(join(cli.folder, run, "adapters", method, name)),
    );
    const floats: number[] = [];
    const rest = JSON.stringify(records, (_, value: unknown) => {
      if (typeof value !== "number" || Number.isInteger(value)) return value;
      return `float ${floats.push(value)}`;
    });
    return { rest, floats };
  };

  /** A run that is struck at a random moment at which there is something to strike; how it ended, and how each `--resume` did. */
  const struckRun = async (
    victim: Victim,
    moment: number,
  ): Promise<{ run: string; said: string; ends: Ended[] }> => {
    const stream = randomStream(moment, "moments");
    for (let tries = 0; ; tries++) {
      const run = `killed-${moment}-${tries}`;
      const after = stream.next() * took;
      const running = sharpen(run);
      await sleep(after);
      const struck = await strike(victim, running);
      const ends = [await running.ended];
      if (!struck) continue;
      while (ends.at(-1)!.status !== 0 && ends.length <= TRIES) ends.push(await sharpen(run).ended);
      return {
        run,
        said: `${victim} killed after ${(after / 1000).toFixed(1)} of ${(took / 1000).toFixed(1)} s`,
        ends,
      };
    }
  };

  it.each(Array.from({ length: MOMENTS }, (_, i) => i))(
    "moment %i",
    async (moment) => {
      const { run, said, ends } = await struckRun(VICTIMS[moment % VICTIMS.length]!, moment);
      const each = ends.map(({ status, signal, stderr }) => {
        const lines = stderr.trim().split("\n");
        return status === 0 ? "ends well" : `${status ?? signal}: ${lines.at(-1)}`;
      });
      console.log(`${said}; ${each.join("; ")}`);
      expect(ends.at(-1)!.status, ends.map(({ stderr }) => stderr).join("\n---\n")).toBe(0);
      for (const method of METHODS) {
        const [left, whole] = [leftBy(run, method), leftBy("whole", method)];
        expect(left.rest).toBe(whole.rest);
        // Rows in other batches round otherwise.
        left.floats.forEach((value, at) => expect(Math.abs(value - whole.floats[at]!)).toBeLessThan(1e-4));
      }
    },
    600_000,
  );
});
