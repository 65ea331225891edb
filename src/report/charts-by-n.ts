import { sampleSizes } from "../evaluate/largest-n.js";
import type { AnswerMetrics, Estimate, Metrics } from "../evaluate/metrics.js";
import {
  axisOfN,
  contextLine,
  domainOf,
  endLabels,
  figure,
  legend,
  lineMarks,
  referenceMarks,
  svg,
  twoWidths,
  type ChartSeries,
} from "./chart.js";
import { direction, fixed, inWords, list, NATS, PERCENT, POINTS } from "./format.js";
import { html, type Html } from "./html.js";
import { seriesStyle, type SeriesStyle } from "../page/palette.js";

const CEILING = "coverage";
const COVERAGE_STYLE: SeriesStyle = { colour: "var(--slate)", dash: "1 4", symbol: "cross" };
const MARGIN = { marginTop: 26, marginBottom: 40, marginLeft: 46 } as const;

/** One series per self-reward; points where `pick` has an estimate. Empty series are left out. */
function rewardSeries(
  metrics: Metrics,
  pick: (answer: AnswerMetrics) => Estimate | undefined,
  scale: number,
  band: boolean,
): ChartSeries[] {
  return Object.entries(metrics.bestOfN)
    .map(([name, byN], i) => ({
      name,
      style: seriesStyle(i),
      band,
      points: sampleSizes(byN).flatMap((n) => {
        const answer = byN[n];
        const estimate = answer && pick(answer);
        return estimate === undefined ? [] : [point(n, estimate, scale)];
      }),
    }))
    .filter((series) => series.points.length > 0);
}

function point(x: number, e: Estimate, scale: number): ChartSeries["points"][number] {
  return { x, value: e.value * scale, low: e.low * scale, high: e.high * scale };
}

function sizesOf(series: readonly ChartSeries[]): number[] {
  return [...new Set(series.flatMap((s) => s.points.map((p) => p.x)))].sort((a, b) => a - b);
}

/** Accuracy of best-of-N against N for every self-reward, with greedy and the coverage skyline. */
export function accuracyFigure(metrics: Metrics): Html | undefined {
  const rewards = rewardSeries(metrics, (a) => a.accuracy, 100, true);
  const greedy = metrics.greedy.accuracy;
  if (rewards.length === 0) return undefined;
  const coverage = coverageSeries(metrics);
  const series = coverage === undefined ? rewards : [...rewards, coverage];
  const sizes = sizesOf(series);
  const bandless = series.map((s) => ({ ...s, band: s.name === CEILING }));
  const domain = domainOf(bandless, greedy ? [greedy.value * 100] : [], [0, 100]);
  const draw = (width: number, narrow: boolean): Html => {
    const height = narrow ? 300 : 400;
    const marginRight = narrow ? 14 : 142;
    const frame = { domain, pixels: height - MARGIN.marginTop - MARGIN.marginBottom };
    return svg({
      width,
      height,
      ...MARGIN,
      marginRight,
      x: axisOfN(sizes),
      y: { domain, grid: true, label: "Accuracy, %", labelArrow: "none", ticks: 6 },
      marks: [
        ...(greedy ? referenceMarks(greedy.value * 100, "greedy", sizes[0] ?? 1) : []),
        ...bandless.flatMap(lineMarks),
        ...(narrow ? [] : endLabels(lastLabels(series), sizes.at(-1) ?? 1, frame)),
      ],
    });
  };
  return figure(
    {
      id: "figure-accuracy",
      title: "Accuracy against N",
      message: accuracyMessage(metrics, rewards),
      note: "The intervals of the self-rewards are in the next figure and in the table.",
    },
    html`${twoWidths(draw)}${legend(series)}`,
  );
}

function coverageSeries(metrics: Metrics): ChartSeries | undefined {
  const { coverage } = metrics;
  if (coverage === undefined) return undefined;
  const points = sampleSizes(coverage).map((n) => point(n, coverage[n] as Estimate, 100));
  return points.length === 0 ? undefined : { name: CEILING, style: COVERAGE_STYLE, band: true, points };
}

function lastLabels(series: readonly ChartSeries[]): { text: string; y: number; colour: string }[] {
  return series.map(({ name, style, points }) => ({
    text: name,
    y: points.at(-1)?.value ?? 0,
    colour: style.colour,
  }));
}

