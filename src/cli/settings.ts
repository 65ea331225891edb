import type { Json } from "../run/manifest.js";
import type { Preset } from "../sharpen/presets.js";
import { PAPER_SFT, type SftOptions } from "../sharpen/sft.js";
import type { TrainingRecord } from "../sharpen/training-record.js";
import { ALL_LINEARS } from "../transformer/lora.js";
import { DEFAULT_CURVE_SAMPLES } from "./defaults.js";
import type { TRAINING, Values } from "./options.js";
import { OPTIONS } from "./options.js";
import { shellLine } from "./command-line.js";

/** Options with every default filled in, by the names of the options' table; null for "all" or "none". */
export type Settings = { readonly [name: string]: Json };

/** How an adapter is to be trained, every default filled in. */
export type TrainingSettings = Omit<TrainingRecord, "command" | "reward">;

/**
 * Training settings: what was given, else what the run's adapter was begun with, else what is known to suit the model
 * and the task, else the paper's.
 */
export function trainingSettings(
  values: Values<(typeof TRAINING)[number]>,
  from: {
    readonly n: number;
    readonly seed: number;
    readonly preset: Preset | undefined;
    readonly recorded?: TrainingRecord | undefined;
  },
): TrainingSettings {
  const { recorded, preset } = from;
  const base: Partial<SftOptions> = { ...preset?.sft, ...recorded?.sft };
  const rank = values.rank ?? base.rank ?? PAPER_SFT.rank;
  return {
    trainN: values.trainN ?? recorded?.trainN ?? from.n,
    trainPrompts: values.trainPrompts ?? recorded?.trainPrompts ?? null,
    curveSamples: values.curveSamples ?? recorded?.curveSamples ?? DEFAULT_CURVE_SAMPLES,
    sft: {
      epochs: values.epochs ?? base.epochs ?? PAPER_SFT.epochs,
      batchSize: values.batchSize ?? base.batchSize ?? PAPER_SFT.batchSize,
      learningRate: values.learningRate ?? base.learningRate ?? PAPER_SFT.learningRate,
      schedule: values.schedule ?? base.schedule ?? PAPER_SFT.schedule,
      warmup: base.warmup ?? PAPER_SFT.warmup,
      clipNorm: values.clipNorm ?? base.clipNorm ?? PAPER_SFT.clipNorm,
      weightDecay: values.weightDecay ?? base.weightDecay ?? PAPER_SFT.weightDecay,
      rank,
      // An α that was recorded belongs to the rank that was recorded.
      alpha: values.alpha ?? (values.rank === undefined ? base.alpha : undefined) ?? 2 * rank,
      targetModules: values.targetModules ?? base.targetModules ?? ALL_LINEARS,
      seed: from.seed,
    },
  };
}

/** Training settings under the names of the options' table. */
export function trainingOptions({ sft, ...rest }: TrainingSettings): Settings {
  const { seed: _, warmup: __, targetModules, ...numbers } = sft;
  return { ...rest, ...numbers, targetModules: [...(targetModules ?? ALL_LINEARS)] };
}

/** The command line of these settings, all written out. */
export function writtenOut(words: readonly string[], settings: Settings): string {
  const line = [...words];
  for (const [name, value] of Object.entries(settings)) {
    if (value === null) continue;
    if (value === false) line.push(`--no-${name}`);
    else
      line.push(
        longFlag(name),
        Array.isArray(value) ? value.join(",") : JSON.stringify(value).replace(/^"(.*)"$/s, "$1"),
      );
  }
  return shellLine(line);
}

function longFlag(name: string): string {
  const flags = Object.hasOwn(OPTIONS, name) ? OPTIONS[name as keyof typeof OPTIONS].flags : `--${name}`;
  return /--[\w-]+/.exec(flags)?.[0] ?? `--${name}`;
}
