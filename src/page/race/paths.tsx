import type { VNode } from "preact";
import { Axes, frameOf, type Axis } from "../chart/axes.js";
import { px } from "../chart/scale.js";
import { roundTicks, fixed } from "../numbers.js";
import type { Standing } from "./standing.js";
import type { Race } from "./state.js";

const SIZE = { width: 560, height: 400 } as const;

function axesOf({ lanes }: Race): { readonly x: Axis; readonly y: Axis } {
  const most = Math.max(8, ...lanes.map(({ tokens }) => tokens));
  const least = Math.min(-2, ...lanes.flatMap(({ path }) => path.map(([, sum]) => sum)));
  return {
    x: { domain: [0, most], ticks: roundTicks(0, most, 6).filter(Number.isInteger), label: "tokens" },
    y: { domain: [least * 1.04, 0], label: "log π so far, nats" },
  };
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
  const axes = axesOf(race);
  const frame = frameOf({ ...SIZE, ...axes, right: 16 });
  const { x, y, left, right } = frame;
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
      viewBox={`0 0 ${SIZE.width} ${SIZE.height}`}
      role="img"
      aria-label="Log-likelihood of each candidate against its tokens"
    >
      <Axes frame={frame} {...axes} />
      {best && (
        <>
          <line class="bound" x1={left} x2={right} y1={px(y(best.sum))} y2={px(y(best.sum))} />
          <text class="bound-name" x={right} y={px(y(best.sum) - 7)} text-anchor="end">
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
              points={path.map(([at, value]) => `${px(x(at))},${px(y(value))}`).join(" ")}
            >
              <title>{`#${c}: ${fixed(sum, 2)} after ${tokens} tokens`}</title>
            </polyline>
            {finish !== undefined && (
              <circle
                class={`end ${look}`}
                cx={px(x(tokens))}
                cy={px(y(sum))}
                r={standings[c]!.look === "won" ? 6 : 3.5}
              />
            )}
          </g>
        );
      })}
    </svg>
  );
}
