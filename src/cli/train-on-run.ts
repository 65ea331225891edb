import { UsageError } from "../core/errors.js";
import { moduleOf } from "../core/own-module.js";
import type { SelfReward } from "../reward/self-reward.js";
import type { Method } from "../sharpen/methods/method.js";
import { presetFor } from "../sharpen/presets.js";
import { withoutLong } from "../sharpen/fitting-prompts.js";
import { FEWEST_TO_SPLIT, splitPrompts } from "../sharpen/prompts.js";
import { samplerInWords } from "../run/config.js";
import type { RunReader } from "../run/read-run.js";
import { sharpenTask } from "../sharpen/sharpen-task.js";
import { readTraining } from "../sharpen/training-record.js";
import type { Task } from "../task/task.js";
import { shellLine } from "./command-line.js";
import type { Context } from "./context.js";
import { DEFAULT_REWARDS } from "./defaults.js";
import { namedRun, rewardOfRun, withExistingRun } from "./existing-run.js";
import { TRAINING, type Values } from "./options.js";
import { refuseTraining } from "./quantize.js";
import { interruptible, report, tellMetrics } from "./outcome.js";
import { trainingOptions, trainingSettings, writtenOut, type TrainingSettings } from "./settings.js";
import { policyOfRun, taskOfRun } from "./sources.js";

/** Options of training on a run, those of the method left out. */
export const TRAIN = [
  "oneReward",
  ...TRAINING,
  "seed",
  "movedModel",
  "movedTask",
  "resume",
  "threads",
] as const;

/** What the commands of all methods have in common, in the words of `--help`. */
export const TRAIN_DETAILS =
  "Model, task and drawing are the run's own. Stopped or killed, the same command continues; --resume says so and changes " +
  "nothing.";

/** What names a part on a command line. */
const wordFor = (part: Method | SelfReward): string => moduleOf(part)?.path ?? part.name;

/** @throws UsageError for a run that nothing can be trained on. */
function refuseUntrainable(reader: RunReader): void {
  const { model, drawing, task } = reader.manifest;
  refuseTraining(model.quantize, "Or draw a run without it, and train on that.");
  const sampler = samplerInWords(drawing);
  if (sampler !== undefined) {
    throw new UsageError(
      `${reader.dir} holds draws from ${sampler}; training needs independent draws from the base: sample a run without --method.`,
    );
  }
  if (task.ids !== undefined) {
    throw new UsageError(
      `${reader.dir} was made by an earlier version: it can be evaluated, reported and exported; to train, draw a run anew.`,
    );
  }
}

/** The run's task. @throws UsageError where it has no prompts to learn from. */
async function learnableTask(reader: RunReader, named: string | undefined): Promise<Task> {
  const { drawing, seeds } = reader.manifest;
  const task = await taskOfRun(reader, named);
  if (splitPrompts(task, { ...drawing, seed: seeds.run }).train.length === 0) {
    throw new UsageError(
      `${task.name} has no prompts to learn from: give at least ${FEWEST_TO_SPLIT} prompts, or lines with "split": "train".`,
    );
  }
  return task;
}

/** The rewards that the run compares. */
async function comparedRewards(reader: RunReader): Promise<SelfReward[]> {
  const compared: SelfReward[] = [];
  for (const name of reader.manifest.rewards?.map((part) => part.name) ?? DEFAULT_REWARDS)
    compared.push(await rewardOfRun(reader, name));
  return compared;
}

/** The command line that trains so, for the record. */
function commandFor(method: Method, dir: string, reward: SelfReward, training: TrainingSettings): string {
  const words = ["train", wordFor(method), dir, "--reward", wordFor(reward)];
  return writtenOut(words, { ...trainingOptions(training), seed: training.fit.seed });
}

/** Trains an adapter by one method on a run that was sampled, measures it, and reports. */
export async function trainOnRun(
  method: Method,
  dir: string | undefined,
  values: Values<(typeof TRAIN)[number]>,
  context: Context,
): Promise<void> {
  const reader = namedRun(dir);
  refuseUntrainable(reader);
  const { drawing, seeds, amortize } = reader.manifest;
  const whole = await learnableTask(reader, values.task);
  const recorded = readTraining(reader, method.name);
  const reward = await rewardOfRun(
    reader,
    values.reward ?? recorded?.reward ?? amortize?.reward.name ?? "log-likelihood",
  );
  const compared = await comparedRewards(reader);
  const training = trainingSettings(method, values, {
    n: drawing.n,
    seed: values.seed ?? recorded?.fit.seed ?? seeds.run,
    preset: presetFor(reader.manifest.model.name, whole.name),
    recorded,
  });
  const { signal } = context;
  await interruptible(
    context,
    () => shellLine(context.args),
    async () => {
      const policy = await policyOfRun(reader, values.model, values.threads);
      try {
        const { skipLong } = reader.manifest.task;
        const task = skipLong ? await withoutLong(policy, whole, drawing.maxTokens) : whole;
        await withExistingRun(reader, async (run) => {
          const { metrics, adapterDirs } = await sharpenTask({
            policy,
            task,
            run,
            ...drawing,
            seed: seeds.run,
            rewards: compared,
            amortize: {
              methods: [training],
              curveSamples: training.curveSamples,
              reward,
              command: commandFor(method, run.dir, reward, training),
            },
            note: (text) => context.note(text),
            signal,
            onProgress: context.progress.update,
            now: () => context.now(),
          });
          const paths = { runDir: run.dir, report: await report(run, task, metrics) };
          tellMetrics(context, metrics, paths, adapterDirs);
        });
      } finally {
        await policy.dispose();
      }
    },
  );
}
