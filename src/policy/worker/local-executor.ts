import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ServerError } from "../../core/errors.js";
import { filesOf, type Executor, type JobStatus } from "./executor.js";

/** How long a job may take to end when it is asked to, in steps of 100 ms, before it is killed. */
const PATIENCE = 50;

/** Writes down how the program ended, so that whoever comes later knows. */
const SHELL =
  '"$@" >log 2>&1 </dev/null; code=$?; echo "$code" >code.partial; mv code.partial code; exit "$code"';

/**
 * Runs jobs on this machine, each in a folder of its own, as processes that outlive this one.
 * @param folder for the jobs' folders.
 */
export function localExecutor(folder: string): Executor {
  const place = (id: string, file = ""): string => join(resolve(folder), id, file);
  const text = (path: string): string | undefined =>
    existsSync(path) ? readFileSync(path, "utf8") : undefined;
  const status = (id: string): JobStatus => {
    const pid = Number(text(place(id, "pid")) ?? NaN);
    if (!(pid > 0)) return { state: "unknown" };
    const code = text(place(id, "code"))?.trim();
    if (existsSync(place(id, "cancelled"))) return { state: "cancelled" };
    if (code === "0") return { state: "ended" };
    if (code !== undefined) return { state: "failed", message: `it ended with ${code}` };
    return isAlive(pid) ? { state: "running" } : { state: "failed", message: "it was killed" };
  };
  return {
    name: "this machine",
    look: { first: 100, most: 500 },
    submit: async (job) => {
      if (status(job.id).state !== "unknown") return;
      mkdirSync(place(job.id), { recursive: true, mode: 0o700 });
      for (const [name, content] of filesOf(job))
        writeFileSync(place(job.id, name), content, { mode: 0o600 });
      const errors = openSync(place(job.id, "shell.log"), "a");
      const child = spawn("/bin/sh", ["-c", SHELL, "sh", ...job.command], {
        cwd: place(job.id),
        detached: true,
        stdio: ["ignore", errors, errors],
      });
      closeSync(errors);
      const started = await new Promise<boolean>((done) => {
        child.once("spawn", () => done(true)).once("error", () => done(false));
      });
      if (!started) throw new ServerError(`${job.command[0]!} cannot be started on this machine.`);
      child.unref();
      writeFileSync(place(job.id, "pid"), `${child.pid!}`);
    },
    status: (id) => Promise.resolve(status(id)),
    logs: (id, from) => Promise.resolve((text(place(id, "log")) ?? "").slice(from)),
    cancel: async (id) => {
      if (status(id).state !== "running") return;
      const pid = Number(text(place(id, "pid")));
      writeFileSync(place(id, "cancelled"), "");
      signalGroup(pid, "SIGTERM");
      for (let waited = 0; isAlive(pid) && waited < PATIENCE; waited++) await sleep(100);
      signalGroup(pid, "SIGKILL");
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}
