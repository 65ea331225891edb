import type { VNode } from "preact";
import { sampleSizes } from "../evaluate/largest-n.js";
import type { AnswerMetrics, Estimate, Metrics } from "../evaluate/metrics.js";
import { LineChart, type LineSeries } from "../page/chart/line-chart.js";
import { Legend } from "../page/chart/marks.js";
import { domainAround } from "../page/chart/scale.js";
import { Figure, twoWidths } from "../page/figure.js";
import { seriesStyle, type SeriesStyle } from "../page/palette.js";
import { axisOfN, sizesOf, valuesOf } from "./axis-of-n.js";
import { direction, fixed, inWords, list, NATS, PERCENT, POINTS } from "./format.js";

const CEILING = "coverage";
const COVERAGE_STYLE: SeriesStyle = { colour: "var(--slate)", dash: "1 4", symbol: "cross" };

/** One series per self-reward; points where `pick` has an estimate. Empty series are left out. */
function rewardSeries(
  metrics: Metrics,
  pick: (answer: AnswerMetrics) => Estimate | undefined,
  scale: number,
  band: boolean,
): LineSeries[] {
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

function point(x: number, e: Estimate, scale: number): LineSeries["points"][number] {
  return { x, value: e.value * scale, low: e.low * scale, high: e.high * scale };
}

/** Accuracy of best-of-N against N for every self-reward, with greedy and the coverage skyline. */
export function accuracyFigure(metrics: Metrics, leading = false): VNode | undefined {
  const rewards = rewardSeries(metrics, (a) => a.accuracy, 100, false);
  const greedy = metrics.greedy.accuracy;
  if (rewards.length === 0) return undefined;
  const coverage = coverageSeries(metrics);
  const series = coverage === undefined ? rewards : [...rewards, coverage];
  const references = greedy ? [{ name: "greedy", y: greedy.value * 100 }] : [];
  const domain = domainAround([...valuesOf(series), ...references.map(({ y }) => y)], [0, 100]);
  const draw = (width: number, narrow: boolean): VNode => (
    <LineChart
      {...{ width, series, references, xName: "N" }}
      height={narrow ? 290 : leading ? 430 : 400}
      labels={!narrow}
      x={axisOfN(sizesOf(series))}
      y={{ domain, label: "Accuracy, %" }}
      write={(value) => fixed(value, 1)}
    />
  );
  return (
    <Figure
      id="figure-accuracy"
      title="Accuracy against N"
      message={accuracyMessage(metrics, rewards)}
      leading={leading}
      quiet={leading}
    >
      {twoWidths(draw)}
      <Legend series={series} />
    </Figure>
  );
}

function coverageSeries(metrics: Metrics): LineSeries | undefined {
  const { coverage } = metrics;
  if (coverage === undefined) return undefined;
  const points = sampleSizes(coverage).map((n) => point(n, coverage[n] as Estimate, 100));
  return points.length === 0 ? undefined : { name: CEILING, style: COVERAGE_STYLE, band: true, points };
}

function accuracyMessage(metrics: Metrics, rewards: readonly LineSeries[]): string {
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
export function liftFigure(metrics: Metrics): VNode | undefined {
  const series = rewardSeries(metrics, (a) => a.liftPoints, 100, true);
  if (series.length === 0) return undefined;
  const sizes = sizesOf(series);
  const domain = domainAround([...valuesOf(series), 0]);
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
  return (
    <Figure
      id="figure-lift"
      title="Lift over greedy, in points"
      message={`At N\u00a0=\u00a0${last}, ${list(verdicts)}.`}
      note={
        "The dotted line is greedy; the other self-rewards are drawn thin. The band is the 95\u00a0% interval of each N by itself, paired over prompts; where it holds 0, the difference may be chance. What is said above is judged among all comparisons of this page."
      }
      whole
    >
      <div class="panels">
        {series.map((own) => (
          <div class="panel" key={own.name}>
            <p class="panel-title">{own.name}</p>
            <LineChart
              {...{ width: 300, height: 210, labels: false, xName: "N" }}
              series={[...series.filter((other) => other !== own).map(asContext), own]}
              references={[{ name: "greedy", y: 0 }]}
              x={axisOfN(sizes)}
              y={{ domain, format: (v) => fixed(v, Number.isInteger(v) ? 0 : 1, true) }}
              write={(value) => fixed(value, 1, true)}
            />
          </div>
        ))}
      </div>
    </Figure>
  );
}

const asContext = (series: LineSeries): LineSeries => ({ ...series, context: true });

/** Mean log-probability of the chosen response against N, with greedy. */
export function logLikelihoodFigure(metrics: Metrics, leading = false): VNode | undefined {
  const series = rewardSeries(metrics, (a) => a.logLikelihood, 1, !leading);
  if (series.length === 0) return undefined;
  const greedy = metrics.greedy.logLikelihood.value;
  const domain = domainAround([...valuesOf(series), greedy]);
  const draw = (width: number, narrow: boolean): VNode => (
    <LineChart
      {...{ width, series, xName: "N" }}
      height={narrow ? 290 : leading ? 430 : 340}
      references={[{ name: "greedy", y: greedy }]}
      labels={!narrow}
      x={axisOfN(sizesOf(series))}
      y={{ domain, label: "Mean log π(y | x), nats" }}
      write={(value) => fixed(value, 2)}
    />
  );
  const last = sizesOf(series).at(-1) ?? 1;
  const each = series.map(({ name, points }) => `${inWords(points.at(-1)?.value ?? 0, NATS)} by ${name}`);
  return (
    <Figure
      id="figure-log-likelihood"
      title="Log-probability of the chosen response"
      message={`The response chosen among ${last} has a mean log-probability under the base of ${list(each)}; the greedy response has ${inWords(greedy, NATS)}.`}
      note={
        "The whole sequence’s log-probability at temperature 1, whatever temperature sampled it. Bands are 95\u00a0% intervals."
      }
      leading={leading}
      quiet={leading}
    >
      {twoWidths(draw)}
      <Legend series={series} />
    </Figure>
  );
}
