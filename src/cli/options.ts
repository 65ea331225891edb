import { DEFAULT_METHODS, DEFAULT_REWARDS } from "./defaults.js";
import { rewards } from "../reward/registry.js";
import { presetOf, presets } from "../sharpen/presets.js";
import { DEFAULT_PATIENCE, KEEPS, PAPER_SFT } from "../sharpen/fit-adapter.js";
import type { Method } from "../sharpen/methods/method.js";
import { methods } from "../sharpen/methods/registry.js";
import { POWER_METHODS } from "../sharpen/power/draw-power.js";
import { graderDescriptions } from "../task/graders.js";
import { PROMPT_FILE_KINDS } from "../task/prompt-files.js";
import { DIALECTS } from "../policy/remote/dialects/index.js";
import { taskEntries } from "../task/registry.js";
import { rows } from "../theory/rows/index.js";
import { TARGET_NAMES } from "../transformer/decoder/lora.js";
import { grader } from "./grader.js";
import { QUANTIZE_OPTION } from "./quantize.js";
import { SUITE_OPTIONS, type RenamedInSuites } from "./suite-options.js";
import {
  atLeastZero,
  oneOf,
  onePart,
  positive,
  someOf,
  someParts,
  text,
  wholeNumber,
  type Parse,
} from "./values.js";

/** An option as it is parsed and as `--help` shows it: this table makes both. */
export interface OptionSpec<T> {
  /** As commander writes it: `-n, --n <count>`. */
  readonly flags: string;
  readonly description: string;
  /** Absent for a flag without a value. */
  readonly parse?: Parse<T>;
  /** Where the value comes from when it is not given, in words. */
  readonly otherwise?: string;
}

function option<T>(flags: string, description: string, parse: Parse<T>, otherwise?: string): OptionSpec<T> {
  return { flags, description, parse, ...(otherwise !== undefined && { otherwise }) };
}

function flag(flags: string, description: string): OptionSpec<boolean> {
  return { flags, description };
}

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

const rewardNames = Object.keys(rewards);

