import { join } from "node:path";
import { UsageError, WhetstoneError } from "../../core/errors.js";
import { writeAtomically } from "../../core/files.js";
import { visibleText } from "../../core/visible-text.js";
import type { Cost } from "../../evaluate/metrics.js";
import { REMOTE_PREFIX } from "../../policy/remote/base-urls.js";
import type { RunModel } from "../../run/config.js";
import { presetFor } from "../../sharpen/presets.js";
import { cellName } from "../../reproduce/cell-name.js";
import type { OpenedModel, SuiteHost } from "../../reproduce/cells.js";
import type { SuiteResult } from "../../reproduce/result.js";
import { shellLine } from "../command-line.js";
import type { Context } from "../context.js";
import { DEFAULT_MODEL, DEFAULT_TASK } from "../defaults.js";
import { HOLDING, type OptionName, type Values } from "../options.js";
import { refuseTraining } from "../quantize.js";
import {
  heldAsBefore,
  heldSource,
  openPolicy,
  openTask,
  promptsOf,
  recordedModel,
  settled,
  type Machine,
  type ModelSource,
} from "../sources.js";

/** Options that both suites take. */
export const SUITE = [
  "models",
  "tasks",
  "taskData",
  "suitePrompts",
  "n",
  "baselines",
  "temperature",
  "maxTokens",
  ...HOLDING,
  "out",
  "resume",
  "threads",
  "memory",
] as const satisfies readonly OptionName[];

export type SuiteValues = Values<(typeof SUITE)[number]>;

/** The paper's number of prompts per task (App. A.1). */
const PAPER_PROMPTS = 256;

/** What both suites are told, defaults filled in. @throws UsageError as `policySource`, before anything is drawn. */
export function suiteSettings(values: SuiteValues, { openModel, sources }: SuiteModels, context: Context) {
  const { tasks = [DEFAULT_TASK], prompts = PAPER_PROMPTS, data = [] } = values;
  const paths = new Map(
    data.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)] as const),
  );
  const openTaskOf: SuiteHost["openTask"] = async (name, model) => {
    const source = sources.get(model)!;
    const orders = presetFor(source.name, name)?.orders;
    const rows = paths.get(name);
    const options = {
      ...(orders !== undefined && { orders }),
      ...(rows !== undefined && { data: rows }),
      ...(rows !== undefined && prompts > PAPER_PROMPTS && { rows: prompts }),
    };
    return openTask(name, options, await promptsOf(source));
  };
  return {
    openModel,
    openTask: openTaskOf,
    createdAt: new Date().toISOString(),
    now: () => context.now(),
    signal: context.signal,
    onProgress: context.progress.update,
    models: [...sources.keys()],
    tasks,
    prompts,
    n: values.n ?? 50,
    temperature: values.temperature ?? 1,
    baselines: values.baselines,
    maxTokens: values.maxTokens,
    resume: values.resume === true,
    command: suiteCommand(context.args),
  };
}

/** The models of a suite, by the names that they were asked for. */
export interface SuiteModels {
  readonly sources: ReadonlyMap<string, ModelSource>;
  readonly openModel: SuiteHost["openModel"];
}

/**
 * Models on this machine, to be trained.
 * @throws UsageError for one behind a server, or held in integers: nothing of it can be trained.
 */
export function localModels(
  { models = [DEFAULT_MODEL], ...values }: SuiteValues,
  context: Context,
): SuiteModels {
  refuseTraining(values.quantize, "");
  const served = models.find((name) => name.startsWith(REMOTE_PREFIX));
  if (served !== undefined) {
    throw new UsageError(
      `Training needs the model's weights, which the server of ${served} does not hand out: name models on this machine, or use \`whetstone reproduce inference\`.`,
    );
  }
  const sources = new Map(models.map((name) => [name, heldSource(name, values)] as const));
  return {
    sources,
    openModel: (name, before) => openSuiteModel(sources.get(name)!, values, context, before),
  };
}

/** Opens a model of a suite: as in cells that are there already, else as was asked for. @throws as `openPolicy`. */
export async function openSuiteModel(
  unsettled: ModelSource,
  machine: Machine,
  context: Context,
  before: RunModel | undefined,
): Promise<OpenedModel> {
  const source = await settled(unsettled, machine, context, before);
  const held = heldAsBefore(source, before && (before.quantize ?? "float32"));
  const policy = await openPolicy(held, machine, context);
  return { policy, recorded: recordedModel(policy, source) };
}

/** The words that change what a suite's figures are; where they go and how fast is left out. */
function suiteCommand(args: readonly string[]): string {
  const flags = new Set(["--resume", "--json", "--verbose", "--stream"]);
  const withValue = new Set([
    "--out",
    "--threads",
    "--memory",
    "--concurrency",
    "--max-requests",
    "--max-tokens-total",
  ]);
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (withValue.has(word)) i++;
    else if (!flags.has(word) && !withValue.has(word.replace(/=.*$/s, ""))) words.push(word);
  }
  return shellLine(words);
}

/** Accuracy against tokens, in all, a line each: of choices those among the most. */
function tokensOfAll(costs: readonly Cost[]): string[] {
  const most = Math.max(...costs.map(({ n = 0 }) => n));
  const told = costs.filter(({ n }) => n === undefined || n === most).sort((a, b) => a.tokens - b.tokens);
  return told.map(
    ({ name, tokens, accuracy }) =>
      `  ${tokens.toLocaleString("en-US").padStart(13)} tokens  ${(100 * accuracy.value).toFixed(1).padStart(5)} %  ${visibleText(name)}`,
  );
}

/** The line that goes on with a suite that was stopped. */
export function resumeSuite(args: readonly string[]): string {
  return shellLine(args.includes("--resume") ? args : [...args, "--resume"]);
}

/**
 * Writes the page and its figures, tells where they are, and what has no result.
 * @param more for the result of `--json` alone.
 * @throws WhetstoneError if a cell has no result, once everything is written.
 */
export async function tellSuite(
  context: Context,
  out: string,
  result: SuiteResult,
  more: object = {},
): Promise<void> {
  const [page, figures] = [join(out, "report.html"), join(out, "result.json")];
  // Drawing charts needs half of what there is to load; most commands end without.
  const { suitePage } = await import("../../report/suite/page.js");
  await writeAtomically(figures, `${JSON.stringify(result)}\n`);
  await writeAtomically(page, suitePage(result));
  const cells = result.cells.map((cell) => {
    const verdict = "verdict" in cell ? cell.verdict : "trainN" in cell ? cell.metrics?.verdict : undefined;
    const name = cellName(cell);
    // Where it helped, the reasons are what bounds that.
    const bounds = verdict?.direction === "up" ? verdict.reasons : [];
    const told = verdict ? [verdict.sentence, ...bounds].join(" ") : undefined;
    const said = `${name}: ${told ?? (cell.metrics ? "no labels." : "no result.")}`;
    return [said, ...tokensOfAll(cell.metrics?.costs ?? [])].join("\n");
  });
  context.say(`\n${cells.join("\n")}\n\nPage: ${page}`);
  context.result({ ...result, page, figures, ...more });
  const failures = result.cells.flatMap((cell) =>
    cell.failures.map(
      ({ seed, trainN, sentence }) => `${cellName({ ...cell, trainN })}, seed ${seed}: ${sentence}`,
    ),
  );
  if (failures.length === 0) return;
  for (const failure of failures) context.note(failure);
  throw new WhetstoneError(
    "suite",
    `${failures.length === 1 ? "A run has" : `${failures.length} runs have`} no result, and the page leaves them blank; the first is ${failures[0]!}`,
  );
}
