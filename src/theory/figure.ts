import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Axis, Figure, Series } from "./row.js";

type PlotOptions = NonNullable<Parameters<typeof Plot.plot>[0]>;
type Mark = NonNullable<PlotOptions["marks"]>[number];

/** What is used of Plot's result here; the compiler's own DOM types are a browser's. */
interface Drawn {
  readonly outerHTML: string;
  setAttribute(name: string, value: string): void;
}

const parsed: unknown = parseHTML("<!doctype html><html><body></body></html>");
const { document } = parsed as { readonly document: unknown };

/** A series' colour and marker, by its place among the figure's measured series or among its lines. */
export interface SeriesLook {
  readonly colour: string;
  readonly dash?: string;
  readonly symbol: "circle" | "square" | "triangle" | "diamond";
}

const colours = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)"];
const symbols = ["circle", "square", "triangle", "diamond"] as const;

/** How each series is drawn: by colour, and by dash and marker for who cannot tell the colours apart. */
export function looks(series: readonly Series[]): readonly SeriesLook[] {
  const seen = { measured: 0, bound: 0, reference: 0 };
  return series.map(({ kind }) => {
    const i = seen[kind]++;
    const colour =
      kind === "measured"
        ? colours[i % 4]!
        : kind === "bound"
          ? i === 0
            ? "var(--ink)"
            : "var(--muted)"
          : "var(--muted)";
    const dash =
      kind === "bound" ? { dash: "7 4" } : kind === "reference" ? { dash: i === 0 ? "2 4" : "1 7" } : {};
    return { colour, symbol: symbols[i % 4]!, ...dash };
  });
}

const finite = (axis: Axis, value: number): boolean => Number.isFinite(value) && (!axis.log || value > 0);

function marks(figure: Figure): Mark[] {
  const styles = looks(figure.series);
  return figure.series.flatMap((series, i): Mark[] => {
    const style = styles[i]!;
    const points = series.points.filter(({ x, y }) => finite(figure.x, x) && finite(figure.y, y));
    const dash = style.dash === undefined ? {} : { strokeDasharray: style.dash };
    const line = Plot.line(points, { x: "x", y: "y", stroke: style.colour, strokeWidth: 1.8, ...dash });
    if (series.kind !== "measured") return [line];
    const ranged = points.filter(
      ({ low, high }) =>
        low !== undefined && high !== undefined && finite(figure.y, low) && finite(figure.y, high),
    );
    const few = points.length <= 40;
    return [
      Plot.ruleX(ranged, { x: "x", y1: "low", y2: "high", stroke: style.colour, strokeWidth: 1.5 }),
      ...(few
        ? [Plot.line(points, { x: "x", y: "y", stroke: style.colour, strokeWidth: 1.2, strokeOpacity: 0.6 })]
        : []),
      Plot.dot(points, {
        x: "x",
        y: "y",
        fill: style.colour,
        fillOpacity: few ? 1 : 0.35,
        r: few ? 4 : 2.5,
        symbol: style.symbol,
      }),
    ];
  });
}

/** A figure as inline SVG; colours are the page's CSS variables, so that it follows light and dark. */
export function figureSvg(figure: Figure): string {
  const scale = (axis: Axis) => ({
    label: axis.label,
    ...(axis.log ? { type: "log" as const } : {}),
    grid: true,
    ticks: 5,
  });
  const settings: unknown = {
    document,
    width: 480,
    height: 330,
    marginLeft: 64,
    marginBottom: 48,
    style: { background: "none", fontSize: "16px", overflow: "visible" },
    x: scale(figure.x),
    y: scale(figure.y),
    marks: marks(figure),
  };
  const result: unknown = Plot.plot(settings as PlotOptions);
  const drawn = result as Drawn;
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", `${figure.title}. ${figure.caption}`);
  return drawn.outerHTML;
}
