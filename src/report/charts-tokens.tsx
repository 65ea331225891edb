import type { VNode } from "preact";
import { isSearch } from "../evaluate/measure-baselines.js";
import type { Cost, Metrics } from "../evaluate/metrics.js";
import { LineChart, type LineSeries } from "../page/chart/line-chart.js";
import { Legend } from "../page/chart/marks.js";
import { domainAround } from "../page/chart/scale.js";
import { Figure, twoWidths } from "../page/figure.js";
import { logTicks } from "../page/numbers.js";
import { seriesStyle, type SeriesStyle } from "../page/palette.js";
import type { TableData } from "../page/table.js";
import { valuesOf } from "./axis-of-n.js";
import { estimateCell } from "./estimate-cell.js";
import { count, inWords, list, fixed, PERCENT } from "./format.js";

const GREEDY = "greedy";
const ONE_SAMPLE = "one sample";
const BEAM = "beam search";
const GREEDY_STYLE: SeriesStyle = { colour: "var(--text)", symbol: "cross" };
/** Significant digits of tokens in the chart: ways that cost the same but for a token or two stand above each other. */
const DIGITS = 2;

/** Tokens as an axis has them: `500`, `20 k`, `1.5 M`. */
function short(tokens: number): string {
  const [power, letter] =
    tokens >= 1e9 ? [1e9, "G"] : tokens >= 1e6 ? [1e6, "M"] : tokens >= 1e3 ? [1e3, "k"] : [1, ""];
  return `${Number((tokens / power).toPrecision(DIGITS))}${letter === "" ? "" : `\u00a0${letter}`}`;
}

const pointOf = ({ tokens, accuracy }: Cost): LineSeries["points"][number] => ({
  x: Number(tokens.toPrecision(DIGITS)),
  value: 100 * accuracy.value,
  low: 100 * accuracy.low,
  high: 100 * accuracy.high,
});

/** A line, or a marker where there is one way alone. */
const lineOf = (name: string, style: SeriesStyle, ways: readonly Cost[]): LineSeries[] =>
  ways.length === 0
    ? []
    : [{ name, style, band: false, points: ways.toSorted((a, b) => a.tokens - b.tokens).map(pointOf) }];

/** Lines of the rewards in the colours that they have against N, then what answers with one draw or a search. */
function seriesOf({ costs = [], bestOfN }: Metrics): LineSeries[] {
  const rewards = Object.keys(bestOfN);
  const single = costs.filter(({ reward, name }) => reward === undefined && name !== ONE_SAMPLE);
  const beams = single.filter(({ name }) => isSearch(name));
  const others = single.filter(({ name }) => name !== GREEDY && !isSearch(name));
  return [
    ...rewards.flatMap((reward, i) =>
      lineOf(
        reward,
        seriesStyle(i),
        costs.filter((cost) => cost.reward === reward),
      ),
    ),
    ...lineOf(
      GREEDY,
      GREEDY_STYLE,
      single.filter(({ name }) => name === GREEDY),
    ),
    ...lineOf(BEAM, seriesStyle(rewards.length), beams),
    ...others.flatMap((way, i) =>
      lineOf(
        way.name.replace(/^one sample, |, one sample$/g, ""),
        seriesStyle(rewards.length + (beams.length > 0 ? 1 : 0) + i),
        [way],
      ),
    ),
  ];
}

/** Accuracy of every way to answer against all that it costs in tokens, what adapters learned from included; nothing without labels. */
export function tokensFigure(metrics: Metrics): VNode | undefined {
  const series = seriesOf(metrics);
  const tokens = series.flatMap(({ points }) => points.map(({ x }) => x));
  if (tokens.length < 2) return undefined;
  const [least, most] = [Math.min(...tokens), Math.max(...tokens)];
  const domain: [number, number] = least === most ? [least / 2, most * 2] : [least, most];
  const draw = (width: number, narrow: boolean): VNode => (
    <LineChart
      {...{ width, series, xName: "tokens:" }}
      height={narrow ? 300 : 400}
      labels={!narrow}
      x={{ log: true, domain, ticks: logTicks(...domain), label: "Tokens in all", format: short }}
      y={{ domain: domainAround(valuesOf(series), [0, 100]), label: "Accuracy, %" }}
      write={(value) => fixed(value, 1)}
    />
  );
  return (
    <Figure
      id="figure-tokens"
      title="Accuracy against tokens"
      message={tokensMessage(metrics)}
      note="All that is drawn to answer every prompt once, what a judge reads and says included, and of what was trained all that it learned from and was chosen by: another thousand prompts cost it no more than one draw each. Tokens are rounded to two digits here; the table has them all."
    >
      {twoWidths(draw)}
      <Legend series={series} />
    </Figure>
  );
}

function tokensMessage({ costs = [], prompts }: Metrics): string {
  const said = ({ tokens, accuracy }: Cost): string =>
    `${short(tokens)} (${inWords(accuracy.value, PERCENT)})`;
  const most = Math.max(...costs.map(({ n = 0 }) => n));
  const best = costs
    .filter(({ n }) => n === most)
    .reduce<Cost | undefined>((a, b) => (a && a.accuracy.value >= b.accuracy.value ? a : b), undefined);
  const greedy = costs.find(({ name }) => name === GREEDY);
  const trained = costs.filter(({ name }) => name.endsWith(`, ${ONE_SAMPLE}`));
  const ways = [
    ...(greedy ? [`greedy ${said(greedy)}`] : []),
    ...(best ? [`${best.name} ${said(best)}`] : []),
    ...trained.map((way) => `the ${way.name.slice(0, -`, ${ONE_SAMPLE}`.length)} ${said(way)}`),
  ];
  return `To answer ${count(prompts)} prompts takes so many tokens, and is right so often: ${list(ways)}.`;
}

/** Every way to answer with its tokens and its accuracy, the cheapest first; nothing without labels. */
export function tokensTable({ costs = [], prompts }: Metrics): TableData | undefined {
  if (costs.length === 0) return undefined;
  return {
    id: "figure-tokens-table",
    caption: `Accuracy against tokens, in all, to answer each of the ${count(prompts)} prompts once: those drawn, those that a judge reads and writes, and of what was trained those that it learned from and was chosen by. In brackets the 95\u00a0% interval.`,
    columns: ["Way to answer", "Tokens", "Accuracy, %"],
    rows: costs
      .toSorted((a, b) => a.tokens - b.tokens)
      .map(({ name, tokens, accuracy }) => ({
        head: name,
        cells: [count(tokens), estimateCell(accuracy, PERCENT)],
      })),
  };
}
