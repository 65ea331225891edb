import { evaluateRun } from "../../sharpen/evaluate-run.js";
import { readMetrics } from "../../sharpen/run-metrics.js";
import type { SelfReward } from "../../reward/self-reward.js";
import { defineCommand } from "../command.js";
import { defaultRewards } from "../defaults.js";
import { namedRun, rewardOfRun, withExistingRun } from "../existing-run.js";
import { openPage } from "../open-page.js";
import { report, tellMetrics } from "../outcome.js";
import { policyOfRun, taskOfRun } from "../sources.js";
import { COMMANDS } from "./table.js";

/** `whetstone evaluate <run>`: measures a run anew from its records. */
export const evaluateCommand = defineCommand({
  ...COMMANDS.evaluate,
  details:
    "Needs no model unless a self-reward asks one. What cannot be computed from the responses alone (the adapter's figures, " +
    "adaptive best-of-N) stays as it was measured. The seed fixes the intervals.",
  options: ["reward", "seed", "movedModel", "movedTask", "threads", "memory", "open"],
  examples: [
    ["evaluate runs/game24-1", "all figures anew"],
    ["evaluate runs/game24-1 --reward majority,self-certainty", "other self-rewards on the same responses"],
  ],
  run: async ([dir], values, context) => {
    const reader = namedRun(dir);
    const before = readMetrics(reader);
    const names =
      values.reward ??
      reader.manifest.rewards?.map(({ name }) => name) ??
      (before ? Object.keys(before.bestOfN) : defaultRewards(reader.manifest.model.server !== undefined));
    const rewards: SelfReward[] = [];
    for (const name of names) rewards.push(await rewardOfRun(reader, name));
    const task = await taskOfRun(reader, values.task);
    const asksModel = rewards.some(({ needs }) => needs.includes("policy"));
    const policy = asksModel ? await policyOfRun(reader, values.model, values) : undefined;
    try {
      await withExistingRun(reader, async (run) => {
        const { seed } = values;
        const metrics = await evaluateRun({
          run,
          task,
          rewards,
          ...(seed !== undefined && { seed }),
          ...(policy && { policy }),
          threads: { most: values.threads },
          note: (text) => context.note(text),
        });
        const paths = { runDir: run.dir, report: await report(run, task, metrics) };
        tellMetrics(context, metrics, paths);
        await openPage(paths.report, values.open, context);
      });
    } finally {
      await policy?.dispose();
    }
  },
});
