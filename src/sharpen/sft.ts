import { UsageError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import type { ScoreRequest } from "../policy/policy.js";
import type { Training, TrainablePolicy } from "../policy/trainable.js";
import {
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  withWarmup,
  type Schedule,
} from "../graph/index.js";
import { ALL_LINEARS } from "../transformer/lora.js";
import type { LoraAdapter } from "../transformer/peft.js";
import { throwIfStopped } from "./interrupt.js";

/**
 * Settings of amortized training. The defaults are the paper's (App. A.3): LoRA, learning rate 3e−4 falling linearly to 0,
 * gradient norm clipped at 0.1, batches of 4, 30 epochs, rank 16.
 */
export interface SftOptions {
  /** Passes over the examples. Default 30 (paper). */
  readonly epochs?: number;
  /** Examples a step. Default 4 (paper). */
  readonly batchSize?: number;
  /** Default 3e−4 (paper). */
  readonly learningRate?: number;
  /** Default `linear`, to 0 (paper). */
  readonly schedule?: "linear" | "cosine" | "constant";
  /** Steps of linear warm-up before the schedule. Default 0. */
  readonly warmup?: number;
  /** Joint gradient norm at most this. Default 0.1 (paper). */
  readonly clipNorm?: number;
  /** Decoupled. Default 0 (the paper uses 0 to 1, by model and task). */
  readonly weightDecay?: number;
  /** LoRA rank. Default 16 (paper: 16, Mistral 8). */
  readonly rank?: number;
  /** LoRA α. Default 2·rank (the paper does not state it). */
  readonly alpha?: number;
  /** Linears that get an adapter. Default: all seven of a layer. */
  readonly targetModules?: readonly string[];
  /** Fixes the adapter's initial values and the order of the examples. */
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** One epoch of training. */
export interface SftEpoch {
  /** 0: before the first step. */
  readonly epoch: number;
  /** Mean −log π per token over the epoch's steps, in nats; absent at epoch 0. */
  readonly trainLoss?: number;
  /** Mean −log π per token on the validation examples, in nats. */
  readonly validationLoss: number;
}

/** What training tells while it goes, and where it continues from. */
export interface SftHooks {
  /** After each epoch, 0 included: measure, store; `kept` says whether it has the lowest validation loss so far. */
  readonly onEpoch?: (epoch: SftEpoch, training: Training, kept: boolean) => Promise<void>;
  readonly onStep?: (step: number, steps: number, loss: number) => void;
  /** Called after each epoch's `onEpoch`, to save a checkpoint. */
  readonly checkpoint?: (training: Training, epoch: SftEpoch) => Promise<void>;
  /** Loads a checkpoint into a fresh training; returns the epochs that are done, undefined to start anew. */
  readonly restore?: (training: Training) => Promise<readonly SftEpoch[] | undefined>;
}

/** The result of a training. */
export interface SftResult {
  /** The kept iterate: a copy, not touched any more. Undefined if it was kept in an earlier process (see `restore`). */
  readonly adapter: LoraAdapter | undefined;
  readonly epochs: readonly SftEpoch[];
  readonly keptEpoch: number;
}

/** The paper's settings (App. A.3), which hold wherever none are given; warm-up and weight decay are 0. */
export const PAPER_SFT = {
  epochs: 30,
  batchSize: 4,
  learningRate: 3e-4,
  schedule: "linear",
  warmup: 0,
  clipNorm: 0.1,
  weightDecay: 0,
  rank: 16,
} as const satisfies Partial<SftOptions>;

const SCHEDULES: Readonly<Record<NonNullable<SftOptions["schedule"]>, Schedule>> = {
  linear: linearSchedule,
  cosine: cosineSchedule,
  constant: constantSchedule,
};

/** Examples scored at once. */
const SCORE_BATCH = 256;

/**
 * SFT-Sharpening (paper §2.1): fits π̂ = argmax Σ log π(y^BoN | x) over a LoRA adapter, with AdamW, and keeps the iterate
 * with the lowest loss on validation prompts' own chosen responses, which needs no labels. Each step's loss is the mean
 * per response token of its batch, as in supervised fine-tuning everywhere.
 * @param examples prompts with their chosen responses' token ids; @param validation likewise, of other prompts.
 * @throws UsageError without examples, for one without tokens, or for settings out of range; InterruptedError once `signal`
 * has fired.
 */
export async function sftSharpen(
  policy: TrainablePolicy,
  examples: readonly ScoreRequest[],
  validation: readonly ScoreRequest[],
  options: SftOptions,
  hooks: SftHooks = {},
): Promise<SftResult> {
  const settings = checkSft(options);
  if (examples.length === 0)
    throw new UsageError("There is nothing to train on: no prompt has a chosen response.");
  const empty = [...examples, ...validation].find(({ tokens }) => tokens.length === 0);
  if (empty)
    throw new UsageError(`The response to prompt "${empty.prompt.id}" has no tokens to learn; leave it out.`);
  const { rank, alpha, targetModules, clipNorm, weightDecay, seed } = settings;
  const training = await policy.train({
    lora: { rank, alpha, ...(targetModules && { targetModules }) },
    clipNorm,
    weightDecay,
    seed,
  });
  try {
    const epochs: SftEpoch[] = [...((await hooks.restore?.(training)) ?? [])];
    let kept: LoraAdapter | undefined;
    const finish = async (epoch: SftEpoch): Promise<void> => {
      const best = epochs.every(({ validationLoss }) => epoch.validationLoss < validationLoss);
      epochs.push(epoch);
      if (best) kept = copyOf(training.adapter);
      await hooks.onEpoch?.(epoch, training, best);
      await hooks.checkpoint?.(training, epoch);
    };
    const judged = validation.length > 0 ? validation : examples;
    if (epochs.length === 0) await finish({ epoch: 0, validationLoss: await meanLoss(training, judged) });
    for (let epoch = epochs.length; epoch <= settings.epochs; epoch++) {
      const trainLoss = await runEpoch(training, examples, epoch, settings, hooks);
      await finish({ epoch, trainLoss, validationLoss: await meanLoss(training, judged) });
    }
    return { adapter: kept, epochs, keptEpoch: keptEpoch(epochs) };
  } finally {
    await training.dispose();
  }
}

/** The epoch with the lowest validation loss; the first of equals. */
export function keptEpoch(epochs: readonly Pick<SftEpoch, "epoch" | "validationLoss">[]): number {
  return epochs.reduce((best, epoch) => (epoch.validationLoss < best.validationLoss ? epoch : best)).epoch;
}

/** Settings of which none is left open but the target modules. */
export type Settings = Required<Omit<SftOptions, "targetModules" | "signal">> &
  Pick<SftOptions, "targetModules" | "signal">;

/**
 * The settings with their defaults filled in: to be called before hours of drawing, not after.
 * @throws UsageError naming the first that is out of range.
 */
export function checkSft(options: SftOptions): Settings {
  const { rank = PAPER_SFT.rank } = options;
  const settings: Settings = {
    ...PAPER_SFT,
    alpha: 2 * rank,
    ...options,
    rank,
  };
  for (const name of ["epochs", "batchSize", "rank"] as const) {
    if (!Number.isInteger(settings[name]) || settings[name] < 1) {
      throw new UsageError(`${name} must be a whole number of at least 1, not ${settings[name]}.`);
    }
  }
  for (const name of ["learningRate", "clipNorm", "alpha"] as const) {
    // A clip of Infinity is no clip.
    const finite = name === "clipNorm" || settings[name] < Infinity;
    if (!(settings[name] > 0 && finite))
      throw new UsageError(`${name} must be above 0, not ${settings[name]}.`);
  }
  if (!(settings.weightDecay >= 0 && settings.weightDecay < Infinity))
    throw new UsageError(`weightDecay must be at least 0, not ${settings.weightDecay}.`);
  if (!Number.isInteger(settings.warmup) || settings.warmup < 0)
    throw new UsageError(`warmup must be a whole number of at least 0, not ${settings.warmup}.`);
  checkNames(settings);
  return settings;
}

function checkNames({ schedule, targetModules = ALL_LINEARS }: Settings): void {
  if (!Object.hasOwn(SCHEDULES, schedule))
    throw new UsageError(`There is no schedule "${schedule}"; use ${Object.keys(SCHEDULES).join(", ")}.`);
  const known: readonly string[] = ALL_LINEARS;
  const unknown = targetModules.find((name) => !known.includes(name));
  if (unknown !== undefined || targetModules.length === 0)
    throw new UsageError(
      `The adapter needs target modules among ${known.join(", ")}, not "${unknown ?? ""}".`,
    );
}

async function runEpoch(
  training: Training,
  examples: readonly ScoreRequest[],
  epoch: number,
  settings: Settings,
  hooks: SftHooks,
): Promise<number> {
  const perEpoch = Math.ceil(examples.length / settings.batchSize);
  const steps = perEpoch * settings.epochs;
  const schedule = withWarmup(SCHEDULES[settings.schedule], settings.warmup);
  const order = randomStream(settings.seed, `examples of epoch ${epoch}`).shuffle(examples);
  let total = 0;
  let tokens = 0;
  for (let i = 0; i < perEpoch; i++) {
    throwIfStopped(settings.signal, "Training");
    const batch = order.slice(i * settings.batchSize, (i + 1) * settings.batchSize);
    const size = batch.reduce((sum, { tokens: response }) => sum + response.length, 0);
    const step = (epoch - 1) * perEpoch + i;
    const learningRate = settings.learningRate * schedule(step, steps);
    const { loss } = await training.step(
      batch,
      batch.map(() => 1 / size),
      learningRate,
    );
    total += loss * size;
    tokens += size;
    hooks.onStep?.(step + 1, steps, loss);
  }
  return total / tokens;
}

async function meanLoss(training: Training, examples: readonly ScoreRequest[]): Promise<number> {
  let total = 0;
  let tokens = 0;
  for (let i = 0; i < examples.length; i += SCORE_BATCH) {
    for (const row of await training.logProb(examples.slice(i, i + SCORE_BATCH))) {
      for (let t = 0; t < row.length; t++) total -= row[t]!;
      tokens += row.length;
    }
  }
  return total / tokens;
}

function copyOf(adapter: LoraAdapter): LoraAdapter {
  const weights = [...adapter.weights].map(
    ([name, pair]) => [name, { ...pair, a: pair.a.slice(), b: pair.b.slice() }] as const,
  );
  return { ...adapter, weights: new Map(weights) };
}
