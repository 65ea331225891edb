import { UsageError } from "../../core/errors.js";
import { rewardNamed } from "../../reward/registry.js";
import { presetFor } from "../../sharpen/presets.js";
import { FEWEST_TO_SPLIT, splitPrompts } from "../../sharpen/prompts.js";
import { sharpenTask } from "../../sharpen/sharpen-task.js";
import { readTraining } from "../../sharpen/training-record.js";
import { shellLine } from "../command-line.js";
import { defineCommand } from "../command.js";
import type { Context } from "../context.js";
import { DEFAULT_REWARDS } from "../defaults.js";
import { namedRun, recordedDrawing, withExistingRun } from "../existing-run.js";
import { TRAINING, type Values } from "../options.js";
import { interruptible, report, tellMetrics } from "../outcome.js";
import { trainingOptions, trainingSettings, writtenOut } from "../settings.js";
import { policyOfRun, taskOfRun } from "../sources.js";

const NAMES = ["oneReward", ...TRAINING, "seed", "model", "task", "resume", "threads"] as const;

/** `whetstone train sft <run>`: amortizes the choice of a run that was sampled. */
export const trainSftCommand = defineCommand({
  usage: "sft <run>",
  summary: "train the choice of a self-reward into an adapter, on a run that was sampled, and measure it",
  details:
    "Model, task and drawing are the run's own. Stopped or killed, the same command continues; --resume says so and changes " +
    "nothing.",
  options: NAMES,
  examples: [
    ["train sft runs/draws", "the paper's settings, or the preset of model and task"],
    ["train sft runs/draws --reward majority --epochs 5 --learning-rate 1e-3", "other settings"],
  ],
  run: ([dir], values, context) => trainSft(dir, values, context),
});

async function trainSft(
  dir: string | undefined,
  values: Values<(typeof NAMES)[number]>,
  context: Context,
): Promise<void> {
  const reader = namedRun(dir);
  const drawing = recordedDrawing(reader);
  const task = await taskOfRun(reader, values.task);
  if (splitPrompts(task, drawing).train.length === 0) {
    throw new UsageError(
      `${task.name} has no prompts to learn from: give at least ${FEWEST_TO_SPLIT} prompts, or lines with "split": "train".`,
    );
  }
  const recorded = readTraining(reader);
  const reward = rewardNamed(values.reward ?? recorded?.reward ?? drawing.amortize ?? "log-likelihood");
  const training = trainingSettings(values, {
    n: drawing.n,
    seed: values.seed ?? recorded?.sft.seed ?? drawing.seed,
    preset: presetFor(reader.manifest.model.name, task.name),
    recorded,
  });
  const { signal } = context;
  await interruptible(
    context,
    () => shellLine(context.args),
    async () => {
      const policy = await policyOfRun(reader, values.model, values.threads);
      try {
        await withExistingRun(reader, async (run) => {
          const { metrics, adapterDir } = await sharpenTask({
            policy,
            task,
            run,
            ...drawing,
            rewards: (drawing.rewards ?? DEFAULT_REWARDS).map(rewardNamed),
            trainPrompts: training.trainPrompts ?? undefined,
            amortize: {
              ...training,
              reward,
              command: writtenOut(["train", "sft", run.dir, "--reward", reward.name], {
                ...trainingOptions(training),
                seed: training.sft.seed,
              }),
            },
            signal,
            onProgress: context.progress.update,
          });
          const paths = { runDir: run.dir, report: await report(run, task, metrics) };
          tellMetrics(context, metrics, adapterDir === undefined ? paths : { ...paths, adapterDir });
        });
      } finally {
        await policy.dispose();
      }
    },
  );
}
