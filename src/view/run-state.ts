import { statSync } from "node:fs";
import { join } from "node:path";
import type { RunState } from "../page/view/told.js";
import { isLocked } from "../run/lock.js";
import type { RunReader } from "../run/read-run.js";

/** Something that changes whenever a file does; undefined where there is none. */
export function stampOf(path: string): string | undefined {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs}-${size}-${ino}`;
  } catch {
    return undefined;
  }
}

/** When a run was measured last, as something that changes whenever it is; undefined before. */
export function measuredAt({ dir }: Pick<RunReader, "dir">): string | undefined {
  return stampOf(join(dir, "metrics.json"));
}

/**
 * What a run is doing.
 * @param drawn whether all that was asked for of the base is drawn; asked where the answer matters.
 */
export async function stateOf(run: RunReader, drawn: () => Promise<boolean>): Promise<RunState> {
  const { manifest } = run;
  if (!isLocked(run.dir)) {
    if (measuredAt(run) !== undefined) return "done";
    // A run that only draws is done once it has drawn.
    return manifest.rewards === undefined && (await drawn()) ? "done" : "stopped";
  }
  if (!(await drawn())) return "drawing";
  return run.adapters().length > 0 ? "training" : "measuring";
}
