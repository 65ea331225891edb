import type { Json } from "../../run/manifest.js";
import { rewardNamed } from "../../reward/registry.js";
import { splitPrompts } from "../../sharpen/prompts.js";
import { sharpenTask } from "../../sharpen/sharpen-task.js";
import { resumeLine } from "../command-line.js";
import { defineCommand } from "../command.js";
import type { Context } from "../context.js";
import { DEFAULT_REWARDS } from "../defaults.js";
import { resolveDrawing, splitNote, withRun } from "../drawing.js";
import { DRAWING, TRAINING, type Values } from "../options.js";
import { interruptible, report, tellMetrics } from "../outcome.js";
import { trainingOptions, trainingSettings } from "../settings.js";

const NAMES = [
  ...DRAWING,
  "reward",
  "adaptive",
  "amortize",
  "noAmortize",
  ...TRAINING,
  "run",
  "resume",
] as const;

/** `whetstone sharpen [task]`: the main job. */
export const sharpenCommand = defineCommand({
  usage: "sharpen [task]",
  summary: "draw, choose by self-reward, train the choice into an adapter, measure and report",
  details:
    "Draws N responses per prompt, measures best-of-N under every self-reward, trains the choice of one of them into a " +
    "LoRA adapter, measures that too, and writes it all into a run folder. A run that was stopped or killed at any moment " +
    "continues with --resume and ends with the same files.",
  options: NAMES,
  examples: [
    ["sharpen game24", "the embedded model on its task, with a report"],
    ["sharpen --task prompts.jsonl --model ./my-model --grader numeric", "your prompts and model"],
    ["sharpen game24 --no-amortize --n 10 --prompts 50", "choosing only, small"],
    ["sharpen game24 --resume", "continue the last run of game24"],
  ],
  run: ([named], values, context) => sharpen(named, values, context),
});

async function sharpen(
  named: string | undefined,
  values: Values<(typeof NAMES)[number]>,
  context: Context,
): Promise<void> {
  const drawing = await resolveDrawing(named, values);
  const { task } = drawing.opened;
  const rewards = (values.reward ?? DEFAULT_REWARDS).map(rewardNamed);
  const amortized = values.amortize ?? "log-likelihood";
  const training = trainingSettings(values, drawing);
  const settings: { [name: string]: Json } = {
    ...drawing.settings,
    reward: rewards.map(({ name }) => name),
    adaptive: values.adaptive ?? null,
    amortize: amortized,
    ...(amortized !== false && trainingOptions(training)),
  };
  const note = splitNote(task, splitPrompts(task, drawing));
  if (note !== undefined) context.note(note);
  let dir: string | undefined;
  await interruptible(
    context,
    () => dir && resumeLine(context.args, dir),
    () =>
      withRun("sharpen", drawing, values, settings, context, async ({ run, policy }) => {
        dir = run.dir;
        const { signal } = context;
        const { metrics, adapterDir } = await sharpenTask({
          policy,
          task,
          run,
          rewards,
          ...drawing,
          trainPrompts: values.trainPrompts,
          adaptiveDelta: values.adaptive,
          amortize:
            amortized === false
              ? undefined
              : {
                  ...training,
                  reward: rewardNamed(amortized),

                  command: run.manifest.command,
                },
          signal,
          onProgress: context.progress.update,
        });
        const paths = { runDir: run.dir, report: await report(run, task, metrics) };
        tellMetrics(context, metrics, adapterDir === undefined ? paths : { ...paths, adapterDir });
      }),
  );
}
