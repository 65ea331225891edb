import { endsFinding } from "../evaluate/ends.js";
import { collapses } from "../evaluate/collapse.js";
import { baseKept } from "../evaluate/findings-adapter.js";
import { transductiveFinding } from "../evaluate/findings.js";
import { tiltFindings } from "../evaluate/findings-tilt.js";
import { sampleSizes } from "../evaluate/largest-n.js";
import { baselineInWords } from "../evaluate/measure-baselines.js";
import { trainedInWords, type AnswerMetrics, type Estimate, type Metrics } from "../evaluate/metrics.js";
import { wordsOf } from "../sharpen/methods/registry.js";
import { beginningOf, padEndTo, padStartTo, widthOf, wrapped } from "./columns.js";
import {
  count,
  inTable,
  intervalInTable,
  methodName,
  NATS,
  NATS_GAIN,
  PERCENT,
  POINTS,
  samplerInWords,
  type Unit,
} from "./format.js";
import { visibleText } from "../core/visible-text.js";

const WIDTH = 100;
const GAP = 2;
/** The strengths that the curve of the tilted base is measured at, as `tiltCurve` says. */
const TILTS = ["× 4", "× 2", "× 1", "× 1/2", "× 1/4", "× 1/8", "× 1/16"];
const SHOWN_SIZES = [1, 2, 5, 10, 25, 50];

type Cells = readonly string[];

/**
 * The table that a command prints at its end: greedy, one sample at the run's temperature, best-of-N under every self-reward
 * with the coverage, and each adapter, every figure with its 95 % interval. Plain text of at most 100 columns, without
 * colours; names of models and tasks cannot smuggle in terminal escapes. Without labels the accuracies are absent and
 * best-of-N shows log-likelihoods. Beside an adapter stand the responses drawn to train it, and below them any collapse.
 */
export function terminalTable(metrics: Metrics): string {
  const heading = `${plain(metrics.task)}, ${metrics.prompts} prompts, model ${plain(metrics.model)}, N = ${metrics.n}, ${samplerInWords(metrics)}`;
  const units = metrics.labelled
    ? "Accuracy in %, log-likelihood under the base in nats; in brackets 95 % intervals."
    : "Log-likelihood under the base in nats; in brackets 95 % intervals. No labels, so no accuracies.";
  return (
    [
      ...wrapped(heading, WIDTH),
      units,
      "",
      ...answersBlock(metrics),
      ...warningsBlock(metrics),
      "",
      ...bestOfNBlock(metrics),
      ...tiltBlock(metrics),
    ].join("\n") + "\n"
  );
}

/** Responses that do not end with an answer, adapters that are the base, what their methods remark, and every collapse by its name; nothing where there is none. */
function warningsBlock(metrics: Metrics): string[] {
  const { adapters, base } = metrics;
  const found = Object.entries(adapters).flatMap(([name, adapter]) => {
    const method = { ...wordsOf(name), name: plain(name) };
    return [
      ...baseKept(method, adapter),
      ...(method.remarks?.(adapter) ?? []),
      ...collapses(method, adapter, base),
    ];
  });
  const ends = endsFinding(metrics).map(visibleText);
  return [...ends, ...transductiveFinding(metrics), ...found].flatMap((text) => [
    "",
    ...wrapped(`! ${text}`, WIDTH),
  ]);
}

/** Greedy, base and adapters, one a line. */
function answersBlock(metrics: Metrics): string[] {
  const { greedy, base, baselines = {}, adapters, adaptive, adaptiveVotes, labelled } = metrics;
  const calls = Object.values(adapters).some((adapter) => adapter.modelCalls !== undefined);
  const head = [
    "",
    ...(labelled ? ["accuracy", "greedy accuracy"] : []),
    "log-likelihood",
    ...(calls ? ["model calls"] : []),
  ];
  const row = (
    name: string,
    accuracy: Estimate | undefined,
    greedyAccuracy: Estimate | undefined,
    ll: Estimate,
    modelCalls?: number,
  ): Cells => [
    name,
    ...(labelled ? [cell(accuracy, PERCENT), cell(greedyAccuracy, PERCENT)] : []),
    cell(ll, NATS),
    ...(calls ? [modelCalls === undefined ? "" : count(modelCalls)] : []),
  ];
  const rows = [
    row("greedy", greedy.accuracy, greedy.accuracy, greedy.logLikelihood),
    row(`one sample, ${samplerInWords(metrics)}`, base.accuracy, undefined, base.logLikelihood),
    ...Object.entries(baselines).map(([name, a]) =>
      row(plain(baselineInWords(name)), a.accuracy, undefined, a.logLikelihood),
    ),
    ...[["adaptive", adaptive] as const, ["adaptive votes", adaptiveVotes] as const].flatMap(
      ([name, rule]) =>
        rule
          ? [row(`${name}, mean N = ${rule.meanN.toFixed(1)}`, rule.accuracy, undefined, rule.logLikelihood)]
          : [],
    ),
    ...Object.entries(adapters).flatMap(([method, a]) => [
      row(
        `${trainedInWords(plain(methodName(method)), a)}, one sample`,
        a.accuracy,
        a.greedyAccuracy,
        a.logLikelihood,
        a.modelCalls,
      ),
      [
        "  gain over one sample",
        ...(labelled ? [cell(a.accuracyGain, POINTS), ""] : []),
        cell(a.logLikelihoodGain, NATS_GAIN),
        ...(calls ? [""] : []),
      ],
    ]),
  ];
  return blocks([head, ...rows]);
}

