import { presetOf, presets } from "../sharpen/presets.js";
import { DEFAULT_PATIENCE, FULL_LEARNING_RATE, PAPER_SFT } from "../sharpen/fit-adapter.js";
import { KEEPS } from "../sharpen/kept-epoch.js";
import type { Method } from "../sharpen/methods/method.js";
import { methods } from "../sharpen/methods/registry.js";
import { TARGET_NAMES } from "../transformer/decoder/lora.js";
import { DEFAULT_METHODS } from "./defaults.js";
import { flag, option, type OptionSpec } from "./option-spec.js";
import { atLeastZero, oneOf, positive, someOf, someParts, text, wholeNumber, type Parse } from "./values.js";

type FitNumber = "epochs" | "batchSize" | "learningRate" | "clipNorm" | "weightDecay" | "rank";

/** An option of training, whose default is the paper's unless a preset of the model and task says otherwise. */
function trained(
  name: FitNumber,
  flags: string,
  description: string,
  parse: Parse<number>,
): OptionSpec<number> {
  const special = presets.flatMap((preset) => {
    const { model, task, source } = preset;
    const own = METHODS.flatMap((method) => {
      const value = presetOf(preset, method)?.[name];
      return value === undefined || value === PAPER_SFT[name] ? [] : [`${method.name} ${value}`];
    });
    return own.length === 0 ? [] : [`for ${model} on ${task} ${own.join(", ")}, ${source}`];
  });
  if (name === "learningRate") special.unshift(`${FULL_LEARNING_RATE} with --full`);
  const paper = name === "weightDecay" ? "" : ", paper App. A.3";
  return option(flags, description, parse, [`${PAPER_SFT[name]}${paper}`, ...special].join("; "));
}

const METHODS = Object.values(methods);

/** What the methods say of something, each after its name: `dpo: every two are a pair; …`; nothing of those that say nothing. */
const byMethod = (of: (method: Method) => string | undefined): string =>
  METHODS.flatMap((method) => {
    const said = of(method);
    return said === undefined ? [] : [`${method.name}: ${said}`];
  }).join("; ");

/** The names of the methods for which something holds, joined by "and". */
const those = (holds: (method: Method) => boolean): string =>
  METHODS.filter(holds)
    .map(({ name }) => name)
    .join(", ")
    .replace(/, ([^,]*)$/, " and $1");

/** What is trained, and how. */
export const TRAINING_OPTIONS = {
  methods: option(
    "--method, --methods <names|module.js>",
    `what to train, repeated or with commas: ${METHODS.map(({ name, brief }) => `${name} (${brief})`).join(", ")}, or your own module`,
    someParts(Object.keys(methods), "method"),
    [
      DEFAULT_METHODS.join(","),
      ...presets.map(
        ({ model, task, methods: own }) => `${(own ?? DEFAULT_METHODS).join(",")} for ${model} on ${task}`,
      ),
    ].join("; "),
  ),
  trainPrompts: option(
    "--train-prompts <count>",
    "learn from the first <count> training prompts only",
    wholeNumber(1),
    "all",
  ),
  trainN: option(
    "--train-n <count>",
    `responses drawn per training prompt; ${byMethod(({ trainN }) => trainN.help)}`,
    wholeNumber(1),
    `N for ${those(({ trainN }) => trainN.default === "n")}; ${[
      ...new Map(
        METHODS.flatMap(({ trainN }) => (trainN.default === "n" ? [] : [[trainN.default, trainN.source]])),
      ),
    ]
      .map(([count, source]) =>
        [`${count} for ${those(({ trainN }) => trainN.default === count)}`, source ?? []].flat().join(", "),
      )
      .join("; ")}, or the preset's`,
  ),
  curveSamples: option(
    "--curve-samples <count>",
    "samples per prompt for each point of the training curve; 0 for none",
    wholeNumber(0),
    "4",
  ),
  epochs: trained(
    "epochs",
    "--epochs <count>",
    `passes over the examples; ${those(({ iterate }) => iterate === "round")}: in each round`,
    wholeNumber(1),
  ),
  batchSize: trained(
    "batchSize",
    "--batch-size <count>",
    "prompts per step, each with its response or its pairs",
    wholeNumber(1),
  ),
  learningRate: trained("learningRate", "--learning-rate <number>", "AdamW's step size", positive()),
  clipNorm: trained("clipNorm", "--clip-norm <number>", "clip the joint gradient norm to this", positive()),
  weightDecay: trained("weightDecay", "--weight-decay <number>", "decoupled weight decay", atLeastZero),
  full: flag(
    "--full",
    "train every weight of a small model in place of a LoRA adapter; what is written is a model, for --model",
  ),
  rank: trained("rank", "--rank <count>", "LoRA's rank", wholeNumber(1)),
  alpha: option("--alpha <number>", "LoRA's α", positive(), "twice the rank; the paper does not say"),
  targetModules: option(
    "--target-modules <names>",
    `what the adapter changes: ${TARGET_NAMES.join(", ")}; norm (the final one) and lm_head are trained whole, and temperature is one number that multiplies the final norm`,
    someOf(TARGET_NAMES, "target"),
    "all linear layers",
  ),
  schedule: option(
    "--schedule <name>",
    "how the learning rate falls: linear, cosine or constant",
    oneOf(["linear", "cosine", "constant"] as const),
    "linear to 0, paper App. A.3",
  ),
  patience: option(
    "--patience <count>",
    "stop training after this many epochs without a lower validation loss; 0: never",
    wholeNumber(0),
    [
      `${DEFAULT_PATIENCE}`,
      ...METHODS.flatMap(({ name, patience }) =>
        patience === DEFAULT_PATIENCE ? [] : [`${name} ${patience}`],
      ),
    ].join("; "),
  ),
  start: option(
    "--start <adapter>",
    "the adapter of the run, by its method's name, at which training begins; whatever of it is not a target module stays as it is",
    text,
    "the base",
  ),
  keep: option(
    "--keep <which>",
    "the iterate that becomes the adapter: best (lowest validation loss; the base is one of them), objective (highest J_β = E[r] − β·KL on " +
      "validation prompts, where that is above the base's by a standard error and nothing has collapsed) or last",
    oneOf(KEEPS),
    `best; ${those(({ keep }) => keep === "objective")} objective`,
  ),
} as const satisfies Readonly<Record<string, OptionSpec<unknown>>>;
