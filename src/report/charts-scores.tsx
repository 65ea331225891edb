import type { VNode } from "preact";
import type { Histogram, Metrics } from "../evaluate/metrics.js";
import { Marker } from "../page/chart/marks.js";
import { px, scaleOf } from "../page/chart/scale.js";
import { Figure, twoWidths } from "../page/figure.js";
import { roundTicks } from "../page/numbers.js";
import { seriesStyle } from "../page/palette.js";
import { count, fixed, inWords, list, NATS, SHARE } from "./format.js";
import { binnedMedian, binsOf, type Bin } from "./histogram-bins.js";

/** What is drawn as one shape. */
interface Group {
  readonly name: string;
  readonly histogram: Histogram;
  readonly colour: string;
  readonly bins: readonly Bin[];
  readonly median: number | undefined;
}

/** Histograms of log π of the responses drawn: correct above incorrect, or all together without labels. */
export function histogramFigure(metrics: Metrics): VNode | undefined {
  const { correct, incorrect, all } = metrics.histograms;
  const labelled = correct !== undefined && incorrect !== undefined;
  const groups = labelled
    ? [
        { name: "correct", histogram: correct, colour: "var(--green)" },
        { name: "incorrect", histogram: incorrect, colour: "var(--orange)" },
      ]
    : [{ name: "all responses", histogram: all, colour: "var(--blue)" }];
  const data = groups.map((g): Group => ({
    ...g,
    bins: binsOf(g.histogram),
    median: binnedMedian(g.histogram),
  }));
  const each = data.map((g) => {
    const total = g.histogram.counts.reduce((a, b) => a + b, 0);
    const median = g.median === undefined ? "" : `, median ${inWords(g.median, NATS)}`;
    return `${count(total)} ${labelled ? g.name : "responses"}${median}`;
  });
  const ends = [all.edges[0] ?? 0, all.edges.at(-1) ?? 1] as const;
  return (
    <Figure
      id="figure-histogram"
      title={
        labelled ? "Log-probability of correct and incorrect responses" : "Log-probability of the responses"
      }
      message={`${list(each)}.${labelled ? " Where the two shapes lie apart, log-likelihood can tell them apart; where they overlap, it cannot." : ""}`}
      note="Each shape is in percent of its own responses. The dotted line is the median."
    >
      {twoWidths((width) => (
        <Shapes groups={data} ends={ends} width={width} />
      ))}
    </Figure>
  );
}

const PANEL = 132;

/** Shapes one above the other, on one axis. */
function Shapes({
  groups,
  ends,
  width,
}: {
  readonly groups: readonly Group[];
  readonly ends: readonly [number, number];
  readonly width: number;
}): VNode {
  const highest = Math.max(1, ...groups.flatMap((g) => g.bins.map((b) => b.share)));
  const x = scaleOf(ends, [46, width - 14]);
  const height = groups.length * PANEL + 40;
  return (
    <svg class="chart" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      {groups.map((group, at) => (
        <Shape key={group.name} {...{ group, x, highest, width }} top={at * PANEL} />
      ))}
      {roundTicks(...ends, 6).map((tick) => (
        <text key={tick} class="tick" x={px(x(tick))} y={height - 23} text-anchor="middle">
          {fixed(tick, 0)}
        </text>
      ))}
      <text class="tick" x={width / 2} y={height - 5} text-anchor="middle">
        log π(y | x) of the whole response, nats
      </text>
    </svg>
  );
}

