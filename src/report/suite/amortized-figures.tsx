import type { ComponentChildren } from "preact";
import type { EpochMetrics, Estimate } from "../../evaluate/metrics.js";
import type { AmortizedCell, AmortizedMetrics, AmortizedResult } from "../../reproduce/result.js";
import { PAPER_REWARD } from "../../reproduce/learned-rewards.js";
import { PAPER_METHOD } from "../../reproduce/paper-settings.js";
import { partsOf, titleBy } from "../../sharpen/methods/registry.js";
import type { LinePoint, LineSeries } from "../../page/chart/line-chart.js";
import type { TableData } from "../../page/table.js";
import { estimateCell } from "../estimate-cell.js";
import {
  fixed,
  inWords,
  list,
  methodName,
  NATS,
  NATS_GAIN,
  PERCENT,
  RELATIVE,
  type Unit,
} from "../format.js";
import { seriesStyle } from "../../page/palette.js";
import type { PaperFigure } from "./figure-frame.js";
import { nameAmongLargest, nameOf } from "./names.js";
import { Instead, LinePanel, Panel } from "./panels.js";

/** What is drawn against epochs. */
interface Quantity {
  readonly unit: Unit;
  /** In the unit of `unit`; undefined where it cannot be told. */
  readonly of: (epoch: EpochMetrics, metrics: AmortizedMetrics) => number | undefined;
  readonly reference: (metrics: AmortizedMetrics) => { readonly y: number; readonly name: string };
  /** Why there is no line. */
  readonly missing: string;
}

const LIFT: Quantity = {
  unit: RELATIVE,
  of: ({ accuracy }, { greedy }) =>
    accuracy && greedy.accuracy && greedy.accuracy.value > 0
      ? (100 * (accuracy.value - greedy.accuracy.value)) / greedy.accuracy.value
      : undefined,
  reference: () => ({ y: 0, name: "greedy" }),
  missing: "No labels, no samples for the curve, or greedy right too seldom: no ratio to draw.",
};
const LOG_LIKELIHOOD: Quantity = {
  unit: NATS,
  of: ({ logLikelihood }) => logLikelihood?.value,
  reference: ({ greedy }) => ({ y: greedy.logLikelihood.value, name: "greedy" }),
  missing: "No samples were drawn for the curve.",
};

/** A value of a quantity as it is pointed at. */
const writer =
  ({ unit }: Quantity) =>
  (value: number): string =>
    fixed(value, unit.decimals, unit.signed);

/** The paper's figures 7 to 9. */
export function amortizedFigures(result: AmortizedResult): PaperFigure[] {
  return [
    through(result, "7", `% lift in accuracy over greedy through ${trained(result)}`, LIFT),
    through(result, "8", `mean log-probability under the base through ${trained(result)}`, LOG_LIKELIHOOD),
    byTrainN(result),
  ];
}

/** What trained, in a title, each method once: `SFT-Sharpening by log-likelihood and majority`. */
export function trained({ methods = [PAPER_METHOD], cells }: AmortizedResult): string {
  const rewardsOf = new Map<string, string[]>();
  for (const name of methods) {
    const { method, reward = PAPER_REWARD } = partsOf(name) ?? {};
    const own = cells.find((cell) => cell.method === name)?.title;
    const title = own ?? methodName(method?.name ?? name, "-Sharpening");
    rewardsOf.set(title, [...(rewardsOf.get(title) ?? []), reward]);
  }
  return list(
    [...rewardsOf].map(([title, rewards]) =>
      rewards.length === 1 && rewards[0] === PAPER_REWARD ? title : titleBy(title, list(rewards)),
    ),
  );
}

/** The cells of the largest N: tables 1 and 2, and figures 7 and 8. */
export function mainCells({ cells, trainNs }: AmortizedResult): AmortizedCell[] {
  return cells.filter(({ trainN }) => trainN === trainNs.at(-1));
}

/** One line a seed. */
function seedLines(metrics: AmortizedMetrics, { of }: Quantity): LinePoint[][] {
  return metrics.epochs
    .map((epochs) =>
      epochs.flatMap((epoch) => {
        const value = of(epoch, metrics);
        return value === undefined ? [] : [{ x: epoch.epoch, value }];
      }),
    )
    .filter((points) => points.length > 0);
}

/** The mean over seeds at each epoch that all of them have, with the least and the greatest as a band. */
function meanLine(lines: readonly (readonly LinePoint[])[]): LinePoint[] {
  return (lines[0] ?? []).flatMap(({ x }) => {
    const values = lines.flatMap((line) => line.filter((p) => p.x === x).map((p) => p.value));
    if (values.length < lines.length) return [];
    const value = values.reduce((a, b) => a + b, 0) / values.length;
    return [{ x, value, low: Math.min(...values), high: Math.max(...values) }];
  });
}

const seriesOf = (name: string, i: number, points: readonly LinePoint[]): LineSeries => ({
  name,
  style: seriesStyle(i),
  band: true,
  points,
});