/** Best-of-N: a line an N, a column a self-reward. */
function bestOfNBlock(metrics: Metrics): string[] {
  const { bestOfN, coverage, labelled } = metrics;
  const unit = labelled ? PERCENT : NATS;
  const pick = (answer: AnswerMetrics | undefined): Estimate | undefined =>
    labelled ? answer?.accuracy : answer?.logLikelihood;
  const all = [...new Set([...Object.values(bestOfN), coverage ?? {}].flatMap(sampleSizes))].sort(
    (a, b) => a - b,
  );
  const sizes = all.filter((n) => SHOWN_SIZES.includes(n) || n === all.at(-1));
  if (sizes.length === 0) return [];
  const rewards = Object.entries(bestOfN);
  const head = ["N", ...rewards.map(([name]) => plain(name)), ...(coverage ? ["coverage"] : [])];
  const rows = sizes.map((n) => [
    String(n),
    ...rewards.map(([, byN]) => cell(pick(byN[n]), unit)),
    ...(coverage ? [cell(coverage[n], PERCENT)] : []),
  ]);
  const what = labelled ? "accuracy" : "log-likelihood of the chosen response";
  return [
    `Best-of-N, ${what}, by self-reward${coverage ? "; coverage is the ceiling" : ""}`,
    ...blocks([head, ...rows]),
  ];
}

/** What one sample of the tilted base would give: a line a strength, a column a reward; then the adapters beside it. */
function tiltBlock(metrics: Metrics): string[] {
  const curves = Object.entries(metrics.tilt ?? {}).filter(([, curve]) => curve.length > 0);
  if (curves.length === 0) return [];
  const unit = metrics.labelled ? PERCENT : NATS;
  const head = ["β, spread", ...curves.map(([name]) => plain(name))];
  const rows = TILTS.flatMap((strength, i) => {
    const points = curves.map(([, curve]) => curve[i]);
    const cells = points.map((point) =>
      cell(metrics.labelled ? point?.accuracy : point?.logLikelihood, unit),
    );
    return points.some((point) => point !== undefined) ? [[strength, ...cells]] : [];
  });
  const what = metrics.labelled ? "accuracy" : "log-likelihood";
  return [
    "",
    `What training could give: ${what} of one sample of base·exp(reward/β), by importance weights`,
    ...blocks([head, ...rows]),
    ...tiltFindings(metrics, wordsOf).flatMap((text) => ["", ...wrapped(text, WIDTH)]),
  ];
}

function cell(estimate: Estimate | undefined, unit: Unit): string {
  if (estimate === undefined) return "-";
  return `${inTable(estimate.value, unit)} ${intervalInTable(estimate, unit)}`.replaceAll("\u2212", "-");
}

/** A name as printable ASCII and Unicode text on one line. */
function plain(name: string): string {
  return beginningOf(visibleText(name).replace(/\s+/g, " "), 60);
}

/** Rows as aligned lines; columns that do not fit go into further blocks, each with the first column again. */
function blocks(rows: readonly Cells[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => widthOf(row[column] ?? ""))),
  );
  const groups: number[][] = [];
  let used = WIDTH;
  for (let column = 1; column < widths.length; column++) {
    const width = (widths[column] as number) + GAP;
    if (used + width > WIDTH) {
      groups.push([]);
      used = widths[0] as number;
    }
    groups.at(-1)?.push(column);
    used += width;
  }
  return groups.flatMap((columns, i) => [
    ...(i > 0 ? [""] : []),
    ...rows.map((row) => line(row, columns, widths)),
  ]);
}

function line(row: Cells, columns: readonly number[], widths: readonly number[]): string {
  const first = padEndTo(row[0] ?? "", widths[0] as number);
  const rest = columns.map(
    (column) => " ".repeat(GAP) + padStartTo(row[column] ?? "", widths[column] as number),
  );
  return (first + rest.join("")).trimEnd();
}
