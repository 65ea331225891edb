import type { VNode } from "preact";
import type { Estimate, Metrics, TiltMetrics } from "../evaluate/metrics.js";
import { LineChart, type LineSeries } from "../page/chart/line-chart.js";
import { Legend } from "../page/chart/marks.js";
import { domainAround } from "../page/chart/scale.js";
import { Figure, twoWidths } from "../page/figure.js";
import { seriesStyle } from "../page/palette.js";
import type { TableData } from "../page/table.js";
import { valuesOf } from "./axis-of-n.js";
import { estimateCell } from "./estimate-cell.js";
import { count, fixed, inWords, list, methodName, NATS, PERCENT, SHARE, type Unit } from "./format.js";

/** A point of the chart that has a name: the base, or an adapter. */
interface NamedPoint {
  readonly name: string;
  readonly x: number;
  readonly value: number;
}

interface Compared {
  readonly label: string;
  readonly unit: Unit;
  readonly pick: (of: {
    readonly accuracy?: Estimate;
    readonly logLikelihood: Estimate;
  }) => Estimate | undefined;
}

const comparedIn = ({ labelled }: Metrics): Compared =>
  labelled
    ? { label: "Accuracy of one sample, %", unit: PERCENT, pick: ({ accuracy }) => accuracy }
    : {
        label: "Log-likelihood of one sample, nats",
        unit: NATS,
        pick: ({ logLikelihood }) => logLikelihood,
      };

function curvesOf({ tilt }: Metrics, { unit, pick }: Compared): LineSeries[] {
  return Object.entries(tilt ?? {})
    .map(([name, curve], i) => ({
      name,
      style: seriesStyle(i),
      band: false,
      points: curve.flatMap((point) => {
        const value = pick(point);
        return value ? [{ x: point.kl.value, value: value.value * unit.scale }] : [];
      }),
    }))
    .filter(({ points }) => points.length > 0);
}

/** The base and every adapter whose distance is known. */
function namedPoints({ base, adapters }: Metrics, { unit, pick }: Compared): NamedPoint[] {
  const at = (name: string, x: number, value: Estimate | undefined): NamedPoint[] =>
    value ? [{ name, x: Math.max(0, x), value: value.value * unit.scale }] : [];
  return [
    ...at("base", 0, pick(base)),
    ...Object.entries(adapters).flatMap(([name, adapter]) =>
      adapter.kl ? at(methodName(name), adapter.kl.value, pick(adapter)) : [],
    ),
  ];
}

/** What π*_β of each reward would give against its distance from the base, with the adapters where they are. */
export function tiltFigure(metrics: Metrics): VNode | undefined {
  const compared = comparedIn(metrics);
  const series = curvesOf(metrics, compared);
  if (series.length === 0) return undefined;
  const points = namedPoints(metrics, compared);
  const domain = domainAround([...valuesOf(series), ...points.map(({ value }) => value)]);
  const farthest = Math.max(
    ...series.flatMap((s) => s.points.map(({ x }) => x)),
    ...points.map(({ x }) => x),
  );
  const draw = (width: number, narrow: boolean): VNode => (
    <LineChart
      {...{ width, series, points, xName: "KL" }}
      height={narrow ? 300 : 360}
      labels={!narrow}
      x={{ domain: [0, farthest * 1.02 || 1], label: "KL from the base, nats" }}
      y={{ domain, label: compared.label }}
      write={(value) => fixed(value, compared.unit.decimals)}
      tips={false}
    />
  );
  return (
    <Figure
      id="figure-tilt"
      title="What training on each reward could give"
      message={tiltMessage(series, points, compared)}
      note={
        "Each line is one sample of π·exp(r/β), weighed from the responses drawn, from weak tilts at the left to nearly the best response at " +
        "its end; no policy that is as far from the base has a higher reward. An adapter below its reward’s line misses by training what " +
        "the target has; what is above the line, this reward cannot give. The intervals are in the table."
      }
    >
      {twoWidths(draw)}
      <Legend series={series} />
    </Figure>
  );
}

function tiltMessage(
  series: readonly LineSeries[],
  points: readonly NamedPoint[],
  { unit }: Compared,
): string {
  const said = (value: number): string => inWords(value / unit.scale, unit);
  const ends = series.map(({ name, points: own }) => `${said(own.at(-1)!.value)} by ${name}`);
  const named = points.map(({ name, x, value }) => `${name} ${said(value)} at ${inWords(x, NATS)}`);
  return `At their ends the lines reach ${list(ends)}. One sample, and its distance: ${list(named)}.`;
}

/** The curve of every reward, with what the chart leaves out: β, the reward, its covariance with correctness, effective draws. */
export function tiltTable(metrics: Metrics): TableData | undefined {
  const curves = Object.entries(metrics.tilt ?? {}).filter(([, curve]) => curve.length > 0);
  if (curves.length === 0) return undefined;
  const covariance = "Covariance of correctness and reward";
  const cells = (point: TiltMetrics) => [
    estimateCell(point.reward, { ...SHARE, decimals: 3 }),
    ...(metrics.labelled
      ? [estimateCell(point.accuracy, PERCENT), estimateCell(point.covariance, SHARE)]
      : []),
    estimateCell(point.logLikelihood, NATS),
    estimateCell(point.kl, NATS),
    fixed(point.effectiveResponses, 1),
  ];
  return {
    id: "figure-tilt-table",
    caption: `One sample of π·exp(r/β) by importance weights on the ${count(metrics.n)} responses to each prompt; in brackets the 95\u00a0% interval. ${metrics.labelled ? `${covariance}: above 0, more of this reward is more right answers, below 0 fewer. ` : ""}KL is at most the logarithm of the number of responses, whatever the true one is; where few responses hold the weight, the line’s end is their best one.`,
    columns: [
      "Reward, β",
      "Reward",
      ...(metrics.labelled ? ["Accuracy, %", covariance] : []),
      "Log-likelihood, nats",
      "KL, nats",
      "Effective responses",
    ],
    rows: curves.flatMap(([reward, curve]) =>
      curve.map((point) => ({
        head: `${reward}, ${String(Number(point.beta.toPrecision(3)))}`,
        cells: cells(point),
      })),
    ),
  };
}