function through(result: AmortizedResult, number: string, title: string, quantity: Quantity): PaperFigure {
  const cells = mainCells(result);
  const rows: TableData["rows"][number][] = [];
  const said: string[] = [];
  const panels = cells.map((cell) => {
    const { metrics } = cell;
    const lines = metrics === undefined ? [] : seedLines(metrics, quantity);
    const mean = meanLine(lines);
    if (metrics === undefined || mean.length === 0)
      return (
        <Panel key={nameAmongLargest(cell)} title={nameAmongLargest(cell)}>
          <Instead>{metrics ? quantity.missing : "No result."}</Instead>
        </Panel>
      );
    const [from, to] = [mean[0]!, mean.at(-1)!];
    said.push(
      `${nameAmongLargest(cell)} from ${inWords(from.value, quantity.unit)} before training to ${inWords(to.value, quantity.unit)} after epoch ${to.x}`,
    );
    rows.push(...curveRows(cell, mean, quantity.unit));
    const each = lines.map((points, i) => ({ ...seriesOf("", i, points), band: false, context: true }));
    return (
      <Panel key={nameAmongLargest(cell)} title={`${nameAmongLargest(cell)}, ${cell.seeds.length} seeds`}>
        <LinePanel
          lines={[...each, seriesOf("mean over seeds", 0, mean)]}
          reference={quantity.reference(metrics)}
          x="epoch"
          write={writer(quantity)}
        />
      </Panel>
    );
  });
  return {
    number,
    title,
    message:
      said.length > 0 && said.length <= 6
        ? `Sampled once at temperature ${result.temperature}: ${list(said)}.`
        : `Sampled once at temperature ${result.temperature}, after each epoch.`,
    note: `N\u00a0=\u00a0${result.trainNs.at(-1) ?? ""}. The mean over seeds; each seed is drawn thin, and the band spans them. The dotted line is the base's greedy response. Few samples a prompt and epoch: Table 1 has the adapter that was kept, with intervals.`,
    body: <div class="panels">{panels}</div>,
    ...(rows.length > 0 && { table: curveTable(`figure-${number}-table`, title, rows) }),
  };
}

function curveRows(cell: AmortizedCell, mean: readonly LinePoint[], unit: Unit): TableData["rows"] {
  return mean.map(({ x, value, low, high }) => ({
    head: `${nameOf(cell)}, epoch ${x}`,
    cells: [estimateCell({ value, low: low ?? value, high: high ?? value }, { ...unit, scale: 1 })],
  }));
}

const curveTable = (id: string, title: string, rows: TableData["rows"]): TableData => ({
  id,
  caption: `${title}: the mean over seeds, in brackets the least and the greatest seed`,
  columns: ["Epoch", "Mean"],
  rows,
});

/** Figure 9: the same two quantities, a line for each N. */
function byTrainN(result: AmortizedResult): PaperFigure {
  const pairs = mainCells(result).map((main) =>
    result.cells.filter(
      ({ model, task, method }) => model === main.model && task === main.task && method === main.method,
    ),
  );
  const rows: TableData["rows"][number][] = [];
  const body = (cells: readonly AmortizedCell[], quantity: Quantity): ComponentChildren => {
    const lines = cells.flatMap((cell, i) => {
      const points = cell.metrics ? meanLine(seedLines(cell.metrics, quantity)) : [];
      return points.length === 0 ? [] : [seriesOf(`N = ${cell.trainN}`, i, points)];
    });
    const reference = cells.find(({ metrics }) => metrics)?.metrics;
    if (lines.length === 0 || reference === undefined)
      return <Instead>{reference ? quantity.missing : "No result."}</Instead>;
    return (
      <LinePanel lines={lines} reference={quantity.reference(reference)} x="epoch" write={writer(quantity)} />
    );
  };
  for (const cell of pairs.flat()) {
    const { adapter } = cell.metrics ?? {};
    rows.push({
      head: nameOf(cell),
      cells: [
        estimateCell(adapter?.accuracy, PERCENT),
        estimateCell(adapter?.lift, RELATIVE),
        estimateCell(adapter?.logLikelihoodLift, NATS_GAIN),
      ],
    });
  }
  const legendLines = result.trainNs.map((n, i) => seriesOf(`N = ${n}`, i, []));
  return {
    number: "9",
    title: `${trained(result)} with different N`,
    message:
      result.trainNs.length === 1
        ? `This suite trains with one N alone, ${result.trainNs[0]!}.`
        : `The adapter trained on ${result.methods ? "N responses a prompt" : "the likeliest of N"}, for N of ${list(result.trainNs.map(String))}: ${finals(pairs.flat())}.`,
    note: "The mean over seeds, and the span of the seeds as a band; the dotted line is the base's greedy response.",
    body: (
      <div class="panels">
        {pairs.map((cells) => (
          <>
            <Panel title={`${nameAmongLargest(cells[0]!)}: % lift over greedy`}>{body(cells, LIFT)}</Panel>
            <Panel title={`${nameAmongLargest(cells[0]!)}: mean log-probability under the base`}>
              {body(cells, LOG_LIKELIHOOD)}
            </Panel>
          </>
        ))}
      </div>
    ),
    legend: legendLines,
    table: {
      id: "figure-9-table",
      caption: `The adapter of the kept epoch, sampled once at temperature ${result.temperature}; intervals over prompts and seeds`,
      columns: ["Cell", "Accuracy, %", "% lift over greedy", "Log-likelihood lift, nats"],
      rows,
    },
  };
}

function finals(cells: readonly AmortizedCell[]): string {
  const said = cells.flatMap((cell) => {
    const lift: Estimate | undefined = cell.metrics?.adapter.lift;
    return lift ? [`${nameOf(cell)} ends at ${inWords(lift.value, RELATIVE)}`] : [];
  });
  return said.length > 0 && said.length <= 9 ? list(said) : "a line for each";
}
