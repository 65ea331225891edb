import type { Method } from "../../sharpen/methods/method.js";
import { methodNamed, methods } from "../../sharpen/methods/registry.js";
import { rewardNamed } from "../../reward/registry.js";
import { presetFor, presetOf } from "../../sharpen/presets.js";
import { reproduceAmortized, type AmortizedOptions } from "../../reproduce/amortized.js";
import { labelOf } from "../../reproduce/cells.js";
import { PAPER_METHOD, paperPreset } from "../../reproduce/paper-settings.js";
import { sweptMethods, type Swept } from "../../reproduce/sweep.js";
import { defineCommand } from "../command.js";
import { DEFAULT_CURVE_SAMPLES } from "../defaults.js";
import { givenOwn, methodOptions } from "../method-options.js";
import { TRAINING, type Values } from "../options.js";
import { interruptible } from "../outcome.js";
import { trainingSettings } from "../settings.js";
import { localModels, resumeSuite, SUITE, suiteSettings, tellSuite } from "./reproduce.js";

/** As in the paper (App. A.3, figure 9). */
const PAPER_SEEDS = 3;
const PAPER_TRAIN_NS = [10, 25, 50];

/** The paper trains to the end, and the curves show every epoch. */
const NOT_ASKED = ["trainN", "patience", "keep"] as const;
type TrainingName = Exclude<(typeof TRAINING)[number], (typeof NOT_ASKED)[number]>;
const OWN = TRAINING.filter((name): name is TrainingName => !NOT_ASKED.some((other) => other === name));
const NAMES = [
  ...SUITE,
  ...OWN,
  "suiteMethods",
  "rewards",
  "trainNs",
  "trainingSeeds",
  "redraw",
  "sweep",
] as const;

/** `whetstone reproduce amortized`: the paper's figures 7 to 9 and tables 1 and 2. */
export const reproduceAmortizedCommand = defineCommand({
  usage: "amortized",
  summary: "the paper's figures 7 to 9 and tables 1 and 2: SFT-Sharpening of each model on each task",
  details:
    "Trains, for each model, task, N and seed, the most likely of N responses into a LoRA adapter, in an ordinary run folder, " +
    "with the paper's settings for the model and task, or a preset's, and samples it at temperature 1. With --methods and --rewards, other ways " +
    "to train and what other self-rewards prefer stand beside it or in its place. Otherwise as `reproduce inference`.",
  options: NAMES,
  own: methodOptions(Object.values(methods)),
  examples: [
    ["reproduce amortized", "the embedded model on its task"],
    ["reproduce amortized --train-n 50 --seeds 1 --epochs 1", "small, without figure 9"],
    [
      `reproduce amortized --methods ${Object.keys(methods).slice(0, 2).join(",")} --train-n 8`,
      "two ways to train, side by side",
    ],
    [
      "reproduce amortized --rewards log-likelihood,self-certainty --train-n 8",
      "what two self-rewards prefer, side by side",
    ],
    ["reproduce amortized --redraw --train-n 50", "three seeds, of drawing as well as of training"],
    ["reproduce amortized --sweep paper --train-n 50", "the ranks and weight decays of the paper's tables"],
    [
      "reproduce amortized --methods xpo --sweep optimism=0,0.04,0.5 --train-n 8",
      "what exploration does, and nothing else",
    ],
  ],
  run: async (_words, values, context) => {
    const out = values.out ?? "runs/reproduce-amortized";
    const settings = suiteSettings(values, localModels(values, context), context);
    const named = values.methods?.map(methodNamed);
    const variants = values.sweep && sweptMethods(named ?? [methodNamed(PAPER_METHOD)], values.sweep);
    const sweptBy = new Map(variants?.map(({ method, swept }) => [method.name, swept]));
    const result = await interruptible(
      context,
      () => resumeSuite(context.args),
      () =>
        reproduceAmortized({
          ...settings,
          out,
          seeds: values.seeds ?? PAPER_SEEDS,
          methods: variants?.map(({ method }) => method) ?? named,
          rewards: values.rewards?.map(rewardNamed),
          trainNs: values.trainN ?? PAPER_TRAIN_NS,
          trainPrompts: values.trainPrompts,
          redraw: values.redraw,
          curveSamples: values.curveSamples ?? DEFAULT_CURVE_SAMPLES,
          training: (method, model, task) =>
            withSwept(trainingOf(values, method, model, task), sweptBy.get(method.name)),
        }),
    );
    await tellSuite(context, out, result);
  },
});

/** What was given, else the paper's for this very model and task, else a preset's, else the paper's for all. */
function trainingOf(
  { trainN: _, ...values }: Values<(typeof NAMES)[number]>,
  method: Method,
  model: string,
  task: string,
): ReturnType<AmortizedOptions["training"]> {
  const [name, on] = [labelOf(model), labelOf(task)];
  const preset = paperPreset(name, on) ?? presetFor(name, on);
  const { fit, own } = trainingSettings(method, { ...values, patience: 0 }, { n: 1, seed: 0, preset });
  const { seed: __, ...rest } = fit;
  const given: string[] = OWN.filter(
    (option) => option !== "trainPrompts" && option !== "curveSamples",
  ).filter((option) => values[option] !== undefined);
  given.push(...Object.keys(givenOwn(method, values)));
  const source = preset && presetOf(preset, method) ? preset.source : "paper App. A.3";
  return {
    fit: rest,
    ...(own && { own }),
    source: given.length === 0 ? source : `${source}; ${given.join(", ")} as given`,
  };
}

/** A training with the settings of a point of a sweep in place of its own. */
function withSwept(
  training: ReturnType<AmortizedOptions["training"]>,
  swept: Swept | undefined,
): ReturnType<AmortizedOptions["training"]> {
  if (swept === undefined) return training;
  const own = { ...training.own, ...swept.own };
  return {
    fit: { ...training.fit, ...swept.fit },
    ...(Object.keys(own).length > 0 && { own }),
    source: `${training.source}; ${swept.words} as swept`,
  };
}
