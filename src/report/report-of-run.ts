import { basename, join } from "node:path";
import type { Metrics } from "../evaluate/metrics.js";
import { ownParts, samplerInWords } from "../run/config.js";
import type { Manifest } from "../run/manifest.js";
import { runFile, type RunReader } from "../run/read-run.js";
import { readRecords } from "../run/record-lines.js";
import { selectionRecords } from "../run/records.js";
import { indexResponses } from "../run/response-index.js";
import { drawnAt, openDrawn, type DrawnPrompts } from "../sharpen/drawn-prompts.js";
import { readQuantization } from "../sharpen/measure-quantization.js";
import { acceptedByLength, readPower } from "../sharpen/power/draw-power.js";
import { flatRecord, readTraining, trainedMethods } from "../sharpen/training-record.js";
import type { Task } from "../task/task.js";
import { adapterTexts, promptRow } from "./prompt-row.js";
import type { AdapterText, ReportInput, ReportManifest } from "./report-input.js";

/** A run of more responses is shown by a sample of so many prompts: a page takes less than 8 MB, and this is more than it holds. */
const MOST_RESPONSES = 200_000;
const SAMPLE = 500;

/**
 * What a report shows of a run folder: its metrics, its configuration, and every test prompt with its responses, scores
 * and choices, read from the files; of a run of very many responses, a sample of the prompts.
 * @param task the run's own; the caller has compared the digests.
 * @param sample how many prompts are shown at most, and of how many responses on; default 500 from 200,000 on.
 * @throws RunError for a run that is not finished.
 */
export async function reportOfRun(
  run: RunReader,
  task: Task,
  metrics: Metrics,
  sample: SampleLimits = { prompts: SAMPLE, from: MOST_RESPONSES },
): Promise<ReportInput> {
  const drawn = await openDrawn(run);
  try {
    const places = shownPlaces(drawn, sample);
    const ids = places.map((place) => drawn.prompts[place]!.id);
    const choices = await choicesOf(run, metrics, new Set(ids));
    const adapters = await textsOfAdapters(run, task, Object.keys(metrics.adapters), ids);
    return {
      metrics,
      manifest: reportManifest(run),
      prompts: places.map((place) => {
        const records = drawnAt(drawn, place);
        const { id } = records.prompt;
        const own = adapters.size > 0 ? (adapters.get(id) ?? {}) : undefined;
        return promptRow({ ...records, choices: choices.get(id), adapters: own }, task);
      }),
      ...(places.length < drawn.prompts.length && { sampleOf: drawn.prompts.length }),
    };
  } finally {
    drawn.close();
  }
}

/** When a page shows a sample of a run's prompts, and of how many. */
export interface SampleLimits {
  readonly prompts: number;
  /** Responses of the run above which it does. */
  readonly from: number;
}

/** The places of the prompts that are shown: all, or so many, evenly spread. */
function shownPlaces({ sizes }: DrawnPrompts, { prompts, from }: SampleLimits): number[] {
  const count = sizes.reduce((a, b) => a + b, 0) > from ? Math.min(prompts, sizes.length) : sizes.length;
  return Array.from({ length: count }, (_, i) => Math.floor((i * sizes.length) / count));
}

/** By prompt: which rewards chose a response, by its index. */
async function choicesOf(
  run: RunReader,
  { bestOfN }: Metrics,
  ids: ReadonlySet<string>,
): Promise<Map<string, Map<number, string[]>>> {
  const choices = new Map<string, Map<number, string[]>>();
  for await (const { record } of readRecords(join(run.dir, "selections.jsonl"), selectionRecords)) {
    const { promptId, reward, chosen } = record;
    if (!(reward in bestOfN) || !ids.has(promptId)) continue;
    const byIndex = choices.get(promptId) ?? new Map<number, string[]>();
    byIndex.set(chosen, [...(byIndex.get(chosen) ?? []), reward]);
    choices.set(promptId, byIndex);
  }
  return choices;
}

/** What each adapter drew for each of these prompts. */
async function textsOfAdapters(
  run: RunReader,
  task: Task,
  names: readonly string[],
  ids: readonly string[],
): Promise<Map<string, Record<string, AdapterText[]>>> {
  const found = new Map<string, Record<string, AdapterText[]>>();
  for (const name of names) {
    const drawn = await indexResponses(join(run.dir, runFile("responses.jsonl", name)));
    try {
      const greedy = await indexResponses(join(run.dir, runFile("greedy.jsonl", name)));
      try {
        for (const id of ids) {
          if (drawn.countOf(id) === 0) continue;
          const texts = adapterTexts(drawn.read(id), greedy.read(id)[0], task);
          found.set(id, { ...found.get(id), [name]: texts });
        }
      } finally {
        greedy.close();
      }
    } finally {
      drawn.close();
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
  const power = powerInWords(run);
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
    ...(power !== undefined && { power }),
  };
}

/** How a run's draws of π^α went; undefined where its responses are independent samples. */
function powerInWords(run: RunReader): string | undefined {
  const { drawing } = run.manifest;
  const sampler = samplerInWords(drawing);
  const summary = sampler === undefined ? undefined : readPower(run);
  if (sampler === undefined || summary === undefined) return sampler;
  const { acceptance, blockAcceptance = [], leastEffectiveShare = 0, resamplings = 0 } = summary;
  return acceptance === undefined
    ? `${sampler}: least effective sample size ${percent(leastEffectiveShare)} of them, ${resamplings.toFixed(1)} resamplings.`
    : `${sampler}: ${percent(acceptance)} of the proposals were accepted (${acceptedByLength(blockAcceptance, drawing.maxTokens)}).`;
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** A run's settings as the page lists them: by the names of the command line. */
function optionsOf(manifest: Manifest): Record<string, unknown> {
  const { model, task, drawing, rewards, adaptive, amortize } = manifest;
  const { sampler, prompts, ...drawn } = drawing;
  const { quantize, kvCache, server } = model;
  const { grader, orders, rows } = task;
  return {
    grader: grader?.name ?? null,
    orders: orders ?? null,
    ...(rows !== undefined && { rows }),
    ...(quantize && { quantize }),
    ...(kvCache && { "kv-cache": kvCache }),
    prompts: prompts ?? null,
    ...drawn,
    ...sampler,
    ...(rewards && { reward: rewards.map(({ name }) => name), adaptive: adaptive ?? null }),
    ...(amortize && { amortize: amortize.reward.name, training: amortize.methods }),
    ...(server && { server }),
    ...Object.fromEntries(ownParts(manifest).map(({ name, module }) => [`module of ${name}`, module])),
  };
}
