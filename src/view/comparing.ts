import { compareWays, type ComparedWay } from "../evaluate/compare.js";
import type { ComparedFigure, Comparison } from "../page/view/told.js";
import { inTable, intervalInTable, NATS, NATS_GAIN, PERCENT, POINTS } from "../report/format.js";
import type { Manifest } from "../run/manifest.js";
import { waysOfRun } from "../sharpen/run-ways.js";
import type { RunView } from "./run-view.js";

/** Two runs side by side: in what they were made otherwise, and each way of answering that both have. */
export async function compareRuns(first: RunView, second: RunView): Promise<Comparison> {
  const tasks = await Promise.all([first.taskAtHand(), second.taskAtHand()]);
  const [a, b] = await Promise.all([
    waysOfRun(first.run, tasks[0].task),
    waysOfRun(second.run, tasks[1].task),
  ]);
  const ways = compareWays(a, b, first.run.manifest.seeds.run);
  const remark = tasks[0].remark ?? tasks[1].remark;
  return {
    prompts: Math.max(0, ...ways.map(({ prompts }) => prompts)),
    settings: settingsOf(first.run.manifest, second.run.manifest),
    figures: ways.map(figureOf),
    ...(remark !== undefined && { remark }),
  };
}

function figureOf({ name, of, first, second, difference, side }: ComparedWay): ComparedFigure {
  const [unit, gain] = of === "accuracy" ? [PERCENT, POINTS] : [NATS, NATS_GAIN];
  return {
    name: `${name}: ${of === "accuracy" ? "accuracy, %" : "log-likelihood, nats"}`,
    first: `${inTable(first.value, unit)} ${intervalInTable(first, unit)}`,
    second: `${inTable(second.value, unit)} ${intervalInTable(second, unit)}`,
    difference: inTable(difference.value, gain),
    interval: intervalInTable(difference, gain),
    side,
  };
}

const SETTINGS: readonly (readonly [name: string, of: (manifest: Manifest) => unknown])[] = [
  ["model", ({ model }) => model.name],
  ["weights", ({ model }) => model.digest.slice(0, 12)],
  ["held as", ({ model }) => model.quantize ?? "float32"],
  ["keys and values held in", ({ model }) => model.kvCache ?? "float32"],
  ["task", ({ task }) => task.name],
  ["N", ({ drawing }) => drawing.n],
  ["temperature", ({ drawing }) => drawing.temperature],
  ["longest response", ({ drawing }) => drawing.maxTokens],
  ["sampler", ({ drawing }) => JSON.stringify(drawing.sampler ?? "independent")],
  ["methods", ({ amortize }) => Object.keys(amortize?.methods ?? {}).join(", ") || "none"],
  ["seed", ({ seeds }) => seeds.run],
];

/** Settings in which they differ. */
function settingsOf(first: Manifest, second: Manifest): Comparison["settings"] {
  return SETTINGS.flatMap(([name, of]) => {
    const [a, b] = [String(of(first)), String(of(second))];
    return a === b ? [] : [{ name, first: a, second: b }];
  });
}
