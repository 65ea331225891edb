import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { WhetstoneError } from "../core/errors.js";
import type { Metrics } from "../evaluate/metrics.js";
import type { ComparedWay } from "../evaluate/compare.js";
import { inTable, intervalInTable, NATS, NATS_GAIN, PERCENT, POINTS } from "../report/format.js";
import { readRun, type RunReader } from "../run/read-run.js";
import { readMetrics } from "../sharpen/run-metrics.js";
import { fitLine, padEndTo, widthOf } from "../report/columns.js";

/** A run, as a list shows it. */
export interface RunEntry {
  readonly dir: string;
  readonly task: string;
  readonly model: string;
  readonly n: number;
  readonly createdAt: string;
  /** Whether it has been measured. */
  readonly measured: boolean;
  /** What was measured, each a value by its name: accuracies in [0, 1], else log-likelihoods in nats. */
  readonly figures: Readonly<Record<string, number>>;
  /** The adapters that it has. */
  readonly adapters: readonly string[];
}

/** The runs in a folder, the oldest first, and the folders in it that cannot be read as runs, each with why. */
export function runsIn(folder: string): {
  readonly runs: RunEntry[];
  readonly unread: readonly { readonly dir: string; readonly reason: string }[];
} {
  const runs: RunEntry[] = [];
  const unread: { readonly dir: string; readonly reason: string }[] = [];
  const found = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
  for (const { name } of found.filter((entry) => entry.isDirectory())) {
    const dir = join(folder, name);
    if (!existsSync(join(dir, "manifest.json"))) continue;
    try {
      runs.push(runEntry(readRun(dir)));
    } catch (error) {
      if (!(error instanceof WhetstoneError)) throw error;
      unread.push({ dir, reason: error.message });
    }
  }
  return { runs: runs.sort((a, b) => a.createdAt.localeCompare(b.createdAt)), unread };
}

/** A run as a list shows it. @throws as `readMetrics`. */
export function runEntry(run: RunReader): RunEntry {
  const { task, model, drawing, createdAt } = run.manifest;
  const metrics = readMetrics(run);
  return {
    ...{ dir: run.dir, task: task.name, model: model.name, n: drawing.n, createdAt },
    measured: metrics !== undefined,
    figures: metrics === undefined ? {} : figuresOf(metrics),
    adapters: run.adapters(),
  };
}

/** The figures by which runs are compared: greedy, one sample, the best of all N under each reward, and one sample of each adapter. */
function figuresOf({ labelled, greedy, base, bestOfN, adapters }: Metrics): Record<string, number> {
  const value = (its: Metrics["greedy"] | undefined): number | undefined =>
    labelled ? its?.accuracy?.value : its?.logLikelihood.value;
  const best = Object.entries(bestOfN).map(([reward, byN]) => {
    const n = Math.max(...Object.keys(byN).map(Number));
    return [`best of ${n}, ${reward}`, value(byN[`${n}`])] as const;
  });
  const trained = Object.entries(adapters).map(([name, its]) => [`${name} adapter`, value(its)] as const);
  const all = [["greedy", value(greedy)], ["one sample", value(base)], ...best, ...trained] as const;
  return Object.fromEntries(all.flatMap(([name, one]) => (one === undefined ? [] : [[name, one] as const])));
}

/** Runs as a list, in 80 columns. */
export function runLines(runs: readonly RunEntry[]): string {
  const rows = runs.map(({ dir, task, model, n, createdAt, measured, adapters }) => [
    ...[dir, task, model, `${n}`, createdAt.slice(0, 10)],
    [measured ? "measured" : "not measured", ...adapters].join(", "),
  ]);
  return table([["run", "task", "model", "N", "made", "state"], ...rows], [24, 14, 14, 4, 10, 40]);
}

/** Two runs side by side: where they were made otherwise, and each figure. */
export function comparisonLines(a: RunEntry, b: RunEntry): string {
  const facts = (["task", "model", "n"] as const)
    .filter((name) => a[name] !== b[name])
    .map((name) => [name === "n" ? "N" : name, `${a[name]}`, `${b[name]}`, ""]);
  const names = [...new Set([...Object.keys(a.figures), ...Object.keys(b.figures)])];
  const unitOf = (value: number): typeof PERCENT => (value > 0 ? PERCENT : NATS);
  const shown = (value: number | undefined): string =>
    value === undefined ? "-" : `${inTable(value, unitOf(value))}${value > 0 ? " %" : " nats"}`;
  const figures = names.map((name) => {
    const [x, y] = [a.figures[name], b.figures[name]];
    const comparable = x !== undefined && y !== undefined && x > 0 === y > 0;
    const change = comparable ? inTable(y - x, { ...unitOf(x), signed: true }) : "";
    return [name, shown(x), shown(y), change];
  });
  return table([["", a.dir, b.dir, "change"], ...facts, ...figures], [32, 20, 20, 8]);
}

/** What the second run has more than the first, way by way: paired by prompt, with intervals. */
export function pairedLines(ways: readonly ComparedWay[]): string {
  const rows = ways.map(({ name, of, prompts, difference, side }) => {
    const [unit, word] = of === "accuracy" ? [POINTS, "points"] : [NATS_GAIN, "nats"];
    const claim = { up: "more", down: "less", unclear: "unclear", few: "too few prompts" }[side];
    const written = `${inTable(difference.value, unit)} ${intervalInTable(difference, unit)} ${word}`;
    return [name, `${prompts}`, written, claim];
  });
  return table(
    [["second less first, paired", "prompts", "with its 95 % interval", ""], ...rows],
    [32, 7, 32, 15],
  );
}

/** Rows with columns as wide as they need to be, up to a limit each. */
function table(rows: readonly (readonly string[])[], most: readonly number[]): string {
  const cells = rows.map((row) => row.map((cell, at) => fitLine(cell, most[at]!)));
  const widths = most.map((_, at) => Math.max(...cells.map((row) => widthOf(row[at] ?? ""))));
  return cells
    .map((row) =>
      row
        .map((cell, at) => padEndTo(cell, widths[at]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
