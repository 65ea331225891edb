import { RunError } from "../../core/errors.js";
import { readMetrics } from "../../sharpen/run-metrics.js";
import { defineCommand } from "../command.js";
import { namedRun } from "../existing-run.js";
import { openPage } from "../open-page.js";
import { report } from "../outcome.js";
import { taskOfRun } from "../sources.js";
import { COMMANDS } from "./table.js";

/** `whetstone report <run>`: rewrites report.html from the run's files. */
export const reportCommand = defineCommand({
  ...COMMANDS.report,
  details: "With --page the run's folder is only read.",
  options: ["movedTask", "reportPage", "open"],
  examples: [
    ["report runs/game24-1", "open the printed file in a browser"],
    ["report /archive/game24-1 --page game24.html", "a page of a folder that is only read"],
  ],
  run: async ([dir], values, context) => {
    const reader = namedRun(dir);
    const metrics = readMetrics(reader);
    if (metrics === undefined) {
      throw new RunError(
        `${reader.dir} has not been measured yet: run \`whetstone evaluate ${reader.dir}\` first.`,
      );
    }
    const task = await taskOfRun(reader, values.task);
    if (task.digest !== reader.manifest.task.digest) {
      throw new RunError(
        `The prompts or labels of ${task.name}, or how its answers are read, have changed since ${reader.dir} was measured: run \`whetstone evaluate ${reader.dir}\` first.`,
      );
    }
    const path = await report(reader, task, metrics, values.page);
    context.say(path);
    await openPage(path, values.open, context);
    context.result({ runDir: reader.dir, report: path });
  },
});