/** Every option of every command; a command names those that it takes. */
export const OPTIONS = {
  model: option(
    "--model <name|folder|file>",
    "an embedded model, a folder of Hugging Face layout, a .gguf file, or an id on the Hugging Face hub (organization/name, @revision)",
    text,
    "game24",
  ),
  baseUrl: option(
    "--base-url <url,…>",
    "the servers of --model openai:<name>, such as http://localhost:8000/v1; several share the work",
    text,
    "OPENAI_BASE_URL, or what listens on this machine where Ollama, llama-server and vLLM do",
  ),
  api: option(
    "--api <name>",
    `the servers' protocol: ${DIALECTS.map(({ name, description }) => `${name} (${description})`).join(", ")}`,
    oneOf(DIALECTS.map(({ name }) => name)),
    "chat; completions with --raw",
  ),
  ca: option(
    "--ca <file>",
    "certificates in PEM that servers may have besides those that everybody trusts",
    text,
    "none",
  ),
  raw: flag(
    "--raw",
    "give prompts to the model as they stand; otherwise a model with a chat template gets them as the user's message",
  ),
  concurrency: option("--concurrency <count>", "requests at once to each server", wholeNumber(1, 4096), "8"),
  stream: flag("--stream", "take responses from servers as streams: those that cannot be chosen end at once"),
  maxRequests: option(
    "--max-requests <count>",
    "a budget: requests to servers at most, retries included",
    wholeNumber(1),
    "no limit",
  ),
  maxTokensTotal: option(
    "--max-tokens-total <count>",
    "a budget: prompt and response tokens of servers at most",
    wholeNumber(1),
    "no limit",
  ),
  task: option(
    "--task <name|file|module.js>",
    `what the prompts are: ${taskEntries.map(({ name }) => name).join(", ")}, or your own file (${PROMPT_FILE_KINDS}) or module`,
    text,
    "game24",
  ),
  data: option(
    "--data <file|folder>",
    "the rows of a public data set's task, JSONL or Parquet; a folder has test.jsonl, train-00000-of-00001.parquet or the like",
    text,
    "what the Hugging Face cache has",
  ),
  rows: option(
    "--rows <count>",
    "the first so many rows of each split of a public data set's task",
    wholeNumber(1),
    "256, as in the paper",
  ),
  grader: option(
    "--grader <name|module.js>",
    `how your file's labels are compared with responses; ${graderDescriptions.join("; ")}; or your own module`,
    grader,
    "what suits the labels, and is told",
  ),
  orders: option(
    "--orders <count>",
    "game24: orders of its numbers in which each training puzzle is asked",
    wholeNumber(1, 24),
    [
      "1",
      ...presets.map(
        ({ model, task, source, orders }) => `${orders ?? 1} for ${model} on ${task}, ${source}`,
      ),
    ].join("; "),
  ),
  prompts: option("--prompts <count>", "measure on the first so many prompts", wholeNumber(1), "all"),
  trainPrompts: option(
    "--train-prompts <count>",
    "learn from the first so many training prompts",
    wholeNumber(1),
    "all",
  ),
  n: option("-n, --n <count>", "N: responses drawn per prompt", wholeNumber(1), "50, as in the paper"),
  reward: option(
    "--reward <names|module.js>",
    `self-rewards, repeated or with commas: ${rewardNames.join(", ")}, or your own module`,
    someParts(rewardNames, "reward"),
    DEFAULT_REWARDS.join(","),
  ),
  oneReward: option(
    "--reward <name|module.js>",
    `the self-reward that chooses: ${rewardNames.join(", ")}, or your own module`,
    onePart(rewardNames, "reward"),
    "log-likelihood",
  ),
  amortize: option<string | false>(
    "--amortize <reward>",
    "train what this self-reward prefers into an adapter",
    onePart(rewardNames, "reward"),
    "log-likelihood",
  ),
  noAmortize: flag("--no-amortize", "inference time only: train nothing"),
  adaptive: option(
    "--adaptive <delta>",
    "also measure adaptive best-of-N with this δ, at most N draws (paper eq. 10)",
    positive(1),
    "not measured",
  ),
  temperature: option(
    "--temperature <number>",
    "tokens are drawn from softmax(logits / temperature)",
    positive(),
    "1, as in the paper",
  ),
  maxTokens: option(
    "--max-tokens <count>",
    "the longest response, in tokens",
    wholeNumber(1),
    "the task's: 18 for game24, 512 for the others",
  ),
  seed: option("--seed <number>", "fixes everything that is random", wholeNumber(0), "0"),
  run: option(
    "--run <folder>",
    "the run folder",
    text,
    "runs/<task>-<number>, the next that is free; with --resume the last",
  ),
  resume: flag("--resume", "continue a run that was stopped or killed"),
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
    "prompts a step, each with its response or its pairs",
    wholeNumber(1),
  ),
  learningRate: trained("learningRate", "--learning-rate <number>", "AdamW's step size", positive()),
  clipNorm: trained("clipNorm", "--clip-norm <number>", "joint gradient norm at most this", positive()),
  weightDecay: trained("weightDecay", "--weight-decay <number>", "decoupled weight decay", atLeastZero),
  rank: trained("rank", "--rank <count>", "LoRA's rank", wholeNumber(1)),
  alpha: option("--alpha <number>", "LoRA's α", positive(), "twice the rank; the paper does not say"),
  targetModules: option(
    "--target-modules <names>",
    `what the adapter changes: linears, and norm (the final one) or lm_head, trained whole: ${TARGET_NAMES.join(", ")}`,
    someOf(TARGET_NAMES, "target"),
    "all linears",
  ),
  schedule: option(
    "--schedule <name>",
    "how the learning rate falls: linear, cosine or constant",
    oneOf(["linear", "cosine", "constant"] as const),
    "linear to 0, paper App. A.3",
  ),
  patience: option(
    "--patience <count>",
    "training ends after so many epochs without a lower validation loss; 0: never",
    wholeNumber(0),
    [
      `${DEFAULT_PATIENCE}`,
      ...METHODS.flatMap(({ name, patience }) =>
        patience === DEFAULT_PATIENCE ? [] : [`${name} ${patience}`],
      ),
    ].join("; "),
  ),
  keep: option(
    "--keep <which>",
    "the iterate that becomes the adapter: best (lowest validation loss; the base is one of them) or last",
    oneOf(KEEPS),
    "best",
  ),
  only: option(
    "--only <rows>",
    "statements by their ids, as --list names them, repeated or with commas",
    someOf(
      rows.map(({ id }) => id),
      "statement",
    ),
    "all",
  ),
  list: flag("--list", "list the statements and run nothing"),
  errata: flag("--errata", "print what the paper has wrong, each with a counterexample that is computed now"),
  thorough: flag("--thorough", "more and larger instances: up to an hour"),
  page: option("--page <file.html>", "where the page goes", text, "runs/theory.html"),
  reportPage: option("--page <file.html>", "where the page goes", text, "report.html in the run's folder"),
  ...QUANTIZE_OPTION,
  ...SUITE_OPTIONS,
  markdown: option(
    "--markdown <file.md>",
    "also write what was found as Markdown, with an index of the paper's statements",
    text,
    "not written",
  ),
  method: option(
    "--method <name>",
    "draw from π (base), or from π^α by Metropolis–Hastings (power) or sequential Monte Carlo (smc)",
    oneOf(["base", ...POWER_METHODS] as const),
    "base",
  ),
  powerAlpha: option("--alpha <number>", "power, smc: the exponent α, at least 1", positive(), "4"),
  moves: option("--moves <count>", "power: moves after each block", wholeNumber(1), "10, arXiv 2510.14901"),
  blocks: option("--blocks <count>", "power: parts in which a response grows", wholeNumber(1), "4"),
  particles: option("--particles <count>", "smc: particles behind each response", wholeNumber(1), "32"),
  all: flag("--all", "draw all N to their end and print each with its score"),
  threads: option(
    "--threads <count>",
    "threads of one operator",
    wholeNumber(1, 1024),
    "the machine's cores",
  ),
  json: flag("--json", "end with one JSON object on the last line of stdout; people's text goes to stderr"),
  verbose: flag("--verbose", "show the stack of an unexpected error"),
} as const satisfies Readonly<Record<string, OptionSpec<unknown>>>;

