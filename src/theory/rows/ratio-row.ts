import { compare, rowResult, type Check, type RowResult } from "../row.js";

/** One exact measurement beside its bound. */
export interface RatioCell {
  readonly x: number;
  readonly measured: number;
  readonly bound: number;
  /** The most that could have been measured on this instance, whatever is true. */
  readonly most: number;
}

/** What a row of exact inequalities says. */
export interface RatioRow {
  readonly claim: string;
  readonly constants: string;
  readonly cells: readonly RatioCell[];
  readonly title: string;
  readonly axis: { readonly label: string; readonly log?: boolean };
  readonly caption: string;
  /** After "the largest ratio is …". */
  readonly found: string;
  readonly further?: readonly Check[];
  readonly notes?: readonly string[];
}

const DRAWN = 400;

/** A row whose statement is `measured ≤ bound` on every instance: the largest ratio must not exceed 1. */
export function ratioResult(row: RatioRow): RowResult {
  const ratio = ({ measured, bound }: RatioCell): number => measured / bound;
  const worst = Math.max(...row.cells.map(ratio));
  const extreme = Math.max(...row.cells.map(({ most, bound }) => most / bound));
  const every = Math.max(1, Math.floor(row.cells.length / DRAWN));
  const drawn = row.cells.filter((_, i) => i % every === 0);
  const xs = drawn.map(({ x }) => x);
  return rowResult({
    instances: row.cells.length,
    checks: [
      compare(`${row.claim}, largest ratio`, worst, "<=", 1, row.constants, extreme),
      ...(row.further ?? []),
    ],
    fits: [],
    figure: {
      title: row.title,
      x: row.axis,
      y: { label: "measured / bound" },
      series: [
        {
          name: "instances",
          kind: "measured",
          points: drawn.map((cell) => ({ x: cell.x, y: ratio(cell) })),
        },
        {
          name: "bound",
          kind: "bound",
          points: [Math.min(...xs), Math.max(...xs)].map((x) => ({ x, y: 1 })),
        },
      ],
      caption: row.caption,
    },
    summary: `the largest ratio to the bound is ${worst.toPrecision(3)} ${row.found}`,
    notes: row.notes ?? [],
  });
}