function Shape({
  group,
  x,
  highest,
  width,
  top,
}: {
  readonly group: Group;
  readonly x: (value: number) => number;
  readonly highest: number;
  readonly width: number;
  readonly top: number;
}): VNode {
  const y = scaleOf([0, highest * 1.08], [top + PANEL, top + 22]);
  return (
    <g>
      {roundTicks(0, highest, 3).map((tick) => (
        <g key={tick}>
          <line class="grid" x1={46} x2={width - 14} y1={px(y(tick))} y2={px(y(tick))} />
          <text class="tick" x={38} y={px(y(tick) + 4)} text-anchor="end">
            {tick}
          </text>
        </g>
      ))}
      <text class="tick" x={0} y={top + 12}>
        % of {group.name}
      </text>
      {group.bins.map(({ x1, x2, share }) => (
        <rect
          key={x1}
          x={px(x(x1) + 0.5)}
          y={px(y(share))}
          width={px(Math.max(0, x(x2) - x(x1) - 1))}
          height={px(Math.max(0, y(0) - y(share)))}
          fill={group.colour}
          fill-opacity="0.82"
        >
          <title>{`${fixed(x1, 1)} to ${fixed(x2, 1)} nats: ${fixed(share, 1)} % of ${group.name}`}</title>
        </rect>
      ))}
      {group.median !== undefined && (
        <>
          <line
            class="reference"
            x1={px(x(group.median))}
            x2={px(x(group.median))}
            y1={top + 20}
            y2={top + PANEL}
          />
          <text class="end" x={px(x(group.median) + 5)} y={top + 26} fill="var(--text)">
            median {fixed(group.median, 1)}
          </text>
        </>
      )}
    </g>
  );
}

interface OrderingRow {
  readonly name: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How well each self-reward orders correct above incorrect responses of one prompt. */
export function orderingFigure(metrics: Metrics): VNode | undefined {
  const rows = Object.entries(metrics.auc ?? {}).map(([name, e]): OrderingRow => ({ name, ...e }));
  if (rows.length === 0) return undefined;
  const each = rows.map((r) => `${inWords(r.value, SHARE)} for ${r.name}`);
  return (
    <Figure
      id="figure-ordering"
      title="Can the self-reward tell right from wrong?"
      message={`The probability that a correct response of a prompt scores above an incorrect one is ${list(each)}; 0.5 is chance.`}
      note={"Bars are 95\u00a0% intervals; ties count half. Below chance, choosing by that reward hurts."}
    >
      {twoWidths((width) => (
        <Ordering rows={rows} width={width} />
      ))}
    </Figure>
  );
}

function Ordering({ rows, width }: { readonly rows: readonly OrderingRow[]; readonly width: number }): VNode {
  const domain = [
    Math.min(0.47, ...rows.map((r) => r.low - 0.02)),
    Math.max(0.6, ...rows.map((r) => r.high + 0.02)),
  ] as const;
  const left = 12 + 7 * Math.max(...rows.map(({ name }) => name.length));
  const x = scaleOf(domain, [left, width - 18]);
  const height = 72 + 34 * rows.length;
  const bottom = height - 44;
  return (
    <svg class="chart" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      {roundTicks(...domain, width < 400 ? 3 : 5).map((tick) => (
        <g key={tick}>
          <line class="grid" x1={px(x(tick))} x2={px(x(tick))} y1={22} y2={bottom} />
          <text class="tick" x={px(x(tick))} y={bottom + 17} text-anchor="middle">
            {fixed(tick, 2)}
          </text>
        </g>
      ))}
      <line class="reference" x1={px(x(0.5))} x2={px(x(0.5))} y1={20} y2={bottom} />
      <text class="end" x={px(x(0.5))} y={13} text-anchor="middle" fill="var(--text)">
        chance
      </text>
      {rows.map((row, at) => {
        const style = seriesStyle(at);
        const y = 42 + 34 * at;
        return (
          <g key={row.name}>
            <text class="name" x={left - 12} y={y + 4} text-anchor="end">
              {row.name}
            </text>
            <line
              x1={px(x(row.low))}
              x2={px(x(row.high))}
              y1={y}
              y2={y}
              stroke={style.colour}
              stroke-width="2.5"
            />
            <Marker x={x(row.value)} y={y} style={style} r={5} />
            <rect class="strip" x={left} y={y - 15} width={width - left} height={30}>
              <title>{`${row.name}: ${fixed(row.value, 3)} [${fixed(row.low, 3)}, ${fixed(row.high, 3)}]`}</title>
            </rect>
          </g>
        );
      })}
      <text class="tick" x={(left + width) / 2} y={height - 6} text-anchor="middle">
        P(correct scores above incorrect)
      </text>
    </svg>
  );
}
