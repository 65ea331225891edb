import { InterruptedError, UsageError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import type { Trainer, Trainers } from "../policy/trainer.js";
import {
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  withWarmup,
  type Schedule,
} from "../graph/index.js";
import { ALL_LINEARS, TARGET_NAMES } from "../transformer/decoder/lora.js";
import { sequenceLogProbs, type FitBatch, type FitProblem, type Iterate } from "./fit-problem.js";
import { throwIfStopped } from "./interrupt.js";
import { hasEnded, keptEpoch, KEEPS, type Keep } from "./kept-epoch.js";

/**
 * How an adapter is fitted, whatever the objective. The defaults are the paper's for SFT-Sharpening (App. A.3): LoRA, learning
 * rate 3e−4 falling linearly to 0, gradient norm clipped at 0.1, batches of 4, 30 epochs, rank 16.
 */
export interface FitOptions {
  /** Passes over the examples; in XPO, in each round. Default 30 (paper). */
  readonly epochs?: number;
  /** Prompts a step, each with its chosen response, or with all its pairs. Default 4 (paper). */
  readonly batchSize?: number;
  /** Default 3e−4 (paper); where every weight is trained, 3e−5. */
  readonly learningRate?: number;
  /** Default `linear`, to 0 (paper). */
  readonly schedule?: "linear" | "cosine" | "constant";
  /** Steps of linear warm-up before the schedule. Default 0. */
  readonly warmup?: number;
  /** Joint gradient norm at most this. Default 0.1 (paper). */
  readonly clipNorm?: number;
  /** Decoupled. Default 0 (the paper uses 0 to 1, by model and task). */
  readonly weightDecay?: number;
  /** Whether every weight of the model is trained, in place of an adapter: rank, α and target modules are then not for it. Default: no. */
  readonly full?: boolean;
  /** LoRA rank. Default 16 (paper: 16, Mistral 8). */
  readonly rank?: number;
  /** LoRA α. Default 2·rank (the paper does not state it). */
  readonly alpha?: number;
  /** Linears that get an adapter. Default: all seven of a layer. */
  readonly targetModules?: readonly string[];
  /**
   * Training ends after so many iterates in a row without a new lowest validation loss; 0: never. Default 0 (paper). The learning
   * rate falls as if it went on, so that what is kept is the same either way.
   */
  readonly patience?: number;
  /**
   * Which iterate becomes the adapter: `best`, that with the lowest validation loss (default); `objective`, that with the highest J_β on
   * validation prompts (see `keptEpoch`); or the `last`.
   */
  readonly keep?: Keep;
  /**
   * An adapter of the run, by its method's name, that training begins at in place of the base: those of its parts that are no target
   * modules stay as they are.
   */
  readonly start?: string;
  /** Fixes the adapter's initial values and the order of the examples. */
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** What training tells while it goes, and where it continues from. */
export interface FitHooks<A = unknown> {
  /** The folder of the adapter that training begins at (`FitOptions.start`). */
  readonly from?: string | undefined;
  /** After each iterate, the base included: measure, store; `kept` says whether it is the one to keep so far. */
  readonly onEpoch?: (epoch: Iterate, trainer: Trainer<A>, kept: boolean) => Promise<void>;
  readonly onStep?: (step: number, steps: number, loss: number) => void;
  /**
   * Called to save a checkpoint: after each iterate's `onEpoch`, within an iterate where one is `due`, and when training is stopped.
   * @param epoch the last iterate that is done. @param unfinished how far the next is, where it was begun.
   */
  readonly checkpoint?: (trainer: Trainer<A>, epoch: Iterate, unfinished?: Unfinished) => Promise<void>;
  /** Asked after each step: whether what was learned since the last checkpoint is worth another. Absent: never. */
  readonly due?: () => boolean;
  /** Loads a checkpoint into a fresh training; returns where that was, undefined to start anew. */
  readonly restore?: (trainer: Trainer<A>) => Promise<Restored | undefined>;
}

/** How far an iterate is: its steps so far, with the sum of their losses, each times its batch's size, and of these sizes. */
export interface Unfinished {
  readonly steps: number;
  readonly total: number;
  readonly size: number;
}

/** Where training goes on: the iterates that are done, and how far the next is. */
export interface Restored {
  readonly epochs: readonly Iterate[];
  readonly unfinished?: Unfinished | undefined;
}

/** The result of a training. */
export interface FitResult<A = unknown> {
  /** The kept iterate: a copy, not touched any more. Undefined if it was kept in an earlier process (see `restore`). */
  readonly adapter: A | undefined;
  readonly epochs: readonly Iterate[];
  readonly keptEpoch: number;
}

/** The paper's settings (App. A.3), which hold wherever none are given; warm-up and weight decay are 0, and the best is kept. */
export const PAPER_SFT = {
  epochs: 30,
  batchSize: 4,
  learningRate: 3e-4,
  schedule: "linear",
  warmup: 0,
  clipNorm: 0.1,
  weightDecay: 0,
  rank: 16,
  patience: 0,
  keep: "best",
} as const satisfies Partial<FitOptions>;

/** Where every weight is trained: a tenth of LoRA's, as pretrained models are commonly fine-tuned. */
export const FULL_LEARNING_RATE = 3e-5;

/**
 * Epochs without a lower validation loss after which a method of epochs ends, unless it says otherwise: the iterate with the lowest
 * is kept, and the embedded model has it after two of the paper's thirty (docs/log.md).
 */
export const DEFAULT_PATIENCE = 3;

const SCHEDULES: Readonly<Record<NonNullable<FitOptions["schedule"]>, Schedule>> = {
  linear: linearSchedule,
  cosine: cosineSchedule,
  constant: constantSchedule,
};

/** Settings of which none is left open but the target modules. */
export type FitSettings = Required<Omit<FitOptions, "targetModules" | "signal" | "start" | "full">> &
  Pick<FitOptions, "targetModules" | "signal" | "start" | "full">;

/**
 * Fits an adapter to a problem with AdamW and keeps the iterate with the lowest validation loss, or the last. A step needs the
 * objective's derivative by each sequence's log-probability: where that is not constant, a scoring pass finds it first.
 * @throws UsageError for settings out of range; ModelError when training diverges; InterruptedError once `signal` has fired.
 */
export async function fitAdapter<E, A>(
  trainers: Trainers<A>,
  problem: FitProblem<E>,
  options: FitOptions,
  hooks: FitHooks<A> = {},
): Promise<FitResult<A>> {
  const settings = checkFit(options);
  const { rank, alpha, full, clipNorm, weightDecay, keep, seed } = settings;
  const targetModules = problem.targets ?? settings.targetModules;
  const shape = { rank, alpha, ...(targetModules && { targetModules }), ...(full && { full }) };
  const { from } = hooks;
  const start = (): Promise<Trainer<A>> =>
    trainers.start({ ...shape, clipNorm, weightDecay, seed, ...(from !== undefined && { from }) });
  let trainer = await start();
  try {
    const restored = await hooks.restore?.(trainer);
    if (restored === undefined && trainer.steps > 0) {
      // What was loaded is not to be continued.
      await trainer.dispose();
      trainer = await start();
    }
    const epochs: Iterate[] = [...(restored?.epochs ?? [])];
    let kept: A | undefined;
    const finish = async (epoch: Iterate): Promise<void> => {
      epochs.push(epoch);
      const keeps = keptEpoch(epochs, keep) === epoch.epoch;
      if (keeps) kept = await trainer.adapter();
      await hooks.onEpoch?.(epoch, trainer, keeps);
      await hooks.checkpoint?.(trainer, epoch);
    };
    if (epochs.length === 0) await finish({ epoch: 0, ...(await problem.judge(trainer, 0)) });
    let { unfinished } = restored ?? {};
    while (!hasEnded(epochs, problem.iterates, settings.patience, keep)) {
      await finish(await nextIterate(trainer, problem, epochs.at(-1)!, settings, hooks, unfinished));
      unfinished = undefined;
    }
    return { adapter: kept, epochs, keptEpoch: keptEpoch(epochs, keep) };
  } finally {
    await trainer.dispose();
  }
}

/**
 * The settings with their defaults filled in: to be called before hours of drawing, not after.
 * @throws UsageError naming the first that is out of range.
 */
export function checkFit(options: FitOptions): FitSettings {
  const { rank = PAPER_SFT.rank, full = false } = options;
  const learningRate = full ? FULL_LEARNING_RATE : PAPER_SFT.learningRate;
  const settings: FitSettings = { ...PAPER_SFT, learningRate, alpha: 2 * rank, ...options, rank };
  if (full) refuseLora(options);
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
  for (const name of ["warmup", "patience"] as const) {
    if (!Number.isInteger(settings[name]) || settings[name] < 0)
      throw new UsageError(`${name} must be a whole number of at least 0, not ${settings[name]}.`);
  }
  checkNames(settings);
  return settings;
}

/** @throws UsageError for settings of an adapter where every weight is trained. */
function refuseLora({ rank, alpha, targetModules }: FitOptions): void {
  const given = Object.entries({ rank, alpha, targetModules }).find(([, value]) => value !== undefined)?.[0];
  if (given !== undefined)
    throw new UsageError(
      `Full fine-tuning trains every weight, so there is no ${given} to set; leave it out.`,
    );
}

function checkNames({ schedule, keep, targetModules = ALL_LINEARS }: FitSettings): void {
  if (!KEEPS.includes(keep))
    throw new UsageError(`There is no way to keep "${keep as string}"; use ${KEEPS.join(", ")}.`);
  if (!Object.hasOwn(SCHEDULES, schedule))
    throw new UsageError(`There is no schedule "${schedule}"; use ${Object.keys(SCHEDULES).join(", ")}.`);
  const unknown = targetModules.find((name) => !TARGET_NAMES.includes(name));
  if (unknown !== undefined || targetModules.length === 0)
    throw new UsageError(
      `The adapter needs target modules among ${TARGET_NAMES.join(", ")}, not "${unknown ?? ""}".`,
    );
}

/** Learns and judges the iterate after `last`, from where it was left. Stopped on the way, what was learned of it is kept. */
async function nextIterate<E, A>(
  trainer: Trainer<A>,
  problem: FitProblem<E>,
  last: Iterate,
  settings: FitSettings,
  { onStep, due, checkpoint }: FitHooks<A>,
  unfinished: Unfinished = { steps: 0, total: 0, size: 0 },
): Promise<Iterate> {
  const epoch = last.epoch + 1;
  let [reached, saved] = [unfinished, unfinished];
  const save = async (): Promise<void> => {
    if (reached.steps === saved.steps || problem.wholeIterates) return;
    await checkpoint?.(trainer, last, reached);
    saved = reached;
  };
  try {
    for await (const taken of takeSteps(trainer, problem, epoch, settings, unfinished)) {
      reached = taken.unfinished;
      onStep?.(taken.step, taken.steps, taken.loss);
      if (due?.()) await save();
    }
    return { epoch, trainLoss: reached.total / reached.size, ...(await problem.judge(trainer, epoch)) };
  } catch (error) {
    // Who stops training is told that it was stopped, even where that cannot be written.
    if (error instanceof InterruptedError) await save().catch(() => undefined);
    throw error;
  }
}

/** A step that was taken: its place among all of the training, its loss, and how far the iterate is with it. */
interface TakenStep {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly unfinished: Unfinished;
}

/** The steps that make iterate t, but for those that were taken before. */
async function* takeSteps<E>(
  trainer: Trainer,
  problem: FitProblem<E>,
  t: number,
  { batchSize, schedule, warmup, seed, signal, learningRate }: FitSettings,
  before: Unfinished,
): AsyncGenerator<TakenStep> {
  const stepsOf = (iterate: number): number =>
    iterate < 1 ? 0 : problem.passes * Math.ceil(problem.count(iterate) / batchSize);
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  const first = sum(Array.from({ length: t }, (_, i) => stepsOf(i)));
  const steps = sum(Array.from({ length: problem.iterates + 1 }, (_, i) => stepsOf(i)));
  const rateAt = withWarmup(SCHEDULES[schedule], warmup);
  const examples = await problem.examples(t, trainer);
  let unfinished = before;
  let place = 0;
  for (let pass = 1; pass <= problem.passes; pass++) {
    const number = (t - 1) * problem.passes + pass;
    const order = randomStream(seed, `examples of epoch ${number}`).shuffle(examples);
    for (let at = 0; at < order.length; at += batchSize) {
      if (place++ < before.steps) continue;
      throwIfStopped(signal, "Training");
      const batch = problem.batch(order.slice(at, at + batchSize));
      const step = first + place;
      const loss = await takeStep(trainer, batch, learningRate * rateAt(step - 1, steps));
      const { total, size } = unfinished;
      unfinished = { steps: place, total: total + loss * batch.size, size: size + batch.size };
      yield { step, steps, loss, unfinished };
    }
  }
}

/** @returns the loss before the step. */
async function takeStep(
  trainer: Trainer,
  { sequences, objective }: FitBatch,
  learningRate: number,
): Promise<number> {
  const { constantGradient } = objective;
  // ∂/∂log π of a sequence is that of each of its tokens.
  const weights = (gradient: Float64Array): number[][] =>
    sequences.map(({ tokens }, i) => tokens.map(() => -gradient[i]!));
  const { loss, gradient } = constantGradient
    ? { loss: undefined, gradient: constantGradient }
    : objective.evaluate(await sequenceLogProbs(trainer, sequences));
  const weighted = await trainer.forwardBackward(sequences, weights(gradient));
  await trainer.optimStep(learningRate);
  return loss ?? weighted;
}
