import type { ComponentChildren, VNode } from "preact";
import type { SeriesStyle } from "../palette.js";
import { px } from "./scale.js";

type Symbol = SeriesStyle["symbol"];

/** Corners of a shape around (0, 0), for a radius of 1. */
const CORNERS: Readonly<Record<Exclude<Symbol, "circle">, readonly (readonly [number, number])[]>> = {
  square: [
    [-0.9, -0.9],
    [0.9, -0.9],
    [0.9, 0.9],
    [-0.9, 0.9],
  ],
  triangle: [
    [0, -1.2],
    [1.1, 0.8],
    [-1.1, 0.8],
  ],
  diamond: [
    [0, -1.3],
    [1.1, 0],
    [0, 1.3],
    [-1.1, 0],
  ],
  star: star(5, 0.5),
  wye: star(3, 0.35),
  cross: star(4, 0.4),
};

function star(points: number, inner: number): readonly (readonly [number, number])[] {
  return Array.from({ length: 2 * points }, (_, i) => {
    const angle = (Math.PI * i) / points - Math.PI / 2;
    const radius = i % 2 === 0 ? 1.35 : inner * 1.35;
    return [radius * Math.cos(angle), radius * Math.sin(angle)] as const;
  });
}

/** A marker of a series. */
export function Marker({
  x,
  y,
  style,
  r = 3.6,
}: {
  readonly x: number;
  readonly y: number;
  readonly style: Pick<SeriesStyle, "colour" | "symbol">;
  readonly r?: number;
}): VNode {
  const { colour, symbol } = style;
  if (symbol === "circle") return <circle cx={px(x)} cy={px(y)} r={r} fill={colour} />;
  const points = CORNERS[symbol].map(([dx, dy]) => `${px(x + dx * r)},${px(y + dy * r)}`).join(" ");
  return <polygon points={points} fill={colour} />;
}

/** How something in a legend looks; without a symbol it is a line alone. */
export type Look = Omit<SeriesStyle, "symbol"> & Partial<Pick<SeriesStyle, "symbol">>;

/** A line and its marker, as in the chart, for a legend. */
function Swatch({ style: { symbol, ...style } }: { readonly style: Look }): VNode {
  return (
    <svg class="swatch" viewBox="0 0 34 14" width="34" height="14" aria-hidden="true">
      <line
        x1="1"
        x2="33"
        y1="7"
        y2="7"
        stroke={style.colour}
        stroke-width="2"
        stroke-dasharray={style.dash}
      />
      {symbol && <Marker x={17} y={7} style={{ ...style, symbol }} />}
    </svg>
  );
}

/** A legend in HTML, where lines are not labelled directly. */
export function Legend({
  series,
  always = false,
}: {
  readonly series: readonly { readonly name: ComponentChildren; readonly style: Look }[];
  /** On wide pages, too. */
  readonly always?: boolean;
}): VNode {
  return (
    <ul class={always ? "legend always" : "legend"}>
      {series.map(({ name, style }, at) => (
        <li key={at}>
          <Swatch style={style} />
          {name}
        </li>
      ))}
    </ul>
  );
}
