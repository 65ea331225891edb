import { join } from "node:path";
import { InterruptedError } from "../core/errors.js";
import type { Metrics } from "../evaluate/metrics.js";
import { reportOfRun } from "../report/report-of-run.js";
import { terminalTable } from "../report/terminal-table.js";
import { readRun, type RunReader } from "../run/read-run.js";
import type { Task } from "../task/task.js";
import type { Context } from "./context.js";
import { quantizationResult } from "./quantize.js";

/** Writes the report of a run from its files, into its folder or elsewhere. @returns its path. */
export async function report(
  run: RunReader,
  task: Task,
  metrics: Metrics,
  path = join(run.dir, "report.html"),
): Promise<string> {
  // Drawing charts needs half of what there is to load; most commands end without.
  const { writeReport } = await import("../report/write-report.js");
  await writeReport(path, await reportOfRun(run, task, metrics));
  return path;
}

/**
 * Ends a command that has measured: the table, signs of collapse, the paths, and with `--json` the one object.
 * @param more for that object alone.
 */
export function tellMetrics(
  context: Context,
  metrics: Metrics,
  paths: { readonly runDir: string; readonly report: string },
  adapterDirs: Readonly<Record<string, string>> = {},
  more: object = {},
): void {
  const { adapters } = metrics;
  context.say(`\n${terminalTable(metrics)}\n`);
  const quantization = quantizationResult(readRun(paths.runDir), context);
  const dirs = Object.values(adapterDirs);
  for (const dir of dirs) context.say(`Adapter: ${dir}`);
  context.say(`Report:  ${paths.report}`);
  context.result({
    ...metrics,
    ...adapters,
    ...quantization,
    ...paths,
    ...(dirs.length > 0 && { adapterDirs }),
    ...(dirs.length === 1 && { adapterDir: dirs[0] }),
    ...more,
  });
}

/**
 * Does work that Ctrl-C may stop.
 * @param resume the command line that goes on; absent where there is nothing to go on with.
 * @throws InterruptedError that tells it, if the signal was the reason why the work ended.
 */
export async function interruptible<T>(
  context: Context,
  resume: () => string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!context.signal.aborted) throw cause;
    const line = resume();
    throw new InterruptedError(
      line === undefined ? "Stopped." : `Stopped; what was finished is kept. Continue with: ${line}`,
      { cause },
    );
  }
}
