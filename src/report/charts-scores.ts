import * as Plot from "@observablehq/plot";
import type { Histogram, Metrics } from "../evaluate/metrics.js";
import { figure, svg, twoWidths, type Mark } from "./chart.js";
import { count, inWords, list, NATS, SHARE } from "./format.js";
import { html, type Html } from "./html.js";
import { seriesStyle } from "../page/palette.js";

interface Bin {
  readonly group: string;
  readonly x1: number;
  readonly x2: number;
  readonly share: number;
}

function bins(group: string, { edges, counts }: Histogram): Bin[] {
  const total = counts.reduce((a, b) => a + b, 0);
  return counts.map((c, i) => ({
    group,
    x1: edges[i] ?? 0,
    x2: edges[i + 1] ?? 0,
    share: total === 0 ? 0 : (100 * c) / total,
  }));
}

/** The median of binned values, in nats, linear inside its bin; undefined when there is none. */
export function binnedMedian({ edges, counts }: Histogram): number | undefined {
  const half = counts.reduce((a, b) => a + b, 0) / 2;
  let before = 0;
  for (const [i, c] of counts.entries()) {
    if (c > 0 && before + c >= half) {
      const low = edges[i] as number;
      return low + ((half - before) / c) * ((edges[i + 1] as number) - low);
    }
    before += c;
  }
  return undefined;
}

/** What is drawn as one shape. */
interface Group {
  readonly name: string;
  readonly histogram: Histogram;
  readonly colour: string;
  readonly bins: readonly Bin[];
  readonly median: number | undefined;
}

/** What all shapes share: the range of log π, and the largest share of a bin. */
interface Domain {
  readonly from: number;
  readonly to: number;
  readonly highest: number;
}

/** Histograms of log π of the responses drawn: correct above incorrect, or all together without labels. */
export function histogramFigure(metrics: Metrics): Html | undefined {
  const { correct, incorrect, all } = metrics.histograms;
  const labelled = correct !== undefined && incorrect !== undefined;
  const groups = labelled
    ? [
        { name: "correct", histogram: correct, colour: "var(--green)" },
        { name: "incorrect", histogram: incorrect, colour: "var(--orange)" },
      ]
    : [{ name: "all responses", histogram: all, colour: "var(--blue)" }];
  const data = groups.map((g): Group => ({
    ...g,
    bins: bins(g.name, g.histogram),
    median: binnedMedian(g.histogram),
  }));
  const highest = Math.max(1, ...data.flatMap((g) => g.bins.map((b) => b.share)));
  const domain: Domain = { from: all.edges[0] ?? 0, to: all.edges.at(-1) ?? 1, highest };
  const draw = (width: number): Html =>
    html`${data.map((g, i) => panel(g, domain, width, i === data.length - 1))}`;
  const each = data.map((g) => {
    const total = g.histogram.counts.reduce((a, b) => a + b, 0);
    const median = g.median === undefined ? "" : `, median ${inWords(g.median, NATS)}`;
    return `${count(total)} ${labelled ? g.name : "responses"}${median}`;
  });
  return figure(
    {
      id: "figure-histogram",
      title: labelled
        ? "Log-probability of correct and incorrect responses"
        : "Log-probability of the responses",
      message: `${list(each)}.${labelled ? " Where the two shapes lie apart, log-likelihood can tell them apart; where they overlap, it cannot." : ""}`,
      note: "Each shape is in percent of its own responses. The dotted line is the median.",
    },
    twoWidths(draw),
  );
}

/** One group's histogram; the last has the axis of all. */
function panel(group: Group, { from, to, highest }: Domain, width: number, axis: boolean): Html {
  return svg({
    width,
    height: axis ? 178 : 142,
    marginLeft: 46,
    marginRight: 14,
    marginTop: 22,
    marginBottom: axis ? 40 : 6,
    x: {
      domain: [from, to],
      label: axis ? "log π(y | x) of the whole response, nats" : null,
      labelAnchor: "center",
      labelArrow: "none",
      ...(axis ? {} : { ticks: [] }),
    },
    y: {
      domain: [0, highest * 1.08],
      grid: true,
      ticks: 4,
      label: `% of ${group.name}`,
      labelArrow: "none",
    },
    marks: [
      Plot.rectY(group.bins, {
        x1: "x1",
        x2: "x2",
        y: "share",
        fill: group.colour,
        fillOpacity: 0.82,
        insetLeft: 0.5,
        insetRight: 0.5,
      }),
      Plot.ruleY([0], { stroke: "var(--muted)" }),
      ...(group.median === undefined ? [] : medianMarks(group.median, highest)),
    ],
  });
}

function medianMarks(x: number, top: number): Mark[] {
  return [
    Plot.ruleX([x], { stroke: "var(--page)", strokeWidth: 3 }),
    Plot.ruleX([x], {
      stroke: "var(--text)",
      strokeWidth: 1.5,
      strokeDasharray: "1 3",
      strokeLinecap: "round",
    }),
    Plot.text(["median"], {
      x: () => x,
      y: () => top * 1.08,
      dx: 5,
      dy: 7,
      textAnchor: "start",
      fill: "var(--text)",
      stroke: "var(--page)",
      strokeWidth: 4,
    }),
  ];
}

/** How well each self-reward orders correct above incorrect responses of one prompt. */
export function orderingFigure(metrics: Metrics): Html | undefined {
  const rows = Object.entries(metrics.auc ?? {}).map(([name, e], i) => ({
    name,
    style: seriesStyle(i),
    ...e,
  }));
  if (rows.length === 0) return undefined;
  const draw = (width: number): Html =>
    svg({
      width,
      height: 64 + 34 * rows.length,
      marginLeft: 128,
      marginRight: 18,
      marginTop: 22,
      marginBottom: 40,
      x: {
        domain: [
          Math.min(0.47, ...rows.map((r) => r.low - 0.02)),
          Math.max(0.6, ...rows.map((r) => r.high + 0.02)),
        ],
        grid: true,
        ticks: 5,
        label: "P(correct scores above incorrect)",
        labelAnchor: "center",
        labelArrow: "none",
      },
      y: { domain: rows.map((r) => r.name), label: null, tickSize: 0 },
      marks: [
        Plot.ruleX([0.5], {
          stroke: "var(--text)",
          strokeDasharray: "1 3",
          strokeLinecap: "round",
          strokeWidth: 1.25,
        }),
        Plot.text(["chance"], { x: () => 0.5, frameAnchor: "top", dy: -12, fill: "var(--text)" }),
        ...rows.flatMap((r) => [
          Plot.link([r], {
            x1: "low",
            x2: "high",
            y1: "name",
            y2: "name",
            stroke: r.style.colour,
            strokeWidth: 2.5,
          }),
          Plot.dot([r], { x: "value", y: "name", fill: r.style.colour, symbol: r.style.symbol, r: 5 }),
        ]),
      ],
    });
  const each = rows.map((r) => `${inWords(r.value, SHARE)} for ${r.name}`);
  return figure(
    {
      id: "figure-ordering",
      title: "Can the self-reward tell right from wrong?",
      message: `The probability that a correct response of a prompt scores above an incorrect one is ${list(each)}; 0.5 is chance.`,
      note: "Bars are 95\u00a0% intervals; ties count half. Below chance, choosing by that reward hurts.",
    },
    twoWidths(draw),
  );
}
