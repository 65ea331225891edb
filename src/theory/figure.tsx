import type { VNode } from "preact";
import { Axes, frameOf, type Axis as ChartAxis } from "../page/chart/axes.js";
import { Marker, type Look } from "../page/chart/marks.js";
import { domainAround, px, type Frame } from "../page/chart/scale.js";
import { seriesStyle } from "../page/palette.js";
import type { Axis, Figure, Series } from "./row.js";

/** More measured points than this are a cloud, which no line joins. */
const MANY = 40;

/** How each series is drawn: measured ones by colour and marker, bounds and references by dashes. */
export function looks(series: readonly Series[]): readonly Look[] {
  const seen = { measured: 0, bound: 0, reference: 0 };
  return series.map(({ kind }) => {
    const i = seen[kind]++;
    if (kind === "measured") return { colour: seriesStyle(i).colour, symbol: seriesStyle(i).symbol };
    if (kind === "bound") return { colour: i === 0 ? "var(--text)" : "var(--muted)", dash: "7 4" };
    return { colour: "var(--muted)", dash: i === 0 ? "2 4" : "1 7" };
  });
}

const shows = ({ log }: Axis, value: number | undefined): value is number =>
  value !== undefined && Number.isFinite(value) && (log !== true || value > 0);

/** The least domain that holds the values, with air. */
function axisOf({ label, log = false }: Axis, values: readonly number[]): ChartAxis {
  const logs = log ? values.map(Math.log10) : values;
  const [low, high] = logs.length === 0 ? [0, 1] : domainAround(logs);
  return { label, log, domain: log ? [10 ** low, 10 ** high] : [low, high], format: written };
}

/** As short as it can be told apart. */
function written(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3))
    return value.toExponential(0).replace("e+", "e").replaceAll("-", "−");
  return String(Number(value.toPrecision(4))).replace("-", "−");
}

/** A figure's chart at a width; colours are the page's, so that it follows light and dark. */
export function FigureChart({ figure, width }: { readonly figure: Figure; readonly width: number }): VNode {
  const height = Math.round(width * 0.62);
  const { series } = figure;
  const shown = series.map((one) => ({
    ...one,
    points: one.points.filter(({ x, y }) => shows(figure.x, x) && shows(figure.y, y)),
  }));
  const points = shown.flatMap((one) => one.points);
  const ends = points.flatMap(({ y, low, high }) => [y, low, high].filter((value) => shows(figure.y, value)));
  const [x, y] = [
    axisOf(
      figure.x,
      points.map((point) => point.x),
    ),
    axisOf(figure.y, ends),
  ];
  const frame = frameOf({ width, height, x, y, right: 14, left: 58 });
  const styles = looks(series);
  return (
    <svg class="chart" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      <Axes frame={frame} x={x} y={y} />
      {shown.map((one, i) => (
        <Drawn key={i} series={one} style={styles[i]!} frame={frame} y={figure.y} />
      ))}
    </svg>
  );
}

function Drawn({
  series: { points },
  style,
  frame,
  y,
}: {
  readonly series: Series;
  readonly style: Look;
  readonly frame: Frame;
  readonly y: Axis;
}): VNode {
  const { symbol } = style;
  const measured = symbol !== undefined;
  const few = points.length <= MANY;
  const at = (x: number, value: number): string => `${px(frame.x(x))},${px(frame.y(value))}`;
  return (
    <g>
      {(few || !measured) && (
        <polyline
          points={points.map((point) => at(point.x, point.y)).join(" ")}
          fill="none"
          stroke={style.colour}
          stroke-width={measured ? 1.2 : 1.8}
          stroke-opacity={measured ? 0.6 : undefined}
          stroke-dasharray={style.dash}
        />
      )}
      {measured &&
        points.map(({ x, low, high }, i) =>
          shows(y, low) && shows(y, high) ? (
            <line
              key={i}
              x1={px(frame.x(x))}
              x2={px(frame.x(x))}
              y1={px(frame.y(low))}
              y2={px(frame.y(high))}
              stroke={style.colour}
              stroke-width="1.5"
            />
          ) : null,
        )}
      {measured && (
        <g fill-opacity={few ? undefined : 0.35}>
          {points.map((point, i) => (
            <Marker
              key={i}
              x={frame.x(point.x)}
              y={frame.y(point.y)}
              style={{ ...style, symbol }}
              r={few ? 4 : 2.5}
            />
          ))}
        </g>
      )}
    </g>
  );
}
