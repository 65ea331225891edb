import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { measureAdapter, measureEpoch, type AdapterResponse } from "../evaluate/measure-adapter.js";
import type { AdapterMetrics, EpochMetrics } from "../evaluate/metrics.js";
import { sequenceLogProb, type Prompt, type Response, type ScoreRequest } from "../policy/policy.js";
import type { TrainablePolicy, Training } from "../policy/trainable.js";
import type { Pool, SelfReward } from "../reward/self-reward.js";
import { responseRecords } from "../run/records.js";
import type { RecordKind, RecordLog } from "../run/record-log.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { loadAdapter, saveAdapter } from "../transformer/peft.js";
import { openSafetensors } from "../transformer/safetensors.js";
import { bestOfN } from "./best-of-n.js";
import { drawGreedy, drawResponses, type DrawSettings } from "./draw.js";
import { throwIfStopped } from "./interrupt.js";
import type { PromptSplit } from "./prompts.js";
import { checkSft, keptEpoch, sftSharpen, type SftEpoch, type SftOptions } from "./sft.js";

export interface AmortizeOptions extends DrawSettings {
  readonly policy: TrainablePolicy;
  readonly task: Task;
  readonly run: Run;
  readonly split: PromptSplit;
  /** Chooses y^BoN. */
  readonly reward: SelfReward;
  /** Responses drawn per training and validation prompt. */
  readonly trainN: number;
  readonly sft: Omit<SftOptions, "signal">;
  /** Samples per test prompt for each point of the training curve; 0 for none. */
  readonly curveSamples: number;
  /** The base's responses to the test prompts, for the paired gains. */
  readonly pools: readonly Pool[];
  readonly greedy: readonly Response[];
}

const ADAPTER = "sft";
/** Responses scored under the base at once. */
const SCORE_BATCH = 512;

const estimate = z.object({ value: z.number(), low: z.number(), high: z.number() });
const epochRecords: RecordKind<EpochMetrics> = {
  schema: z.object({
    epoch: z.int().min(0),
    trainLoss: z.number().exactOptional(),
    validationLoss: z.number(),
    accuracy: estimate.exactOptional(),
    logLikelihood: estimate.exactOptional(),
    coverage: estimate.exactOptional(),
    samples: z.int().exactOptional(),
  }),
  key: ({ epoch }) => `${epoch}`,
};
const chosenRecords: RecordKind<Response> = { ...responseRecords, key: ({ promptId }) => promptId };

/**
 * SFT-Sharpening of a run, from draws to measured adapter: y^BoN of each training and validation prompt (chosen.jsonl),
 * the adapter of the kept epoch in PEFT's layout (adapters/sft), the training curve (adapters/sft/epochs.jsonl), and
 * the adapter's own responses to the test prompts. Killed at any moment and called again, it continues.
 */
export async function amortize(
  options: AmortizeOptions,
): Promise<{ readonly metrics: AdapterMetrics; readonly adapterDir: string }> {
  const { run, split } = options;
  const adapterDir = run.adapterDir(ADAPTER);
  const chosen = await chooseExamples(options);
  const epochs = await trainAdapter(options, adapterDir, chosen);
  const measured = await measureTrained(options, adapterDir);
  return {
    adapterDir,
    metrics: {
      ...measured,
      epochs,
      keptEpoch: keptEpoch(epochs),
      trainingPrompts: split.train.length,
      trainingSamples: options.trainN,
    },
  };
}

/** Best-of-N on the training and validation prompts; losers are dropped as soon as they cannot win. */
async function chooseExamples(options: AmortizeOptions): Promise<Map<string, Response>> {
  const { policy, task, run, split, reward, trainN, temperature, maxTokens, seed, signal, onProgress } =
    options;
  const prompts = [...split.train, ...split.validation];
  const log = await run.log("chosen.jsonl", chosenRecords);
  const stage = "drawing training examples";
  onProgress?.({ stage, done: log.size, total: prompts.length });
  const draws = bestOfN(
    policy,
    prompts.filter(({ id }) => !log.has(id)),
    { reward, n: trainN, temperature, maxTokens, seed, signal, extract: (text) => task.extract(text) },
  );
  for await (const { chosen } of draws) {
    log.append(chosen);
    onProgress?.({ stage, done: log.size, total: prompts.length });
  }
  const places = new Map(prompts.map(({ id }, i) => [id, i]));
  const sorted = await log.sort((a, b) => places.get(a.promptId)! - places.get(b.promptId)!);
  return new Map(sorted.map((response) => [response.promptId, response]));
}

