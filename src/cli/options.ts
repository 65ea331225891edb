import { CONFIG_FILE, DEFAULT_REWARDS } from "./defaults.js";
import { rewards } from "../reward/registry.js";
import { presets } from "../sharpen/presets.js";
import { POWER_DEFAULTS, POWER_METHODS } from "../sharpen/power/draw-power.js";
import { graderDescriptions } from "../task/graders.js";
import { PROMPT_FILE_KINDS } from "../task/prompt-files.js";
import { BATCH_KINDS } from "../policy/remote/batch/kinds.js";
import { DIALECTS } from "../policy/remote/dialects/index.js";
import { taskEntries } from "../task/registry.js";
import { rows } from "../theory/rows/index.js";
import { ANSWER_OPTIONS, type RenamedInAnswer } from "./answer-options.js";
import { grader } from "./grader.js";
import { flag, option, type OptionSpec } from "./option-spec.js";
import { OPEN_OPTION } from "./open-page.js";
import { HOLDING_OPTIONS } from "./quantize.js";
import { RUN_OPTIONS, type RenamedInRuns } from "./run-options.js";
import { SERVE_OPTIONS, type RenamedInServe } from "./serve-options.js";
import { SUITE_OPTIONS, type RenamedInSuites } from "./suite-options.js";
import { TRAINER_OPTIONS } from "./trainer-options.js";
export { TRAINER } from "./trainer-options.js";
import { TRAINING_OPTIONS } from "./training-options.js";
import { oneOf, onePart, positive, someOf, someParts, text, wholeNumber } from "./values.js";

const rewardNames = Object.keys(rewards);

