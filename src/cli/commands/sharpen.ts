import { findReward } from "../../reward/registry.js";
import type { SelfReward } from "../../reward/self-reward.js";
import type { Policy } from "../../policy/policy.js";
import { modulesOf, partOf } from "../../run/parts.js";
import type { Run } from "../../run/run.js";
import type { Task } from "../../task/task.js";
import { methods } from "../../sharpen/methods/registry.js";
import { splitPrompts } from "../../sharpen/prompts.js";
import { handOver, type HandOver } from "../../sharpen/hand-over.js";
import { writeAnswers } from "../../sharpen/answers-file.js";
import { checkRewards, sharpenTask } from "../../sharpen/sharpen-task.js";
import { resumeLine } from "../command-line.js";
import { defineCommand } from "../command.js";
import type { Context } from "../context.js";
import { DEFAULT_METHODS, defaultRewards } from "../defaults.js";
import { resolveDrawing, tellTask, withRun, type AskedOfRun, type Drawing } from "../drawing.js";
import { measureIfQuantized } from "../measure-quantized.js";
import { refuseTraining } from "../quantize.js";
import { methodOf, methodOptions } from "../method-options.js";
import { DRAWING, TRAINER, TRAINING, type Values } from "../options.js";
import { interruptible, report, tellMetrics } from "../outcome.js";
import { plannedWork, type PlannedWork } from "../estimate.js";
import { openPage } from "../open-page.js";
import { tellAnswers } from "../tell-answers.js";
import { usageResult } from "../remote.js";
import { openTrainer, trainedElsewhere, withTrainer } from "../trainer.js";
import {
  commonOptions,
  trainingOptions,
  trainingSettings,
  type Settings,
  type TrainingSettings,
} from "../settings.js";
import { COMMANDS } from "./table.js";

const NAMES = [
  ...DRAWING,
  "exactChoice",
  "reward",
  "adaptive",
  "baselines",
  "amortize",
  "noAmortize",
  "methods",
  ...TRAINING,
  "checkpointing",
  ...TRAINER,
  "run",
  "resume",
  "dryRun",
  "open",
] as const;

/** `whetstone sharpen [task]`: the main job. */
export const sharpenCommand = defineCommand({
  ...COMMANDS.sharpen,
  details:
    "Draws N responses per prompt, measures best-of-N under every self-reward, trains what one of them prefers into a " +
    "LoRA adapter by each of the methods, measures those too, and writes it all into a run folder. Training options apply to " +
    "every method; to set them for one, use `train <method>`. A run that was stopped or killed at " +
    "any moment continues with --resume and ends with the same files.",
  options: NAMES,
  own: methodOptions(Object.values(methods)),
  examples: [
    ["sharpen game24", "the embedded model on its task, with a report"],
    ["sharpen --task prompts.jsonl --model ./my-model --grader numeric", "your prompts and model"],
    [
      `sharpen game24 --methods ${Object.keys(methods).slice(0, 3).join(",")}`,
      "three ways to train, side by side",
    ],
    ["sharpen game24 --no-amortize --n 10 --prompts 50", "choosing only, small"],
    [
      "sharpen --task prompts.jsonl --model openai:my-model --base-url http://localhost:8000/v1",
      "a model behind a server",
    ],
    ["sharpen game24 --resume", "continue the last run of game24"],
  ],
  run: ([named], values, context) => sharpen(named, values, context),
});

type SharpenValues = Values<(typeof NAMES)[number]>;

async function sharpen(named: string | undefined, values: SharpenValues, context: Context): Promise<void> {
  const drawing = await resolveDrawing(named, values, context);
  const { task } = drawing.opened;
  const plan = await planOf(drawing, values);
  const { learn, training, settings, asked } = plan;
  const split = splitPrompts(task, { ...drawing, learn });
  tellTask(task, split, learn, context);
  const trains = values.trainer !== undefined || !drawing.source.remote;
  const planned = (fitting: Task): PlannedWork =>
    plannedWork(splitPrompts(fitting, { ...drawing, learn }), drawing.n, trains ? training : []);
  let dir: string | undefined;
  await interruptible(
    context,
    () => dir && resumeLine(context.args, dir),
    () =>
      withRun("sharpen", { drawing, values, settings, asked, planned }, context, async (opened) => {
        dir = opened.run.dir;
        await work({ ...opened, drawing, values, plan }, context);
      }),
  );
}

/** What is to be measured and trained. */
interface Plan {
  readonly rewards: readonly SelfReward[];
  /** Whether anything is trained, or chosen for others to train. */
  readonly learn: boolean;
  /** The reward that chooses what is trained. */
  readonly preferred: SelfReward;
  readonly training: readonly TrainingSettings[];
  readonly settings: Settings;
  readonly asked: AskedOfRun;
}

