import * as Plot from "@observablehq/plot";
import { parsePage, type DomElement } from "./dom.js";
import { visibleText } from "../core/visible-text.js";
import { html, trusted, type Html } from "./html.js";
import type { SeriesStyle } from "../page/palette.js";

/** A point of a line with its interval. */
export interface ChartPoint {
  readonly x: number;
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
}

/** A named line. */
export interface ChartSeries {
  readonly name: string;
  readonly style: SeriesStyle;
  readonly points: readonly ChartPoint[];
  /** Whether the interval is drawn as a band. */
  readonly band: boolean;
}

type PlotOptions = NonNullable<Parameters<typeof Plot.plot>[0]>;
/** Anything that Plot draws. */
export type Mark = NonNullable<PlotOptions["marks"]>[number];

const document = parsePage("<!doctype html><html><body></body></html>");

/** One chart as inline SVG. Colours are the page's CSS variables; the style element that Plot adds is dropped. */
export function svg(options: PlotOptions): Html {
  const settings: unknown = { document, className: "chart", style: {}, ...options };
  const drawn: unknown = Plot.plot(settings as PlotOptions);
  const plot = drawn as DomElement;
  // No style attribute and no style element: the page's content security policy allows neither.
  for (const style of plot.querySelectorAll("style")) style.remove();
  plot.removeAttribute("style");
  plot.removeAttribute("font-family");
  plot.setAttribute("aria-hidden", "true");
  plot.setAttribute("focusable", "false");
  return trusted(rounded(visibleText(plot.outerHTML)));
}

/** Coordinates to a hundredth of a pixel: a third of the bytes. */
function rounded(markup: string): string {
  return markup.replace(/(-?\d+\.\d{3,})(?=[^<>]*>)/g, (n) => String(Math.round(Number(n) * 100) / 100));
}

/**
 * The marks of a line: its band, its dashed stroke, and its markers.
 */
export function lineMarks(series: ChartSeries): Mark[] {
  const { style } = series;
  const points = [...series.points];
  const banded = points.filter((p) => p.low !== undefined && p.high !== undefined);
  const dash = style.dash === undefined ? {} : { strokeDasharray: style.dash };
  return [
    ...(series.band
      ? [Plot.areaY(banded, { x: "x", y1: "low", y2: "high", fill: style.colour, fillOpacity: 0.13 })]
      : []),
    Plot.line(points, { x: "x", y: "value", stroke: style.colour, strokeWidth: 2, ...dash }),
    Plot.dot(points, { x: "x", y: "value", fill: style.colour, symbol: style.symbol, r: 3.6 }),
  ];
}

/** A line that is only context: thin and grey. */
export function contextLine(series: ChartSeries): Mark {
  return Plot.line([...series.points], { x: "x", y: "value", stroke: "var(--control)", strokeWidth: 1 });
}

/** A horizontal line of reference with its name at the left end, above the line. */
export function referenceMarks(y: number, name: string, x: number, above = true): Mark[] {
  return [
    Plot.ruleY([y], {
      stroke: "var(--text)",
      strokeWidth: 1.25,
      strokeDasharray: "1 3",
      strokeLinecap: "round",
    }),
    Plot.text([name], {
      x: () => x,
      y: () => y,
      dx: 2,
      dy: above ? -8 : 10,
      textAnchor: "start",
      fill: "var(--text)",
      stroke: "var(--page)",
      strokeWidth: 4,
    }),
  ];
}

/** The least domain that holds all values, with air; `include` are further values that must be in. */
export function domainOf(
  series: readonly ChartSeries[],
  include: readonly number[],
  limits: readonly [number, number] = [-Infinity, Infinity],
): [number, number] {
  const values = [...include];
  for (const { points, band } of series)
    for (const point of points) {
      values.push(point.value);
      if (band && point.low !== undefined && point.high !== undefined) values.push(point.low, point.high);
    }
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const air = (high - low || Math.abs(high) || 1) * 0.08;
  return [Math.max(limits[0], low - air), Math.min(limits[1], high + air)];
}

/** The x axis of everything that is drawn against N: logarithmic, with a tick at each N measured. */
export function axisOfN(sizes: readonly number[]): NonNullable<PlotOptions["x"]> {
  const first = sizes[0] ?? 1;
  const last = sizes.at(-1) ?? 1;
  const ticks = sizes.filter((_, i) => i === 0 || i === sizes.length - 1 || hasRoom(sizes, i));
  return {
    type: "log",
    domain: first === last ? [first / 2, first * 2] : [first, last],
    ticks,
    tickFormat: (n: number) => String(n),
    label: "Responses per prompt, N",
    labelAnchor: "center",
    labelArrow: "none",
  };
}

/** Whether there is room for the i-th tick between its neighbours and the ends. */
function hasRoom(sizes: readonly number[], i: number): boolean {
  return sizes.length <= 8 || [1, 2, 5].includes(Number(String(sizes[i]).charAt(0)));
}

/** A legend in HTML, for widths at which the lines cannot be labelled directly. */
export function legend(series: readonly ChartSeries[]): Html {
  return html`<ul class="legend">
    ${series.map(({ name, style }) => html`<li>${swatch(style)}${name}</li>`)}
  </ul>`;
}

function swatch(style: SeriesStyle): Html {
  return svg({
    width: 34,
    height: 14,
    margin: 0,
    axis: null,
    x: { domain: [0, 34] },
    y: { domain: [0, 14] },
    marks: lineMarks({
      name: "",
      style,
      band: false,
      points: [
        { x: 1, value: 7 },
        { x: 33, value: 7 },
      ],
    })
      .slice(0, 1)
      .concat(Plot.dot([17], { x: () => 17, y: () => 7, fill: style.colour, symbol: style.symbol, r: 3.6 })),
  });
}
