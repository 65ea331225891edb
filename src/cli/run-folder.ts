import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { RunError } from "../core/errors.js";

/** Where runs go when `--run` is not given. */
export const RUNS = "runs";

/**
 * The folder of a run: the one given; else `runs/<task>-<number>` with the lowest number above all that exist, or, to
 * resume, the highest that exists.
 * @throws RunError when there is none to resume.
 */
export function runFolder(given: string | undefined, taskName: string, resume: boolean): string {
  if (given !== undefined) return given;
  const stem = taskName.replace(/\.jsonl$/i, "").replace(/[^\w.-]+/g, "-") || "run";
  const numbers = (existsSync(RUNS) ? readdirSync(RUNS) : [])
    .filter((name) => name.startsWith(`${stem}-`) && /^[1-9]\d{0,8}$/.test(name.slice(stem.length + 1)))
    .map((name) => Number(name.slice(stem.length + 1)));
  const last = Math.max(0, ...numbers);
  if (!resume) return join(RUNS, `${stem}-${last + 1}`);
  if (last === 0) {
    throw new RunError(
      `There is no run of ${taskName} in ${RUNS} to resume; leave out --resume, or name its folder with --run.`,
    );
  }
  return join(RUNS, `${stem}-${last}`);
}