export type OptionName = keyof typeof OPTIONS;

type ValueOf<S> = S extends OptionSpec<infer T> ? T : never;

/** Names under which commander hands some of the options over. */
interface Renamed extends RenamedInSuites {
  readonly powerAlpha: "alpha";
  readonly oneReward: "reward";
  readonly reportPage: "page";
  readonly noAmortize: "amortize";
}

/** The values of a command's options, as given; undefined where not given. */
export type Values<K extends OptionName> = {
  readonly [P in K as P extends keyof Renamed ? Renamed[P] : P]?: P extends "noAmortize"
    ? false
    : ValueOf<(typeof OPTIONS)[P]>;
};

/** Options that every command takes. */
export const COMMON = ["json", "verbose"] as const satisfies readonly OptionName[];
/** A model behind servers. */
export const REMOTE = [
  "baseUrl",
  "api",
  "ca",
  "concurrency",
  "stream",
  "maxRequests",
  "maxTokensTotal",
] as const satisfies readonly OptionName[];
/** What is drawn, and from which model. */
export const DRAWING = [
  "model",
  "quantize",
  ...REMOTE,
  "raw",
  "task",
  "data",
  "rows",
  "grader",
  "orders",
  "prompts",
  "n",
  "temperature",
  "maxTokens",
  "seed",
  "threads",
] as const satisfies readonly OptionName[];
/** How responses are drawn from π^α. */
export const POWER = [
  "method",
  "powerAlpha",
  "moves",
  "blocks",
  "particles",
] as const satisfies readonly OptionName[];
/** How the choice is trained into an adapter. */
export const TRAINING = [
  "trainPrompts",
  "trainN",
  "epochs",
  "patience",
  "keep",
  "batchSize",
  "learningRate",
  "schedule",
  "clipNorm",
  "weightDecay",
  "rank",
  "alpha",
  "targetModules",
  "curveSamples",
] as const satisfies readonly OptionName[];