async function planOf(drawing: Drawing, values: SharpenValues): Promise<Plan> {
  const rewards: SelfReward[] = [];
  for (const word of values.reward ?? defaultRewards(drawing.source.remote !== undefined))
    rewards.push(await findReward(word));
  const amortized = values.amortize ?? "log-likelihood";
  const preferred = await findReward(amortized === false ? "log-likelihood" : amortized);
  if (amortized !== false) refuseTraining(values.quantize, "Or add --no-amortize, to choose only.");
  const names = amortized === false ? [] : (values.methods ?? drawing.preset?.methods ?? DEFAULT_METHODS);
  const chosen = await Promise.all(names.map(methodOf));
  const training = chosen.map((method) => trainingSettings(method, values, drawing));
  const options = training.map((its) => [its.method.name, trainingOptions(its)] as const);
  const settings: Settings = {
    ...drawing.settings,
    reward: values.reward ?? rewards.map(({ name }) => name),
    adaptive: values.adaptive ?? null,
    ...(values.baselines !== undefined && { baselines: values.baselines }),
    amortize: amortized,
    ...(amortized !== false && {
      methods: [...names],
      ...commonOptions(options.map(([, its]) => its)),
    }),
  };
  const asked: AskedOfRun = {
    rewards: rewards.map(partOf),
    ...(values.adaptive !== undefined && { adaptive: values.adaptive }),
    ...(values.baselines !== undefined && { baselines: values.baselines }),
    ...(amortized !== false && {
      amortize: { reward: partOf(preferred), methods: Object.fromEntries(options), ...modulesOf(chosen) },
    }),
  };
  return { rewards, learn: amortized !== false, preferred, training, settings, asked };
}

/** What the work is done with. */
interface Work {
  readonly run: Run;
  readonly policy: Policy;
  readonly task: Task;
  readonly drawing: Drawing;
  readonly values: SharpenValues;
  readonly plan: Plan;
}

/** Draws, measures and trains in the run's folder, and tells what came of it. */
async function work(given: Work, context: Context): Promise<void> {
  const { run, task, drawing, values, plan } = given;
  const { rewards, learn, preferred, training } = plan;
  const { remote } = drawing.source;
  const { signal } = context;
  const trainer = await openTrainer(
    learn ? values : {},
    { run, local: drawing.source.folder, threads: values.threads },
    context,
  );
  try {
    const policy = await withTrainer(given.policy, trainer);
    if (learn) checkRewards([preferred], policy);
    const drawer = { policy, remote, maxTokens: drawing.maxTokens };
    const elsewhere = trainer && (await trainedElsewhere(trainer, drawer, values, context));
    const { metrics, adapterDirs } = await sharpenTask({
      policy,
      task,
      run,
      rewards,
      ...drawing,
      learn,
      adaptiveDelta: values.adaptive,
      baselineSamples: values.baselines,
      amortize:
        !learn || (remote && !trainer)
          ? undefined
          : {
              reward: preferred,
              methods: training,
              curveSamples: training[0]!.curveSamples,
              command: run.manifest.command,
              ...elsewhere,
            },
      note: (text) => context.note(text),
      now: () => context.now(),
      signal,
      onProgress: context.progress.update,
    });
    if (remote && learn && !trainer) {
      const { trainN } = training[0]!;
      const { trainPrompts } = values;
      const asked = { ...drawing, n: trainN, trainPrompts, signal, onProgress: context.progress.update };
      const handed = await handOver({ policy, task, run, reward: preferred, ...asked });
      if (handed) context.note(handOverNote(handed));
    }
    const machine = { source: drawing.source, machine: values };
    await measureIfQuantized(run, given.policy, machine, { task, rewards });
    const paths = { runDir: run.dir, report: await report(run, task, metrics) };
    const answers = await writeAnswers(run, task, rewards[0]!.name);
    const more = { ...(answers && { answers: answers.path }), ...usageResult(policy) };
    tellMetrics(context, metrics, paths, adapterDirs, more);
    if (answers) tellAnswers(answers, context);
    await openPage(paths.report, values.open, context);
  } finally {
    await trainer?.close();
  }
}

function handOverNote({ dir, examples, pairs, empty, files }: HandOver): string {
  const left =
    empty === 0 ? "" : ` ${empty} of them are empty, and left out of OpenAI's files, which take none.`;
  return (
    `Training needs the model's weights, which a server does not hand out. What was chosen for ${examples} training prompts ` +
    `(${pairs} with a rejected response beside it) is in ${dir}, as TRL and OpenAI's fine-tuning read it: ${files.join(", ")}.${left}`
  );
}
