import type { ComponentChildren, VNode } from "preact";
import type { Histogram } from "../../evaluate/metrics.js";
import { Axes, frameOf, type Axis } from "../../page/chart/axes.js";
import { LineChart, type LineSeries } from "../../page/chart/line-chart.js";
import { domainAround, px } from "../../page/chart/scale.js";
import { roundTicks } from "../../page/numbers.js";
import { axisOfN, sizesOf, valuesOf } from "../axis-of-n.js";
import { epochAxis } from "../charts-training.js";
import { binsOf } from "../histogram-bins.js";

const SIZE = { width: 330, height: 210 } as const;

/** One small chart with its name. */
export function Panel({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
}): VNode {
  return (
    <div class="panel">
      <p class="panel-title">{title}</p>
      {children}
    </div>
  );
}

/** Said where there is no figure. */
export function Instead({ children }: { readonly children: string }): VNode {
  return <p class="note">{children}</p>;
}

/** Lines against N (logarithmic) or against epochs, with a horizontal line that has a name. */
export function LinePanel({
  lines,
  reference,
  x,
  write,
}: {
  readonly lines: readonly LineSeries[];
  readonly reference: { readonly y: number; readonly name: string };
  readonly x: "N" | "epoch";
  readonly write: (value: number) => string;
}): VNode {
  const sizes = sizesOf(lines);
  return (
    <LineChart
      {...SIZE}
      {...{ write, labels: false, references: [reference], xName: x }}
      series={lines}
      x={x === "N" ? axisOfN(sizes) : { ...epochAxis(sizes.at(-1) ?? 1), label: "Epoch" }}
      y={{ domain: domainAround([...valuesOf(lines), reference.y]) }}
    />
  );
}

/** Correct responses as bars, incorrect ones as an outline, each in percent of its own. */
export function HistogramPanel({
  correct,
  incorrect,
}: {
  readonly correct: Histogram;
  readonly incorrect: Histogram;
}): VNode {
  const [right, wrong] = [binsOf(correct), binsOf(incorrect)];
  const highest = Math.max(1, ...right.map(({ share }) => share), ...wrong.map(({ share }) => share));
  const domain = [right[0]!.x1, right.at(-1)!.x2] as const;
  // Numbers of six characters, as long responses have, need the room.
  const x: Axis = { domain, ticks: roundTicks(...domain, 3), label: "log π(y | x), nats" };
  const y: Axis = { domain: [0, highest * 1.08] };
  const frame = frameOf({ ...SIZE, x, y, right: 14 });
  const at = (nats: number, share: number): string => `${px(frame.x(nats))},${px(frame.y(share))}`;
  // The outline: from each edge at one height to the next.
  const outline = wrong.flatMap(({ x1, x2, share }) => [at(x1, share), at(x2, share)]);
  return (
    <svg class="chart" viewBox={`0 0 ${SIZE.width} ${SIZE.height}`} {...SIZE} aria-hidden="true">
      <Axes frame={frame} x={x} y={y} />
      {right.map(({ x1, x2, share }) => (
        <rect
          key={x1}
          x={px(frame.x(x1) + 0.5)}
          y={px(frame.y(share))}
          width={px(Math.max(0, frame.x(x2) - frame.x(x1) - 1))}
          height={px(frame.bottom - frame.y(share))}
          fill="var(--green)"
          fill-opacity="0.6"
        />
      ))}
      <polyline points={outline.join(" ")} fill="none" stroke="var(--orange)" stroke-width="1.75" />
      <line x1={frame.left} x2={frame.right} y1={frame.bottom} y2={frame.bottom} stroke="var(--muted)" />
    </svg>
  );
}
