import { join } from "node:path";
import { WhetstoneError } from "../../core/errors.js";
import { writeAtomically } from "../../core/files.js";
import { presetFor } from "../../sharpen/presets.js";
import type { SuiteHost } from "../../sharpen/suite/cells.js";
import type { SuiteResult } from "../../sharpen/suite/result.js";
import { shellLine } from "../command-line.js";
import type { Context } from "../context.js";
import { DEFAULT_MODEL, DEFAULT_TASK } from "../defaults.js";
import type { OptionName, Values } from "../options.js";
import { loadPolicy, modelSource, openTask } from "../sources.js";

/** Options that both suites take. */
export const SUITE = [
  "models",
  "tasks",
  "taskData",
  "suitePrompts",
  "n",
  "temperature",
  "maxTokens",
  "out",
  "resume",
  "threads",
] as const satisfies readonly OptionName[];

export type SuiteValues = Values<(typeof SUITE)[number]>;

/** The paper's number of prompts per task (App. A.1). */
const PAPER_PROMPTS = 256;

/** What both suites are told, defaults filled in. */
export function suiteSettings(values: SuiteValues, context: Context) {
  const { models = [DEFAULT_MODEL], tasks = [DEFAULT_TASK], prompts = PAPER_PROMPTS } = values;
  return {
    ...suiteHost(values, prompts, context),
    models,
    tasks,
    prompts,
    n: values.n ?? 50,
    temperature: values.temperature ?? 1,
    maxTokens: values.maxTokens,
    resume: values.resume === true,
    command: suiteCommand(context.args),
  };
}

function suiteHost({ data = [], threads }: SuiteValues, prompts: number, context: Context): SuiteHost {
  const paths = new Map(
    data.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)] as const),
  );
  return {
    openModel: async (name) => {
      const source = modelSource(name);
      return { policy: await loadPolicy(source, threads), path: source.path };
    },
    openTask: async (name, model) => {
      const source = modelSource(model);
      const orders = presetFor(source.name, name)?.orders;
      const rows = paths.get(name);
      const options = {
        ...(orders !== undefined && { orders }),
        ...(rows !== undefined && { data: rows }),
        ...(rows !== undefined && prompts > PAPER_PROMPTS && { rows: prompts }),
      };
      return openTask(name, options, source.folder);
    },
    createdAt: new Date().toISOString(),
    signal: context.signal,
    onProgress: context.progress.update,
  };
}

/** The words that change what a suite's figures are; where they go and how fast is left out. */
function suiteCommand(args: readonly string[]): string {
  const flags = new Set(["--resume", "--json", "--verbose"]);
  const withValue = new Set(["--out", "--threads"]);
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (withValue.has(word)) i++;
    else if (!flags.has(word) && !/^--(out|threads)=/.test(word)) words.push(word);
  }
  return shellLine(words);
}

/** The line that goes on with a suite that was stopped. */
export function resumeSuite(args: readonly string[]): string {
  return shellLine(args.includes("--resume") ? args : [...args, "--resume"]);
}

/**
 * Writes the page and its figures, tells where they are, and what has no result.
 * @throws WhetstoneError if a cell has no result, once everything is written.
 */
export async function tellSuite(context: Context, out: string, result: SuiteResult): Promise<void> {
  const [page, figures] = [join(out, "report.html"), join(out, "result.json")];
  // Drawing charts needs half of what there is to load; most commands end without.
  const { suitePage } = await import("../../report/suite/page.js");
  await writeAtomically(figures, `${JSON.stringify(result)}\n`);
  await writeAtomically(page, suitePage(result));
  const cells = result.cells.map((cell) => {
    const verdict = "verdict" in cell ? cell.verdict : "trainN" in cell ? cell.metrics?.verdict : undefined;
    const name = `${cell.model} on ${cell.task}${"trainN" in cell ? `, N = ${cell.trainN}` : ""}`;
    return `${name}: ${verdict?.sentence ?? (cell.metrics ? "no labels." : "no result.")}`;
  });
  context.say(`\n${cells.join("\n")}\n\nPage: ${page}`);
  context.result({ ...result, page, figures });
  const failures = result.cells.flatMap(({ model, task, failures: own }) =>
    own.map(({ seed, trainN, sentence }) => {
      const n = trainN === undefined ? "" : `, N = ${trainN}`;
      return `${model} on ${task}${n}, seed ${seed}: ${sentence}`;
    }),
  );
  if (failures.length === 0) return;
  for (const failure of failures) context.note(failure);
  throw new WhetstoneError(
    "suite",
    `${failures.length === 1 ? "A run has" : `${failures.length} runs have`} no result, and the page leaves them blank; the first is ${failures[0]!}`,
  );
}
