import type { Json } from "../run/config.js";
import { FULL_LEARNING_RATE, PAPER_SFT, type FitOptions } from "../sharpen/fit-adapter.js";
import type { Method } from "../sharpen/methods/method.js";
import { ownSettings } from "../sharpen/methods/options.js";
import { presetOf, type Preset } from "../sharpen/presets.js";
import type { MethodTraining } from "../sharpen/sharpen-task.js";
import type { TrainingRecord } from "../sharpen/training-record.js";
import { ALL_LINEARS } from "../transformer/decoder/lora.js";
import { DEFAULT_CURVE_SAMPLES } from "./defaults.js";
import { givenOwn, ownFlag } from "./method-options.js";
import type { TRAINING, Values } from "./options.js";
import { OPTIONS } from "./options.js";
import { shellLine } from "./command-line.js";

/** Options with every default filled in, by the names of the options' table; null for "all", "none" or "computed". */
export type Settings = { readonly [name: string]: Json };

/** How an adapter is to be trained, every default filled in. */
export interface TrainingSettings extends MethodTraining {
  readonly curveSamples: number;
}

/** Where settings that are not given come from. */
export interface SettingsSource {
  /** N of the run. */
  readonly n: number;
  readonly seed: number;
  readonly preset: Preset | undefined;
  readonly recorded?: TrainingRecord | undefined;
}

/**
 * Training settings of a method: what was given, else what the run's adapter was begun with, else what is known to suit the
 * model and the task, else the paper's.
 */
export function trainingSettings(
  method: Method,
  values: Values<(typeof TRAINING)[number]>,
  { n, seed, preset: presets, recorded }: SettingsSource,
): TrainingSettings {
  const preset = presetOf(presets, method);
  const before = Object.entries({ ...recorded?.own }).filter(([, value]) => value !== null);
  const { trainN } = method;
  return {
    method,
    trainN:
      values.trainN ??
      recorded?.trainN ??
      preset?.trainN ??
      (trainN.default === "n" ? Math.max(n, trainN.least) : trainN.default),
    trainPrompts: values.trainPrompts ?? recorded?.trainPrompts ?? preset?.trainPrompts,
    curveSamples: values.curveSamples ?? recorded?.curveSamples ?? DEFAULT_CURVE_SAMPLES,
    own: ownSettings(method.options, {
      ...preset?.own,
      ...(Object.fromEntries(before) as Record<string, number>),
      ...givenOwn(method, values),
    }),
    fit: {
      ...fitSettings(values, preset, recorded?.fit, seed),
      patience: values.patience ?? recorded?.fit.patience ?? preset?.patience ?? method.patience,
      keep: values.keep ?? recorded?.fit.keep ?? preset?.keep ?? method.keep ?? PAPER_SFT.keep,
    },
  };
}

function fitSettings(
  values: Values<(typeof TRAINING)[number]>,
  preset: Partial<FitOptions> | undefined,
  recorded: Partial<FitOptions> | undefined,
  seed: number,
): TrainingSettings["fit"] {
  const full = values.full === true || recorded?.full === true;
  const base = { ...(full ? withoutLora(preset) : preset), ...recorded };
  const rate = full ? FULL_LEARNING_RATE : PAPER_SFT.learningRate;
  const start = values.start ?? base.start;
  return {
    epochs: values.epochs ?? base.epochs ?? PAPER_SFT.epochs,
    batchSize: values.batchSize ?? base.batchSize ?? PAPER_SFT.batchSize,
    learningRate: values.learningRate ?? base.learningRate ?? rate,
    schedule: values.schedule ?? base.schedule ?? PAPER_SFT.schedule,
    warmup: base.warmup ?? PAPER_SFT.warmup,
    clipNorm: values.clipNorm ?? base.clipNorm ?? PAPER_SFT.clipNorm,
    weightDecay: values.weightDecay ?? base.weightDecay ?? PAPER_SFT.weightDecay,
    ...(full ? givenLora(values) : loraSettings(values, base)),
    ...(start !== undefined && { start }),
    seed,
  };
}

type LoraSettings = Pick<FitOptions, "full" | "rank" | "alpha" | "targetModules">;

function loraSettings(values: Values<(typeof TRAINING)[number]>, base: Partial<FitOptions>): LoraSettings {
  const rank = values.rank ?? base.rank ?? PAPER_SFT.rank;
  return {
    rank,
    // An α that was recorded belongs to the rank that was recorded.
    alpha: values.alpha ?? (values.rank === undefined ? base.alpha : undefined) ?? 2 * rank,
    targetModules: values.targetModules ?? base.targetModules ?? ALL_LINEARS,
  };
}

/** Every weight is trained; what was given of an adapter is passed on, to be refused by its name. */
function givenLora({ rank, alpha, targetModules }: Values<(typeof TRAINING)[number]>): LoraSettings {
  return {
    full: true,
    ...(rank !== undefined && { rank }),
    ...(alpha !== undefined && { alpha }),
    ...(targetModules && { targetModules }),
  };
}

/** A preset of an adapter, without what suits an adapter alone. */
function withoutLora(preset: Partial<FitOptions> = {}): Partial<FitOptions> {
  const { rank: _, alpha: __, targetModules: ___, learningRate: ____, ...rest } = preset;
  return rest;
}

/** Training settings under the names of the options' table. */
export function trainingOptions({
  fit,
  trainN,
  trainPrompts,
  curveSamples,
  own,
}: TrainingSettings): Settings {
  const { seed: _, warmup: __, targetModules, ...numbers } = fit;
  const given = Object.entries({ trainN, trainPrompts, curveSamples, ...own }).map(
    ([name, value]) => [name, value ?? null] as const,
  );
  const targets = numbers.full ? {} : { targetModules: [...(targetModules ?? ALL_LINEARS)] };
  return { ...Object.fromEntries(given), ...numbers, ...targets };
}

/**
 * The settings in which all methods that have them agree, and so those that one command line gives them all: what was given
 * is among them, and the others come from presets and the paper.
 */
export function commonOptions(settings: readonly Settings[]): Settings {
  const names = [...new Set(settings.flatMap((options) => Object.keys(options)))];
  const agreed = names.flatMap((name): [string, Json][] => {
    const values = settings.flatMap((options) => (name in options ? [options[name]!] : []));
    const same = values.every((value) => JSON.stringify(value) === JSON.stringify(values[0]));
    return same ? [[name, values[0]!]] : [];
  });
  return Object.fromEntries(agreed);
}

/** The command line of these settings, all written out. */
export function writtenOut(words: readonly string[], settings: Settings): string {
  const line = [...words];
  for (const [name, value] of Object.entries(settings)) {
    // What is an object is for the record: the options that one line can give stand beside it.
    if (value === null || (typeof value === "object" && !Array.isArray(value))) continue;
    if (value === false) line.push(`--no-${name}`);
    else if (value === true) line.push(longFlag(name));
    else
      line.push(
        longFlag(name),
        Array.isArray(value) ? value.join(",") : JSON.stringify(value).replace(/^"(.*)"$/s, "$1"),
      );
  }
  return shellLine(line);
}

function longFlag(name: string): string {
  const flags = Object.hasOwn(OPTIONS, name)
    ? OPTIONS[name as keyof typeof OPTIONS].flags
    : `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return ownFlag(name) ?? /--[\w-]+(?= |$)/.exec(flags)?.[0] ?? `--${name}`;
}
