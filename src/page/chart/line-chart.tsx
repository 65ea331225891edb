import type { VNode } from "preact";
import type { SeriesStyle } from "../palette.js";
import { Axes, frameOf, type Axis } from "./axes.js";
import { Marker } from "./marks.js";
import { apart, px, type Frame } from "./scale.js";
import { Tips, type Tip } from "./tips.js";

/** A point of a line with its interval. */
export interface LinePoint {
  readonly x: number;
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
  /** Marked by a ring. */
  readonly ring?: boolean;
}

/** A named line. */
export interface LineSeries {
  readonly name: string;
  readonly style: SeriesStyle;
  readonly points: readonly LinePoint[];
  /** Whether the interval is drawn as a band. */
  readonly band: boolean;
  /** Drawn thin and grey, without name or values. */
  readonly context?: boolean;
}

/** What a chart of lines shows. */
export interface LineChartParts {
  readonly width: number;
  readonly height: number;
  readonly series: readonly LineSeries[];
  readonly x: Axis;
  readonly y: Axis;
  /** Horizontal lines with their names. */
  readonly references?: readonly { readonly y: number; readonly name: string }[];
  /** Names at the right ends of the lines; otherwise a legend has them. */
  readonly labels: boolean;
  /** How a value is written when it is pointed at. */
  readonly write: (value: number) => string;
  /** What x is, before its value, when it is pointed at. */
  readonly xName: string;
  /** Whether values are told where one points; default true. Where each line has x of its own there is none to point at. */
  readonly tips?: boolean;
  /** Single points with names, not part of a line. */
  readonly points?: readonly { readonly name: string; readonly x: number; readonly value: number }[];
}

/** Pixels of a letter of a line's name, and from one name to the next. */
const LETTER = 6.9;
const GAP = 15;

/** Pixels at the right, where the names stand. */
function roomAtRight({ labels, series, references = [] }: LineChartParts): number {
  const names = [...series.filter(({ context }) => !context), ...references].map(({ name }) => name.length);
  return labels ? Math.max(40, 18 + LETTER * Math.max(0, ...names)) : 14;
}

/** Lines with bands, names at their ends that do not collide, and values where one points. */
export function LineChart(parts: LineChartParts): VNode {
  const { width, height, series, references = [], labels, x, y, points = [], tips = true } = parts;
  const frame = frameOf({ width, height, x, y, right: roomAtRight(parts) });
  return (
    <svg
      class="chart"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      aria-hidden="true"
      tabIndex={-1}
    >
      <Axes frame={frame} x={x} y={y} />
      {references.map((reference) => (
        <line
          key={reference.name}
          class="reference"
          x1={frame.left}
          x2={frame.right}
          y1={px(frame.y(reference.y))}
          y2={px(frame.y(reference.y))}
        />
      ))}
      {series.map((one, at) => (
        <Line key={at} series={one} frame={frame} />
      ))}
      {points.length > 0 && <Points points={points} frame={frame} />}
      {labels && <EndNames series={series} references={references} frame={frame} />}
      {tips && <Tips tips={tipsOf(parts)} frame={frame} />}
    </svg>
  );
}

function Line({ series, frame }: { readonly series: LineSeries; readonly frame: Frame }): VNode {
  const { style, points, band, context } = series;
  const { x, y } = frame;
  const at = (value: number, of: LinePoint): string => `${px(x(of.x))},${px(y(value))}`;
  const banded = band ? points.filter(({ low, high }) => low !== undefined && high !== undefined) : [];
  const line = points.map((point) => at(point.value, point)).join(" ");
  if (context) return <polyline class="context" points={line} />;
  const outline = [
    ...banded.map((point) => at(point.high!, point)),
    ...banded.toReversed().map((point) => at(point.low!, point)),
  ];
  return (
    <g>
      {banded.length > 1 && <polygon points={outline.join(" ")} fill={style.colour} fill-opacity="0.13" />}
      <polyline
        points={line}
        fill="none"
        stroke={style.colour}
        stroke-width="2"
        stroke-dasharray={style.dash}
      />
      {points.map((point) => (
        <Marker key={point.x} x={x(point.x)} y={y(point.value)} style={style} />
      ))}
      {points
        .filter(({ ring }) => ring)
        .map((point) => (
          <circle
            key={`r${point.x}`}
            cx={px(x(point.x))}
            cy={px(y(point.value))}
            r="7"
            fill="none"
            stroke={style.colour}
            stroke-width="1.5"
          />
        ))}
    </g>
  );
}

/** The names of lines and of references at the right, moved apart where they would touch. */
function EndNames({
  series,
  references,
  frame,
}: Pick<LineChartParts, "series"> & {
  readonly references: NonNullable<LineChartParts["references"]>;
  readonly frame: Frame;
}): VNode {
  const names = [
    ...series.flatMap(({ name, style, points, context }) =>
      context || points.length === 0 ? [] : [{ name, colour: style.colour, y: points.at(-1)!.value }],
    ),
    ...references.map(({ name, y }) => ({ name, colour: "var(--text)", y })),
  ];
  const placed = apart(
    names.map(({ y }) => frame.y(y)),
    GAP,
    frame.top,
    frame.bottom,
  );
  return (
    <>
      {names.map(({ name, colour }, at) => (
        <text key={name} class="end" x={frame.right + 11} y={px(placed[at]! + 4)} fill={colour}>
          {name}
        </text>
      ))}
    </>
  );
}

/** Points with their names, each in the first row below or above where it does not run into another. */
function Points({ points, frame }: { points: NonNullable<LineChartParts["points"]>; frame: Frame }): VNode {
  const sorted = points.toSorted((a, b) => a.x - b.x);
  const ends: number[] = [];
  const rows = sorted.map(({ name, x }) => {
    const start = frame.x(x);
    const free = ends.findIndex((end) => end < start);
    const row = free < 0 ? ends.length : free;
    ends[row] = start + 14 + name.length * LETTER;
    return (row % 2 === 0 ? 1 : -1) * (14 + GAP * Math.floor(row / 2));
  });
  return (
    <>
      {sorted.map(({ name, x, value }, at) => (
        <g key={name}>
          <text class="end" x={px(frame.x(x) + 7)} y={px(frame.y(value) + rows[at]! + 3)} fill="var(--text)">
            {name}
          </text>
          <circle cx={px(frame.x(x))} cy={px(frame.y(value))} r="4.5" fill="var(--text)" />
        </g>
      ))}
    </>
  );
}

/** What is told at each x: every line's value there, the highest first. */
function tipsOf({ series, references = [], write, xName, x: axis }: LineChartParts): Tip[] {
  const writeX = axis.format ?? String;
  const shown = series.filter(({ context }) => !context);
  const all = [...new Set(shown.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  return all.map((x) => {
    const here = shown.flatMap(({ name, style, points }) => {
      const point = points.find((each) => each.x === x);
      return point ? [{ name, colour: style.colour, ...point }] : [];
    });
    const lines = [
      ...here.map(({ name, colour, value, low, high }) => ({
        ...{ colour, value },
        words: `${name === "" ? "" : `${name} `}${write(value)}${low === undefined || high === undefined ? "" : ` [${write(low)}, ${write(high)}]`}`,
      })),
      ...references.map(({ name, y }) => ({ colour: "var(--text)", value: y, words: `${name} ${write(y)}` })),
    ].sort((a, b) => b.value - a.value);
    return { x, title: `${xName} ${writeX(x)}`, lines };
  });
}
