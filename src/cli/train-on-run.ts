import { UsageError } from "../core/errors.js";
import { moduleOf } from "../core/own-module.js";
import type { Policy } from "../policy/policy.js";
import type { SelfReward } from "../reward/self-reward.js";
import type { Method } from "../sharpen/methods/method.js";
import { presetFor } from "../sharpen/presets.js";
import { withoutLong } from "../sharpen/fitting-prompts.js";
import { FEWEST_TO_SPLIT, splitPrompts } from "../sharpen/prompts.js";
import { samplerInWords } from "../run/config.js";
import type { RunReader } from "../run/read-run.js";
import type { Run } from "../run/run.js";
import { sharpenTask } from "../sharpen/sharpen-task.js";
import { readTraining } from "../sharpen/training-record.js";
import type { Task } from "../task/task.js";
import { shellLine } from "./command-line.js";
import type { Context } from "./context.js";
import { defaultRewards } from "./defaults.js";
import { namedRun, rewardOfRun, withExistingRun } from "./existing-run.js";
import { TRAINER, TRAINING, type Values } from "./options.js";
import { refuseTraining } from "./quantize.js";
import { interruptible, report, tellMetrics } from "./outcome.js";
import { trainingOptions, trainingSettings, writtenOut, type TrainingSettings } from "./settings.js";
import { recordUsage, usageLine } from "./remote.js";
import { policyOfRun, remoteOfRun, serversOfRun, sourceOfRun, taskOfRun } from "./sources.js";
import { openTrainer, trainedElsewhere, withTrainer } from "./trainer.js";

/** Options of training on a run, those of the method left out. */
export const TRAIN = [
  "oneReward",
  ...TRAINING,
  "seed",
  "movedModel",
  "movedTask",
  "resume",
  "threads",
  "memory",
  "checkpointing",
  ...TRAINER,
  "baseUrl",
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
  const { rewards, model } = reader.manifest;
  for (const name of rewards?.map((part) => part.name) ?? defaultRewards(model.server !== undefined))
    compared.push(await rewardOfRun(reader, name));
  return compared;
}

/** The command line that trains so, for the record. */
function commandFor(method: Method, dir: string, reward: SelfReward, training: TrainingSettings): string {
  const words = ["train", wordFor(method), dir, "--reward", wordFor(reward)];
  return writtenOut(words, { ...trainingOptions(training), seed: training.fit.seed });
}

type TrainValues = Values<(typeof TRAIN)[number]>;

/** What one method is to train, and by what. */
interface Plan {
  readonly reader: RunReader;
  readonly task: Task;
  readonly reward: SelfReward;
  readonly compared: readonly SelfReward[];
  readonly training: TrainingSettings;
}

async function planOf(method: Method, dir: string | undefined, values: TrainValues): Promise<Plan> {
  const reader = namedRun(dir);
  refuseUntrainable(reader);
  const { drawing, seeds, amortize, model } = reader.manifest;
  const task = await learnableTask(reader, values.task);
  const recorded = readTraining(reader, method.name);
  const word = values.reward ?? recorded?.reward ?? amortize?.reward.name ?? "log-likelihood";
  const training = trainingSettings(method, values, {
    n: drawing.n,
    seed: values.seed ?? recorded?.fit.seed ?? seeds.run,
    preset: presetFor(model.name, task.name),
    recorded,
  });
  const reward = await rewardOfRun(reader, word);
  return { reader, task, reward, compared: await comparedRewards(reader), training };
}

/** Trains an adapter by one method on a run that was sampled, measures it, and reports. */
export async function trainOnRun(
  method: Method,
  dir: string | undefined,
  values: TrainValues,
  context: Context,
): Promise<void> {
  const plan = await planOf(method, dir, values);
  await interruptible(
    context,
    () => shellLine(context.args),
    async () => {
      const policy = await drawerOf(plan.reader, values, context);
      try {
        await withExistingRun(plan.reader, async (run) => {
          try {
            await train(run, policy, plan, values, context);
          } finally {
            if (policy.served && policy.served.usage.requests > 0) await recordUsage(run, policy.served);
          }
        });
      } finally {
        if (policy.served) context.note(usageLine(policy.name, policy.served));
        await policy.dispose();
      }
    },
  );
}

/** What draws for the run: its model on this machine, or its servers where it is trained elsewhere. */
function drawerOf(reader: RunReader, values: TrainValues, context: Context): Promise<Policy> {
  const served = reader.manifest.model.server !== undefined && values.model === undefined;
  if (values.baseUrl !== undefined && !served)
    throw new UsageError("--base-url is for a run that was drawn from servers; leave it out.");
  return served && values.trainer !== undefined
    ? serversOfRun(reader, values.baseUrl, context)
    : policyOfRun(reader, values.model, values);
}

async function train(
  run: Run,
  drawer: Policy,
  { reader, task: whole, reward, compared, training }: Plan,
  values: TrainValues,
  context: Context,
): Promise<void> {
  const { drawing, seeds, task: recorded } = reader.manifest;
  const { threads, model } = values;
  const remote = drawer.served && (await remoteOfRun(reader, values.baseUrl));
  const local = remote ? undefined : sourceOfRun(reader, model).folder;
  const trainer = await openTrainer(values, { run, local, threads }, context);
  try {
    const policy = await withTrainer(drawer, trainer);
    const task = recorded.skipLong ? await withoutLong(policy, whole, drawing.maxTokens) : whole;
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
        command: commandFor(training.method, run.dir, reward, training),
        ...(trainer &&
          (await trainedElsewhere(
            trainer,
            { policy, remote, maxTokens: drawing.maxTokens },
            values,
            context,
          ))),
      },
      note: (text) => context.note(text),
      signal: context.signal,
      onProgress: context.progress.update,
      now: () => context.now(),
    });
    const paths = { runDir: run.dir, report: await report(run, task, metrics) };
    tellMetrics(context, metrics, paths, adapterDirs);
  } finally {
    await trainer?.close();
  }
}
