import * as Plot from "@observablehq/plot";
import type { Histogram } from "../../evaluate/metrics.js";
import {
  axisOfN,
  contextLine,
  domainOf,
  lineMarks,
  referenceMarks,
  svg,
  type ChartSeries,
} from "../chart.js";
import { html, type Html, type HtmlValue } from "../html.js";

const FRAME = {
  width: 330,
  height: 210,
  marginTop: 20,
  marginBottom: 40,
  marginLeft: 50,
  marginRight: 14,
} as const;

/** One small chart with its name; a sentence in place of a chart where there is nothing to draw. */
export function panel(title: HtmlValue, body: HtmlValue): Html {
  return html`<div class="panel">
    <p class="panel-title">${title}</p>
    ${body}
  </div>`;
}

/** Said where there is no figure. */
export const instead = (words: string): Html => html`<p class="note">${words}</p>`;

/** Lines with their bands, and others thin behind them. */
export interface LinePanel {
  readonly lines: readonly ChartSeries[];
  readonly context?: readonly ChartSeries[];
  /** A horizontal line with a name. */
  readonly reference?: { readonly value: number; readonly name: string };
  readonly x: "n" | "epoch";
}

/** A panel of lines against N (logarithmic) or against epochs. */
export function linePanel({ lines, context = [], reference, x }: LinePanel): Html {
  const points = lines.flatMap((line) => line.points);
  const positions = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const last = positions.at(-1) ?? 1;
  const domain = domainOf([...lines, ...context], reference === undefined ? [] : [reference.value]);
  return svg({
    ...FRAME,
    x: x === "n" ? axisOfN(positions) : epochAxis(last),
    y: { domain, grid: true, label: null, ticks: 5 },
    marks: [
      ...context.map(contextLine),
      ...(reference
        ? referenceMarks(
            reference.value,
            reference.name,
            positions[0] ?? 1,
            reference.value < (domain[0] + domain[1]) / 2,
          )
        : []),
      ...lines.flatMap(lineMarks),
    ],
  });
}

function epochAxis(last: number): NonNullable<Parameters<typeof svg>[0]["x"]> {
  const step = [1, 2, 5, 10, 20, 50].find((size) => last / size <= 6) ?? Math.ceil(last / 6);
  return {
    domain: [0, Math.max(1, last)],
    ticks: Array.from({ length: Math.floor(last / step) + 1 }, (_, i) => i * step),
    tickFormat: (epoch: number) => String(epoch),
    label: "Epoch",
    labelAnchor: "center",
    labelArrow: "none",
  };
}

/** Correct responses as bars, incorrect ones as an outline, each in percent of its own. */
export function histogramPanel(correct: Histogram, incorrect: Histogram): Html {
  const [right, wrong] = [binsOf(correct), binsOf(incorrect)];
  const highest = Math.max(1, ...right.map((b) => b.share), ...wrong.map((b) => b.share));
  // The outline: a point at each edge, held until the next.
  const outline = [...wrong.map(({ low, share }) => ({ low, share })), { low: wrong.at(-1)!.high, share: 0 }];
  return svg({
    ...FRAME,
    x: {
      domain: [right[0]!.low, right.at(-1)!.high],
      label: "log π(y | x), nats",
      labelAnchor: "center",
      labelArrow: "none",
      // Numbers of six characters, as long responses have, need the room.
      ticks: 3,
    },
    y: { domain: [0, highest * 1.08], grid: true, label: null, ticks: 4 },
    marks: [
      Plot.rectY(right, {
        x1: "low",
        x2: "high",
        y: "share",
        fill: "var(--green)",
        fillOpacity: 0.6,
        insetLeft: 0.5,
        insetRight: 0.5,
      }),
      Plot.line(outline, {
        x: "low",
        y: "share",
        curve: "step-after",
        stroke: "var(--orange)",
        strokeWidth: 1.75,
      }),
      Plot.ruleY([0], { stroke: "var(--muted)" }),
    ],
  });
}

function binsOf({ edges, counts }: Histogram): { low: number; high: number; share: number }[] {
  const total = counts.reduce((a, b) => a + b, 0);
  return counts.map((count, i) => ({
    low: edges[i]!,
    high: edges[i + 1]!,
    share: total === 0 ? 0 : (100 * count) / total,
  }));
}
