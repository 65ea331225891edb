import type { Axis } from "../page/chart/axes.js";
import type { LineSeries } from "../page/chart/line-chart.js";

/** The numbers of responses at which any series has a value, ascending. */
export function sizesOf(series: readonly LineSeries[]): number[] {
  return [...new Set(series.flatMap((one) => one.points.map(({ x }) => x)))].sort((a, b) => a - b);
}

/** The x axis of everything that is drawn against N: logarithmic, with a tick at each N measured for which there is room. */
export function axisOfN(sizes: readonly number[]): Axis {
  const first = sizes[0] ?? 1;
  const last = sizes.at(-1) ?? 1;
  return {
    log: true,
    domain: first === last ? [first / 2, first * 2] : [first, last],
    ticks: sizes.filter((_, i) => i === 0 || i === sizes.length - 1 || hasRoom(sizes, i)),
    label: "Responses per prompt, N",
  };
}

/** Whether there is room for the i-th tick between its neighbours and the ends. */
function hasRoom(sizes: readonly number[], i: number): boolean {
  return sizes.length <= 8 || [1, 2, 5].includes(Number(String(sizes[i]).charAt(0)));
}

/** Every value that a chart of these series has to show; the ends of intervals where they are drawn. */
export function valuesOf(series: readonly LineSeries[]): number[] {
  return series.flatMap(({ points, band }) =>
    points.flatMap(({ value, low, high }) =>
      band && low !== undefined && high !== undefined ? [value, low, high] : [value],
    ),
  );
}
