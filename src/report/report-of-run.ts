import { basename } from "node:path";
import { byPrompt } from "../evaluate/answers.js";
import type { Metrics } from "../evaluate/metrics.js";
import { ownParts } from "../run/config.js";
import type { Manifest } from "../run/manifest.js";
import type { RunReader } from "../run/read-run.js";
import { drawnPrompts } from "../sharpen/evaluate-run.js";
import { readQuantization } from "../sharpen/measure-quantization.js";
import { flatRecord, readTraining, trainedMethods } from "../sharpen/training-record.js";
import type { Task } from "../task/task.js";
import { adapterTexts, promptRow } from "./prompt-row.js";
import type { AdapterText, ReportInput, ReportManifest } from "./report-input.js";

/**
 * What a report shows of a run folder: its metrics, its configuration, and every test prompt with its responses, scores
 * and choices, read from the files.
 * @param task the run's own; the caller has compared the digests.
 * @throws RunError for a run that is not finished.
 */
export async function reportOfRun(run: RunReader, task: Task, metrics: Metrics): Promise<ReportInput> {
  const choices = new Map<string, Map<number, string[]>>();
  for (const { promptId, reward, chosen } of await run.selections()) {
    if (!(reward in metrics.bestOfN)) continue;
    const byIndex = choices.get(promptId) ?? new Map<number, string[]>();
    byIndex.set(chosen, [...(byIndex.get(chosen) ?? []), reward]);
    choices.set(promptId, byIndex);
  }
  const drawn = await drawnPrompts(run);
  const adapters = await textsOfAdapters(run, task, Object.keys(metrics.adapters));
  return {
    metrics,
    manifest: reportManifest(run),
    prompts: drawn.map((records) => {
      const { id } = records.prompt;
      const own = adapters.size > 0 ? (adapters.get(id) ?? {}) : undefined;
      return promptRow({ ...records, choices: choices.get(id), adapters: own }, task);
    }),
  };
}

/** What each adapter drew for each prompt. */
async function textsOfAdapters(
  run: RunReader,
  task: Task,
  names: readonly string[],
): Promise<Map<string, Record<string, AdapterText[]>>> {
  const found = new Map<string, Record<string, AdapterText[]>>();
  for (const name of names) {
    const [drawn, greedy] = [byPrompt(await run.responses(name)), byPrompt(await run.greedy(name))];
    for (const [id, responses] of drawn) {
      const texts = adapterTexts(responses, greedy.get(id)?.[0], task);
      found.set(id, { ...found.get(id), [name]: texts });
    }
  }
  return found;
}

/** What fixes a run, as pages print it. */
export function reportManifest(run: RunReader): ReportManifest {
  const { manifest } = run;
  const trainings = trainedMethods(run).map((method) => [method, readTraining(run, method)!] as const);
  const commands = new Set([manifest.command, ...trainings.map(([, { command }]) => command)]);
  const quantization = readQuantization(run);
  const settings = trainings.map(([method, record]) => {
    const { command: _, ...its } = flatRecord(record);
    return [method, its] as const;
  });
  return {
    name: basename(run.dir),
    command: [...commands].join("\n"),
    whetstoneVersion: manifest.whetstone,
    model: manifest.model.name,
    modelDigest: manifest.model.digest,
    task: manifest.task.name,
    taskDigest: manifest.task.digest,
    ...(manifest.task.form && { promptForm: manifest.task.form }),
    options: {
      ...optionsOf(manifest),
      ...(trainings.length > 0 && { training: Object.fromEntries(settings) }),
    },
    seed: manifest.seeds.run,
    createdAt: manifest.createdAt,
    versions: { node: manifest.node, "onnxruntime-node": manifest.onnxruntime },
    ...(quantization && { quantization }),
  };
}

/** A run's settings as the page lists them: by the names of the command line. */
function optionsOf(manifest: Manifest): Record<string, unknown> {
  const { model, task, drawing, rewards, adaptive, amortize } = manifest;
  const { sampler, prompts, ...drawn } = drawing;
  const { quantize, server } = model;
  const { grader, orders, rows } = task;
  return {
    grader: grader?.name ?? null,
    orders: orders ?? null,
    ...(rows !== undefined && { rows }),
    ...(quantize && { quantize }),
    prompts: prompts ?? null,
    ...drawn,
    ...sampler,
    ...(rewards && { reward: rewards.map(({ name }) => name), adaptive: adaptive ?? null }),
    ...(amortize && { amortize: amortize.reward.name, training: amortize.methods }),
    ...(server && { server }),
    ...Object.fromEntries(ownParts(manifest).map(({ name, module }) => [`module of ${name}`, module])),
  };
}
