import { join } from "node:path";
import { UsageError } from "../../core/errors.js";
import { splitPrompts } from "../../sharpen/prompts.js";
import { checkLengths } from "../../sharpen/fitting-prompts.js";
import { recordPrompts } from "../../sharpen/record-prompts.js";
import { drawGreedy } from "../../sharpen/draw.js";
import { requireAbility } from "../../policy/capabilities.js";
import { drawPowerTask, powerSummary } from "../../sharpen/power/draw-power.js";
import { fillRun } from "../../sharpen/draw-task.js";
import { indexResponses } from "../../run/response-index.js";
import { count } from "../../report/format.js";
import { plannedWork, type PlannedWork } from "../estimate.js";
import { resumeLine } from "../command-line.js";
import { tellBatch } from "../batch.js";
import { defineCommand } from "../command.js";
import type { Context } from "../context.js";
import type { Task } from "../../task/task.js";
import { resolveDrawing, tellTask, withRun, type Drawing, type OpenedRun } from "../drawing.js";
import type { Machine } from "../sources.js";
import { BATCH, DRAWING, POWER } from "../options.js";
import { interruptible } from "../outcome.js";
import { measureIfQuantized } from "../measure-quantized.js";
import { quantizationResult } from "../quantize.js";
import { powerNote, powerSettings, recordedPower, samplerOf, type PowerSettings } from "../power.js";
import { usageResult } from "../remote.js";
import { COMMANDS } from "./table.js";

/** `whetstone sample [task]`: draws into a run folder, and nothing else. */
export const sampleCommand = defineCommand({
  ...COMMANDS.sample,
  details:
    "With --method power or smc the responses are of π^α (for α = 1 + 1/β the optimum of RLHF-sharpening): N independent chains, or " +
    "one particle of each of N swarms. power.jsonl in the run folder has the acceptance rates or effective sample sizes.",
  options: [...DRAWING, ...BATCH, ...POWER, "run", "resume", "dryRun"],
  examples: [
    ["sample game24 --n 50 --run runs/draws", "then: whetstone evaluate runs/draws"],
    ["sample game24 --method power --alpha 4 --n 8", "π⁴ by Metropolis–Hastings"],
    ["sample --task prompts.jsonl --model ./my-model", "your prompts and model"],
    [
      "sample --task prompts.jsonl --model openai:qwen --batch out/",
      "as files for `vllm run-batch`, and nothing drawn yet",
    ],
    ["sample --task prompts.jsonl --model openai:qwen --batch-results in/ --resume", "what came back"],
  ],
  run: async ([named], values, context) => {
    const power = powerSettings(values);
    const plain = await resolveDrawing(named, values, context);
    const drawing = power ? { ...plain, sampler: samplerOf(power) } : plain;
    const settings = power ? { ...drawing.settings, ...recordedPower(power) } : drawing.settings;
    const { task: whole } = drawing.opened;
    const split = splitPrompts(whole, { ...drawing, learn: false });
    tellTask(whole, split, false, context);
    if (power && values.dryRun)
      throw new UsageError(
        `--dry-run is not for --method ${power.method}: nothing tells how long its moves take.`,
      );
    const planned = (task: Task): PlannedWork =>
      plannedWork(splitPrompts(task, { ...drawing, learn: false }), drawing.n, []);
    let dir: string | undefined;
    await interruptible(
      context,
      () => dir && resumeLine(context.args, dir),
      () =>
        withRun(
          "sample",
          { drawing, values, settings, asked: {}, planned },
          context,
          async ({ run, policy, task }) => {
            dir = run.dir;
            if (power)
              return samplePower({ power, drawing, machine: values }, { run, policy, task }, context);
            const started = context.now();
            const { signal } = context;
            const prompts = await fillRun({
              policy,
              task,
              run,
              ...drawing,
              learn: false,
              note: (text) => context.note(text),
              signal,
              onProgress: context.progress.update,
            });
            await measureIfQuantized(run, policy, { source: drawing.source, machine: values });
            const { responses, tokens } = await drawnIn(run.dir);
            context.say(
              `${count(responses)} responses to ${count(prompts)} prompts, ${count(tokens)} tokens: ${run.dir}`,
            );
            context.result({
              runDir: run.dir,
              prompts,
              n: drawing.n,
              responses,
              tokens,
              ...quantizationResult(run, context),
              seconds: { total: Math.round((context.now() - started) / 10) / 100 },
              ...usageResult(policy),
              ...(await tellBatch(policy, context)),
            });
          },
        ),
    );
  },
});

/** How much a run has drawn. */
async function drawnIn(dir: string): Promise<{ readonly responses: number; readonly tokens: number }> {
  const index = await indexResponses(join(dir, "responses.jsonl"));
  index.close();
  return { responses: index.records, tokens: index.tokens };
}

/** N responses to each test prompt from π^α, and the greedy one. */
async function samplePower(
  { power, drawing, machine }: { power: PowerSettings; drawing: Drawing; machine: Machine },
  { run, policy, task }: OpenedRun,
  context: Context,
): Promise<void> {
  const { signal, progress } = context;
  const { source, n, maxTokens, seed, prompts } = drawing;
  requireAbility(policy, "continues", power.method === "power" ? "Power sampling" : "Sequential Monte Carlo");
  const started = context.now();
  const split = splitPrompts(task, { learn: false, seed, prompts });
  const { test } = split;
  if (test.length === 0) throw new UsageError(`The task ${task.name} has no prompts to measure on.`);
  await checkLengths(policy, test, maxTokens, task);
  await recordPrompts(run, task, split, 0, (text) => context.note(text));
  const settings = { maxTokens, signal, onProgress: progress.update };
  await drawGreedy(await run.greedyLog(), policy, test, settings, "greedy");
  const asked = { ...power, n, maxTokens, seed, signal };
  const summary = powerSummary(await drawPowerTask(run, policy, test, asked, progress.update));
  await measureIfQuantized(run, policy, { source, machine });
  context.note(powerNote(power, maxTokens, summary));
  context.say(
    `${count(n * test.length)} responses to ${count(test.length)} prompts, ${count(summary.tokens)} tokens: ${run.dir}`,
  );
  context.result({
    runDir: run.dir,
    prompts: test.length,
    n,
    responses: n * test.length,
    method: power.method,
    alpha: power.alpha,
    ...summary,
    ...quantizationResult(run, context),
    seconds: { total: Math.round((context.now() - started) / 10) / 100 },
  });
}
