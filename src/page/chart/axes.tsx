import type { VNode } from "preact";
import { fixed, logTicks, roundTicks } from "../numbers.js";
import { px, scaleOf, type Frame } from "./scale.js";

/** An axis: its ends, its ticks, what it is of. */
export interface Axis {
  readonly domain: readonly [number, number];
  readonly label?: string;
  readonly log?: boolean;
  /** Default: round values. */
  readonly ticks?: readonly number[];
  readonly format?: (value: number) => string;
}

const MARGIN = { top: 26, bottom: 40, left: 46 };

/** Where everything lies in a chart of a size. @param right pixels that are left free there; left: default 46. */
export function frameOf({
  width,
  height,
  x,
  y,
  right,
  left = MARGIN.left,
}: {
  readonly width: number;
  readonly height: number;
  readonly x: Axis;
  readonly y: Axis;
  readonly right: number;
  readonly left?: number;
}): Frame {
  const [top, bottom] = [y.label === undefined ? 12 : MARGIN.top, height - MARGIN.bottom];
  return {
    ...{ left, right: width - right, top, bottom, width },
    x: scaleOf(x.domain, [left, width - right], x.log),
    y: scaleOf(y.domain, [bottom, top], y.log),
  };
}

const ticksOf = ({ ticks, domain, log }: Axis, about: number): readonly number[] =>
  ticks ?? (log ? logTicks(...domain) : roundTicks(...domain, about));

/** As many decimals as the ticks need to be told apart. */
function writerOf(ticks: readonly number[], { format, log }: Axis): (value: number) => string {
  if (format) return format;
  if (log) return String;
  const step = Math.abs((ticks[1] ?? ticks[0]! + 1) - ticks[0]!);
  const decimals = ticks.every(Number.isInteger) ? 0 : Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return (value) => fixed(value, decimals);
}

/** Both axes: values at the left with lines across, values below, and what they are of. */
export function Axes({ frame, x, y }: { readonly frame: Frame; readonly x: Axis; readonly y: Axis }): VNode {
  const { left, right, bottom, width } = frame;
  const yTicks = ticksOf(y, bottom < 220 ? 4 : 6);
  const xTicks = ticksOf(x, width < 400 ? 4 : 6);
  const [writeX, writeY] = [x.format ?? String, writerOf(yTicks, y)];
  return (
    <>
      {yTicks.map((tick) => (
        <g key={`y${tick}`}>
          <line class="grid" x1={left} x2={right} y1={px(frame.y(tick))} y2={px(frame.y(tick))} />
          <text class="tick" x={left - 8} y={px(frame.y(tick) + 4)} text-anchor="end">
            {writeY(tick)}
          </text>
        </g>
      ))}
      {xTicks.map((tick) => (
        <text key={`x${tick}`} class="tick" x={px(frame.x(tick))} y={bottom + 17} text-anchor="middle">
          {writeX(tick)}
        </text>
      ))}
      {y.label !== undefined && (
        <text class="tick" x={0} y={11}>
          {y.label}
        </text>
      )}
      {x.label !== undefined && (
        <text class="tick" x={px((left + right) / 2)} y={bottom + 35} text-anchor="middle">
          {x.label}
        </text>
      )}
    </>
  );
}