/** Every option of every command; a command names those that it takes. */
export const OPTIONS = {
  model: option(
    "-m, --model <name|folder|file>",
    "an embedded model, a folder of Hugging Face layout, a .gguf file, an id on the Hugging Face hub (organization/name, @revision), ollama:<name>, or openai:<name> behind a server",
    text,
    "game24",
  ),
  baseUrl: option(
    "--base-url <url,…>",
    "the servers behind --model openai:<name>, such as http://localhost:8000/v1; several share the work",
    text,
    "OPENAI_BASE_URL, or whatever listens on the usual ports of Ollama, llama-server and vLLM",
  ),
  api: option(
    "--api <name>",
    `the servers' protocol: ${DIALECTS.map(({ name, description }) => `${name} (${description})`).join(", ")}`,
    oneOf(DIALECTS.map(({ name }) => name)),
    "chat; completions with --raw",
  ),
  ca: option(
    "--ca <file>",
    "a PEM file of certificates to trust in addition to the usual ones",
    text,
    "none",
  ),
  raw: flag("--raw", "send prompts to the model as they are, not as the user's message in its chat template"),
  concurrency: option("--concurrency <count>", "requests at once to each server", wholeNumber(1, 4096), "8"),
  stream: flag("--stream", "stream responses from servers, and cut off those that can no longer be chosen"),
  batch: option(
    "--batch <folder>",
    "instead of drawing from --model openai:<name>, write the requests as batch files for `vllm run-batch` or a hosted batch API",
    text,
    "draw from the server",
  ),
  batchResults: option(
    "--batch-results <file|folder>",
    "take the responses from a batch's results, in any order; missing ones are counted",
    text,
    "none",
  ),
  batchFor: option(
    "--batch-for <name>",
    `what the batch files are written for: ${BATCH_KINDS.join(" or ")}`,
    oneOf(BATCH_KINDS),
    "vllm",
  ),
  batchLines: option("--batch-lines <count>", "requests per batch file", wholeNumber(1, 50_000), "1000"),
  maxRequests: option(
    "--max-requests <count>",
    "budget: at most this many requests to servers, retries included",
    wholeNumber(1),
    "no limit",
  ),
  maxTokensTotal: option(
    "--max-tokens-total <count>",
    "budget: at most this many prompt and response tokens on servers",
    wholeNumber(1),
    "no limit",
  ),
  task: option(
    "--task <name|file|module.js>",
    `what the prompts are: ${taskEntries.map(({ name }) => name).join(", ")}, or your own file (${PROMPT_FILE_KINDS}) or module; ` +
      "behind a public data set's name -zero-shot leaves out the example, and behind any name -transductive learns from the prompts that are measured, as the paper does",
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
    "use only the first <count> rows of each split of a public data set's task",
    wholeNumber(1),
    "256, as in the paper",
  ),
  grader: option(
    "--grader <name|module.js>",
    `how your file's labels are compared with responses; ${graderDescriptions.join("; ")}; or your own module`,
    grader,
    "the one that suits the labels; printed when it is chosen",
  ),
  skipLong: flag(
    "--skip-long",
    "leave out prompts that are too long for the model; without it, such a prompt is an error before anything is drawn",
  ),
  orders: option(
    "--orders <count>",
    "game24: in how many orders of its numbers each training puzzle is asked",
    wholeNumber(1, 24),
    [
      "1",
      ...presets.map(
        ({ model, task, source, orders }) => `${orders ?? 1} for ${model} on ${task}, ${source}`,
      ),
    ].join("; "),
  ),
  prompts: option("--prompts <count>", "measure on the first <count> prompts only", wholeNumber(1), "all"),
  n: option("-n, --n <count>", "N: responses drawn per prompt", wholeNumber(1), "50, as in the paper"),
  reward: option(
    "--reward <names|module.js>",
    `self-rewards, repeated or with commas: ${rewardNames.join(", ")}, or your own module`,
    someParts(rewardNames, "reward"),
    DEFAULT_REWARDS.join(", "),
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
    "also measure adaptive best-of-N with this δ and at most N draws (paper eq. 10)",
    positive(1),
    "not measured",
  ),
  baselines: option(
    "--baselines <count>",
    "also measure one sample at temperatures 0.25, 0.5 and 0.7 and with top-p 0.9, over <count> of each test prompt, and beam search of width 2, 4 and 8; one of N at random is one sample",
    wholeNumber(1),
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
  seed: option("--seed <number>", "the seed of everything random", wholeNumber(0), "0"),
  run: option(
    "--run <folder>",
    "the run folder",
    text,
    "runs/<task>-<number>, the next free number; with --resume, the last one",
  ),
  ...OPEN_OPTION,
  yes: flag("--yes", "do not ask"),
  dryRun: flag("--dry-run", "draw for three seconds, estimate what the run would take, and write nothing"),
  resume: flag("--resume", "continue a run that was stopped or killed"),
  only: option(
    "--only <rows>",
    "check only these statements, by their ids in --list; repeated or with commas",
    someOf(
      rows.map(({ id }) => id),
      "statement",
    ),
    "all",
  ),
  list: flag("--list", "list the statements and run nothing"),
  errata: flag("--errata", "print the paper's errors, each with a counterexample computed on the spot"),
  thorough: flag("--thorough", "more and larger instances: up to an hour"),
  page: option("--page <file.html>", "where to write the page", text, "runs/theory.html"),
  reportPage: option(
    "--page <file.html>",
    "where to write the page",
    text,
    "report.html in the run's folder",
  ),
  ...TRAINING_OPTIONS,
  ...TRAINER_OPTIONS,
  ...HOLDING_OPTIONS,
  ...SUITE_OPTIONS,
  ...SERVE_OPTIONS,
  ...ANSWER_OPTIONS,
  ...RUN_OPTIONS,
  markdown: option(
    "--markdown <file.md>",
    "also write the findings as Markdown, with an index of the paper's statements",
    text,
    "not written",
  ),
  method: option(
    "--method <name>",
    "draw from π (base), or from π^α by Metropolis–Hastings (power) or sequential Monte Carlo (smc)",
    oneOf(["base", ...POWER_METHODS] as const),
    "base",
  ),
  powerAlpha: option(
    "--alpha <number>",
    "power, smc: the exponent α, at least 1",
    positive(),
    `${POWER_DEFAULTS.alpha}`,
  ),
  moves: option(
    "--moves <count>",
    "power: Metropolis–Hastings moves after each block",
    wholeNumber(1),
    `${POWER_DEFAULTS.moves}, arXiv 2510.14901`,
  ),
  blocks: option(
    "--blocks <count>",
    "power: blocks in which a response is grown",
    wholeNumber(1),
    `${POWER_DEFAULTS.blocks}`,
  ),
  particles: option(
    "--particles <count>",
    "smc: particles per response",
    wholeNumber(1),
    `${POWER_DEFAULTS.particles}`,
  ),
  all: flag("--all", "finish all N responses and print each with its score"),
  threads: option("--threads <count>", "threads per operator", wholeNumber(1, 1024), "the machine's cores"),
  json: flag("--json", "end with one JSON object on the last line of stdout; text for people goes to stderr"),
  config: option(
    "--config <file>",
    "options from a JSON file, by command; what is said on the command line goes first",
    text,
    `${CONFIG_FILE}, where the working folder has one`,
  ),
  verbose: flag("--verbose", "show the stack of an unexpected error"),
} as const satisfies Readonly<Record<string, OptionSpec<unknown>>>;

export type OptionName = keyof typeof OPTIONS;

type ValueOf<S> = S extends OptionSpec<infer T> ? T : never;

/** Names under which commander hands some of the options over. */
interface Renamed extends RenamedInAnswer, RenamedInRuns, RenamedInServe, RenamedInSuites {
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
export const COMMON = ["config", "json", "verbose"] as const satisfies readonly OptionName[];
/** A model on this machine. */
export const HOLDING = [
  "quantize",
  "kvCache",
  "maxLength",
  "device",
] as const satisfies readonly OptionName[];
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
/** Drawing by files in place of servers. */
export const BATCH = [
  "batch",
  "batchResults",
  "batchFor",
  "batchLines",
] as const satisfies readonly OptionName[];
/** What is drawn, and from which model. */
export const DRAWING = [
  "model",
  ...HOLDING,
  ...REMOTE,
  "raw",
  "task",
  "data",
  "rows",
  "grader",
  "skipLong",
  "orders",
  "prompts",
  "n",
  "temperature",
  "maxTokens",
  "seed",
  "threads",
  "memory",
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
  "start",
  "batchSize",
  "learningRate",
  "schedule",
  "clipNorm",
  "weightDecay",
  "full",
  "rank",
  "alpha",
  "targetModules",
  "curveSamples",
] as const satisfies readonly OptionName[];