function accuracyMessage(metrics: Metrics, rewards: readonly ChartSeries[]): string {
  const sizes = sizesOf(rewards);
  const first = sizes[0] ?? 1;
  const last = sizes.at(-1) ?? 1;
  const each = rewards.map(
    ({ name, points }) => `${inWords((points.at(-1)?.value ?? 0) / 100, PERCENT)} by ${name}`,
  );
  const start = rewards[0]?.points[0]?.value;
  const parts = [
    `Best-of-${last} is right for ${list(each)}` +
      (start === undefined || first === last
        ? "."
        : `, from ${inWords(start / 100, PERCENT)} at N\u00a0=\u00a0${first}.`),
  ];
  if (metrics.greedy.accuracy)
    parts.push(`Greedy decoding is right for ${inWords(metrics.greedy.accuracy.value, PERCENT)}.`);
  const ceiling = metrics.coverage?.[last];
  if (ceiling) {
    parts.push(
      `Coverage, the share of prompts with any correct response among ${last}, is ${inWords(ceiling.value, PERCENT)}: a ceiling that no selector passes.`,
    );
  }
  return parts.join(" ");
}

/** Lift over greedy in points, one panel per self-reward with its 95 % band. */
export function liftFigure(metrics: Metrics): Html | undefined {
  const series = rewardSeries(metrics, (a) => a.liftPoints, 100, true);
  if (series.length === 0) return undefined;
  const sizes = sizesOf(series);
  const domain = domainOf(series, [0]);
  const panels = series.map(
    (s) =>
      html`<div class="panel">
        <p class="panel-title">${s.name}</p>
        ${svg({
          width: 330,
          height: 210,
          ...MARGIN,
          marginTop: 14,
          marginRight: 14,
          x: axisOfN(sizes),
          y: {
            domain,
            grid: true,
            label: null,
            ticks: 5,
            tickFormat: (v: number) => fixed(v, Number.isInteger(v) ? 0 : 1, true),
          },
          marks: [
            ...referenceMarks(0, "greedy", sizes[0] ?? 1, domain[0] > -1),
            ...series.filter((other) => other !== s).map(contextLine),
            ...lineMarks(s),
          ],
        })}
      </div>`,
  );
  const last = sizes.at(-1) ?? 1;
  const verdicts = Object.entries(metrics.bestOfN).flatMap(([name, byN]) => {
    const lift = byN[last]?.liftPoints;
    if (lift === undefined) return [];
    const side = { up: "above", down: "below", unclear: "not clearly different from", few: "" }[
      direction(lift, POINTS, metrics)
    ];
    if (side === "") return [`${name} has too few prompts to say (${inWords(lift.value, POINTS)})`];
    return [`${name} is ${side} greedy (${inWords(lift.value, POINTS)})`];
  });
  return figure(
    {
      id: "figure-lift",
      title: "Lift over greedy, in points",
      message: `At N\u00a0=\u00a0${last}, ${list(verdicts)}.`,
      note: "The other self-rewards are drawn thin. The band is the 95\u00a0% interval of each N by itself, paired over prompts; where it holds 0, the difference may be chance. What is said above is judged among all comparisons of this page.",
    },
    html`<div class="panels">${panels}</div>`,
  );
}

/** Mean log-probability of the chosen response against N, with greedy. */
export function logLikelihoodFigure(metrics: Metrics): Html | undefined {
  const series = rewardSeries(metrics, (a) => a.logLikelihood, 1, true);
  if (series.length === 0) return undefined;
  const sizes = sizesOf(series);
  const greedy = metrics.greedy.logLikelihood.value;
  const domain = domainOf(series, [greedy]);
  const draw = (width: number, narrow: boolean): Html => {
    const height = narrow ? 300 : 380;
    const frame = { domain, pixels: height - MARGIN.marginTop - MARGIN.marginBottom };
    return svg({
      width,
      height,
      ...MARGIN,
      marginRight: narrow ? 14 : 142,
      x: axisOfN(sizes),
      y: { domain, grid: true, label: "Mean log π(y | x), nats", labelArrow: "none", ticks: 6 },
      marks: [
        ...referenceMarks(greedy, "greedy", sizes[0] ?? 1),
        ...series.flatMap(lineMarks),
        ...(narrow ? [] : endLabels(lastLabels(series), sizes.at(-1) ?? 1, frame)),
      ],
    });
  };
  const last = sizes.at(-1) ?? 1;
  const each = series.map(({ name, points }) => `${inWords(points.at(-1)?.value ?? 0, NATS)} by ${name}`);
  return figure(
    {
      id: "figure-log-likelihood",
      title: "Log-probability of the chosen response",
      message: `The response chosen among ${last} has a mean log-probability under the base of ${list(each)}; the greedy response has ${inWords(greedy, NATS)}.`,
      note: "The whole sequence’s log-probability at temperature 1, whatever temperature sampled it. Bands are 95\u00a0% intervals.",
    },
    html`${twoWidths(draw)}${legend(series)}`,
  );
}
