import type { VNode } from "preact";
import { roundTicks, fixed } from "../numbers.js";
import type { Standing } from "./standing.js";
import type { Race } from "./state.js";

const WIDTH = 560;
const HEIGHT = 400;
const MARGIN = { top: 26, right: 16, bottom: 42, left: 48 };

/** Where tokens and nats lie in the picture. */
interface Scales {
  readonly x: (tokens: number) => number;
  readonly y: (sum: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

function scalesOf({ lanes }: Race): Scales {
  const most = Math.max(8, ...lanes.map(({ tokens }) => tokens));
  const least = Math.min(-2, ...lanes.flatMap(({ path }) => path.map(([, sum]) => sum)));
  const across = WIDTH - MARGIN.left - MARGIN.right;
  const down = HEIGHT - MARGIN.top - MARGIN.bottom;
  return {
    x: (tokens) => MARGIN.left + (tokens / most) * across,
    y: (sum) => MARGIN.top + (sum / (least * 1.04)) * down,
    xTicks: roundTicks(0, most, 6).filter(Number.isInteger),
    yTicks: roundTicks(least * 1.04, 0, 5),
  };
}

function Axes({ x, y, xTicks, yTicks }: Scales): VNode {
  return (
    <>
      {yTicks.map((tick) => (
        <g key={`y${tick}`}>
          <line class="grid" x1={MARGIN.left} x2={WIDTH - MARGIN.right} y1={y(tick)} y2={y(tick)} />
          <text class="tick" x={MARGIN.left - 8} y={y(tick) + 4} text-anchor="end">
            {fixed(tick, Math.abs(yTicks[0]! - yTicks[1]!) < 1 ? 1 : 0)}
          </text>
        </g>
      ))}
      {xTicks.map((tick) => (
        <text key={`x${tick}`} class="tick" x={x(tick)} y={HEIGHT - MARGIN.bottom + 18} text-anchor="middle">
          {tick}
        </text>
      ))}
      <text class="tick" x={MARGIN.left - 40} y={14}>
        log π so far, nats
      </text>
      <text class="tick" x={(WIDTH + MARGIN.left) / 2} y={HEIGHT - 6} text-anchor="middle">
        tokens
      </text>
    </>
  );
}

/** Each candidate's log-likelihood as it gains tokens, and the best of those that are whole as the bound that the others must stay above. */
export function Paths({
  race,
  standings,
  marked,
}: {
  readonly race: Race;
  readonly standings: readonly Standing[];
  readonly marked: number | undefined;
}): VNode {
  const scales = scalesOf(race);
  const { x, y } = scales;
  const { lanes, chosen, leader } = race;
  const first = chosen?.c ?? leader?.c;
  const best = first === undefined ? undefined : lanes[first];
  // Whoever is drawn last lies on top: the marked one, then who leads.
  const order = lanes
    .map(({ c }) => c)
    .sort((a, b) => Number(a === first) - Number(b === first) || Number(a === marked) - Number(b === marked));
  return (
    <svg
      class="paths"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label="Log-likelihood of each candidate against its tokens"
    >
      <Axes {...scales} />
      {best && (
        <>
          <line class="bound" x1={MARGIN.left} x2={WIDTH - MARGIN.right} y1={y(best.sum)} y2={y(best.sum)} />
          <text class="bound-name" x={WIDTH - MARGIN.right} y={y(best.sum) - 7} text-anchor="end">
            {chosen ? "chosen" : "leads"}: #{best.c}, {fixed(best.sum, 1)}
          </text>
        </>
      )}
      {order.map((c) => {
        const { path, finish, tokens, sum } = lanes[c]!;
        const look = `${standings[c]!.look}${marked === c ? " marked" : ""}`;
        return (
          <g key={c}>
            <polyline
              class={`path ${look}`}
              points={path.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ")}
            >
              <title>{`#${c}: ${fixed(sum, 2)} after ${tokens} tokens`}</title>
            </polyline>
            {finish !== undefined && (
              <circle
                class={`end ${look}`}
                cx={x(tokens)}
                cy={y(sum)}
                r={standings[c]!.look === "won" ? 6 : 3.5}
              />
            )}
          </g>
        );
      })}
    </svg>
  );
}
