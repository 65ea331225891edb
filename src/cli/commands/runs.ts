import { rmSync } from "node:fs";
import { RunError, UsageError } from "../../core/errors.js";
import { writeError } from "../../core/files.js";
import { compareWays, type Way } from "../../evaluate/compare.js";
import { terminalTable } from "../../report/terminal-table.js";
import { acquireLock } from "../../run/lock.js";
import type { RunReader } from "../../run/read-run.js";
import { waysOfRun } from "../../sharpen/run-ways.js";
import { taskAtHand } from "../../view/task-at-hand.js";
import { taskOfRun } from "../sources.js";
import { readMetrics } from "../../sharpen/run-metrics.js";
import { defineCommand } from "../command.js";
import type { Context } from "../context.js";
import { namedRun } from "../existing-run.js";
import { RUNS } from "../run-folder.js";
import { comparisonLines, pairedLines, runEntry, runLines, runsIn } from "../runs-table.js";
import { COMMANDS } from "./table.js";

/** `whetstone runs`: the runs that are there. */
export const runsCommand = defineCommand({
  ...COMMANDS.runs,
  details: `Without an action it lists the runs in ${RUNS}/, or with list those in another folder. remove asks first.`,
  options: ["yes"],
  examples: [
    ["runs", "every run, with its task, model and N"],
    ["runs show runs/game24-1", "its command line and its table"],
    ["runs compare runs/game24-1 runs/game24-2", "two runs side by side"],
    ["runs remove runs/game24-1", "delete it, after asking"],
  ],
  run: ([action = "list", first, second, ...more], { yes }, context) => {
    if (more.length > 0) throw new UsageError("Too many runs are named; compare takes two.");
    if (second !== undefined && action !== "compare")
      throw new UsageError(`runs ${action} takes one run; only compare takes two.`);
    switch (action) {
      case "list":
        return list(first ?? RUNS, context);
      case "show":
        return show(first, context);
      case "compare":
        return compare(first, second, context);
      case "remove":
        return remove(first, yes === true, context);
      default:
        throw new UsageError(
          `"${action}" is nothing that runs does: leave it out, or say list, show, compare or remove.`,
        );
    }
  },
});

function list(folder: string, context: Context): Promise<void> {
  const { runs, unread } = runsIn(folder);
  context.say(runs.length === 0 ? `There is no run in ${folder}.` : runLines(runs));
  for (const { reason } of unread) context.note(reason);
  context.result({ runs, unread });
  return Promise.resolve();
}

function show(dir: string | undefined, context: Context): Promise<void> {
  const run = namedRun(dir);
  const { command, createdAt } = run.manifest;
  const metrics = readMetrics(run);
  context.say(`${run.dir}, made ${createdAt.slice(0, 16).replace("T", " ")} by\n${command}\n`);
  context.say(metrics === undefined ? "It has not been measured." : terminalTable(metrics));
  context.result({ ...runEntry(run), command, metrics: metrics ?? null });
  return Promise.resolve();
}

async function compare(
  first: string | undefined,
  second: string | undefined,
  context: Context,
): Promise<void> {
  if (first === undefined || second === undefined)
    throw new UsageError("Name two runs to compare: whetstone runs compare <run> <run>.");
  const readers = [namedRun(first), namedRun(second)] as const;
  const [a, b] = [runEntry(readers[0]), runEntry(readers[1])];
  const ways = compareWays(
    await waysOf(readers[0], context),
    await waysOf(readers[1], context),
    readers[0].manifest.seeds.run,
  );
  context.say(comparisonLines(a, b));
  if (ways.length > 0) context.say(`\n${pairedLines(ways)}`);
  context.result({ runs: [a, b], ways });
}

/** How a run answers its prompts; without its task, by log-likelihood alone. */
async function waysOf(run: RunReader, context: Context): Promise<Way[]> {
  const { task, remark } = await taskAtHand(run, (own) => taskOfRun(own, undefined));
  if (remark !== undefined) context.note(`${run.dir}: ${remark}`);
  return waysOfRun(run, task);
}

/** Deletes a folder that is a run's, and in use by nobody. */
async function remove(dir: string | undefined, yes: boolean, context: Context): Promise<void> {
  const run = namedRun(dir);
  const agreed = yes || (await context.confirm(`Delete ${run.dir} and all that it holds?`));
  if (agreed === undefined)
    throw new UsageError(`Nobody is at a terminal to be asked whether ${run.dir} may be deleted; add --yes.`);
  if (!agreed) throw new RunError(`${run.dir} is kept.`);
  acquireLock(run.dir);
  try {
    rmSync(run.dir, { recursive: true });
  } catch (cause) {
    throw writeError(run.dir, cause);
  }
  context.say(`Deleted ${run.dir}.`);
  context.result({ removed: run.dir });
}