async function trainAdapter(
  options: AmortizeOptions,
  adapterDir: string,
  chosen: ReadonlyMap<string, Response>,
): Promise<EpochMetrics[]> {
  const { policy, split, run, signal, onProgress } = options;
  const sft = { ...options.sft, signal };
  const log = await run.log(join("adapters", ADAPTER, "epochs.jsonl"), epochRecords);
  const checkpoint = join(adapterDir, "checkpoint.safetensors");
  const wanted = checkSft(sft).epochs + 1;
  if (log.size < wanted || existsSync(checkpoint)) {
    const example = (prompt: Prompt): ScoreRequest => ({ prompt, tokens: chosen.get(prompt.id)!.tokens });
    await sftSharpen(policy, split.train.map(example), split.validation.map(example), sft, {
      onStep: (done, total) => onProgress?.({ stage: "training", done, total }),
      onEpoch: (epoch, training, kept) => recordEpoch(options, log, adapterDir, epoch, training, kept),
      checkpoint: (training, { epoch }) => {
        // The record must not be lost where the checkpoint that builds on it survives.
        log.sync();
        return training.save(checkpoint, { epoch: `${epoch}` });
      },
      restore: (training) => restoreEpochs(training, checkpoint, log),
    });
    rmSync(checkpoint, { force: true });
  }
  return log.records();
}

async function recordEpoch(
  options: AmortizeOptions,
  log: RecordLog<EpochMetrics>,
  adapterDir: string,
  epoch: SftEpoch,
  training: Training,
  kept: boolean,
): Promise<void> {
  if (kept) await saveAdapter(adapterDir, training.adapter, options.policy.name);
  // A process that died between this line and its checkpoint has written it already.
  if (!log.has(`${epoch.epoch}`)) log.append({ ...epoch, ...(await curvePoint(options, training)) });
}

/** Continues from the checkpoint, unless records of its epochs are gone: then training begins anew, and repeats them. */
async function restoreEpochs(
  training: Training,
  checkpoint: string,
  log: RecordLog<EpochMetrics>,
): Promise<SftEpoch[] | undefined> {
  if (!existsSync(checkpoint)) return undefined;
  const last = await epochOf(checkpoint);
  const epochs = (await log.records()).filter(({ epoch }) => epoch <= last);
  if (epochs.length !== last + 1) return undefined;
  await training.load(checkpoint);
  return epochs;
}

async function epochOf(checkpoint: string): Promise<number> {
  const file = await openSafetensors(checkpoint);
  await file.close();
  return Number(file.metadata.get("epoch"));
}

/** One point of the training curve: shown, never used to choose. */
async function curvePoint(options: AmortizeOptions, training: Training): Promise<Partial<EpochMetrics>> {
  const { policy, task, split, curveSamples, temperature, maxTokens, seed, signal } = options;
  if (curveSamples === 0 || split.test.length === 0) return {};
  const adapted = await policy.withAdapter(training.adapter, ADAPTER);
  try {
    const requests = split.test.flatMap((prompt) =>
      Array.from({ length: curveSamples }, (_, index) => ({ prompt, index })),
    );
    const responses: Response[] = [];
    for await (const response of adapted.sample(requests, {
      temperature,
      maxTokens,
      seed,
      ...(signal && { signal }),
    })) {
      responses.push(response);
    }
    return measureEpoch({
      task,
      prompts: split.test,
      responses: await underBase(options, responses),
      seed,
    });
  } finally {
    await adapted.dispose();
  }
}

/** The adapter's own samples and greedy responses on the test prompts, and what they say beside the base's. */
async function measureTrained(
  options: AmortizeOptions,
  adapterDir: string,
): Promise<ReturnType<typeof measureAdapter>> {
  const { policy, task, run, split, pools, greedy, seed } = options;
  const adapted = await policy.withAdapter(await loadAdapter(adapterDir), ADAPTER);
  try {
    const drawn = await drawResponses(
      await run.responseLog(ADAPTER),
      adapted,
      split.test,
      options,
      "sampling the adapter",
    );
    const best = await drawGreedy(
      await run.greedyLog(ADAPTER),
      adapted,
      split.test,
      options,
      "adapter, greedy",
    );
    return measureAdapter({
      task,
      pools,
      greedy,
      seed,
      runs: [
        {
          responses: await underBase(options, drawn.flat(), options.onProgress),
          greedy: await underBase(options, best),
        },
      ],
    });
  } finally {
    await adapted.dispose();
  }
}

/** Responses of an adapter to test prompts, with their log-likelihood under the base. */
async function underBase(
  { policy, split, signal }: AmortizeOptions,
  responses: readonly Response[],
  onProgress?: DrawSettings["onProgress"],
): Promise<AdapterResponse[]> {
  const byId = new Map(split.test.map((prompt) => [prompt.id, prompt]));
  const scored: AdapterResponse[] = [];
  for (let i = 0; i < responses.length; i += SCORE_BATCH) {
    throwIfStopped(signal, "Scoring");
    const batch = responses.slice(i, i + SCORE_BATCH);
    const rows = await policy.logProb(
      batch.map(({ promptId, tokens }) => ({ prompt: byId.get(promptId)!, tokens })),
    );
    batch.forEach((response, k) =>
      scored.push({ ...response, baseLogProb: sequenceLogProb({ logProbs: Array.from(rows[k]!) }) }),
    );
    onProgress?.({ stage: "scoring under the base", done: scored.length, total: responses.length });
  }
  return scored;
}
