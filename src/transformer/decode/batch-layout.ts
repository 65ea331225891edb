/** Groups of rows that decode together; the rows of a group share a prompt. */
export interface CacheLayout {
  readonly groups: number;
  readonly rows: number;
}

/**
 * A batch has a multiple of this many rows, idle ones included. ONNX Runtime's kernels treat what is left over from
 * whole vectors and tiles otherwise, and round otherwise; without left-overs a row's results are the same to the bit
 * in every batch (where the vocabulary is a multiple of 4 too, as nearly all are).
 */
const EXACT_ROWS = 4;

/** The smallest multiple that is not less than a value. */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** What can be seen of the requests that wait. */
export interface Lookahead {
  /**
   * The number of requests and the first one's run of equal prompts, both counted up to `limit`, and its prompt's length in
   * tokens (0 where there is no request); `several` says whether any of them is not its prompt's first response.
   */
  look(limit: number): {
    readonly run: number;
    readonly total: number;
    readonly length: number;
    readonly several: boolean;
  };
}

/**
 * The most rows of a group by its prompt's length in tokens: a group that waits for its last row has idle ones, fewer where it is narrow
 * (docs/log.md), and each group holds its prompt's keys and values, which are cheap to hold once more where the prompt is short.
 */
const WIDEST: readonly { readonly upTo: number; readonly rows: number; readonly dropping: number }[] = [
  { upTo: 64, rows: 4, dropping: 2 },
  { upTo: 256, rows: 4, dropping: 8 },
  { upTo: 1024, rows: 8, dropping: 8 },
  { upTo: Infinity, rows: 16, dropping: 8 },
];

/**
 * The layout for the requests that wait, of at most `rows` rows or few more; undefined where it is empty.
 * Groups as wide as the first prompt's run of requests, up to the limit; a run that does not divide evenly is spread, so that
 * none is left nearly empty. Where responses can be dropped, narrower groups: the earlier ones decide over the later.
 */
export function chooseLayout(
  requests: Lookahead,
  {
    rows,
    widest,
    canDrop,
    single = false,
  }: {
    readonly rows: number;
    readonly widest?: number | undefined;
    readonly canDrop: boolean;
    /** Whether a prompt has one response alone, as greedy ones are asked for: groups are of one row then, the last one too. */
    readonly single?: boolean | undefined;
  },
): CacheLayout | undefined {
  const { run, total, length, several } = requests.look(rows);
  if (total === 0) return undefined;
  const rowsPerGroup = widest ?? widestGroup(length, canDrop);
  const even = Math.ceil(run / Math.ceil(run / Math.min(run, rowsPerGroup)));
  const count = Math.min(rows, total);
  // A product of one row has a kernel of its own, which rounds otherwise: where a prompt has several responses, the last
  // one that a resumed run has to draw must not meet it.
  const perGroup = single && !several ? 1 : several || count === 1 ? Math.max(even, 2) : even;
  return exactLayout(Math.ceil(count / perGroup), perGroup);
}

/** The most rows that should share a prompt of so many tokens. */
export function widestGroup(length: number, canDrop: boolean): number {
  const { rows, dropping } = WIDEST.find(({ upTo }) => length <= upTo)!;
  return canDrop ? dropping : rows;
}

/**
 * At least that many groups of that many rows, a multiple of `EXACT_ROWS` in all. Groups of one row stay so: four rows of one group go through
 * another kernel than four groups of one row, and a greedy response that is drawn alone would differ in its last bits.
 */
export function exactLayout(groups: number, perGroup: number): CacheLayout {
  if (groups === 1 && perGroup > 1) return { groups, rows: roundUp(perGroup, EXACT_ROWS) };
  const missing = [1, 2, 4].find((factor) => (perGroup * factor) % EXACT_ROWS === 0)!;
  return { groups: roundUp(groups, missing), rows: perGroup };
}

/** A row of a batch. */
export interface Place {
  readonly group: number;
  readonly row: number;
}

/** A batch laid out anew: by group and row of the new layout, where each comes from; the rest is idle. */
export interface Relayout {
  readonly layout: CacheLayout;
  /** Groups of the old layout whose prompts the new ones have; one that is split comes several times. */
  readonly groups: readonly number[];
  /** Where their rows were, in groups of the same prompt. */
  readonly rows: readonly (readonly Place[])[];
}

/** By group, the rows at work. */
export function placesOf(busy: readonly (readonly boolean[])[]): Place[][] {
  return busy.map((rows, group) => rows.flatMap((works, row) => (works ? [{ group, row }] : [])));
}

/**
 * A layout for the rows at work alone, those of groups with the same prompt joined; undefined where it would have more than half as
 * many rows, since moving costs as much as a step or two.
 * @param busy by group and row. @param same whether two groups have the same prompt. Default: none have.
 */
export function remainder(
  { groups, rows }: CacheLayout,
  busy: readonly (readonly boolean[])[],
  same: (a: number, b: number) => boolean = () => false,
): Relayout | undefined {
  const joined: { readonly group: number; readonly places: Place[] }[] = [];
  placesOf(busy).forEach((places, group) => {
    if (places.length === 0) return;
    const known = joined.find((each) => same(each.group, group));
    if (known) known.places.push(...places);
    else joined.push({ group, places: [...places] });
  });
  if (joined.length === 0) return undefined;
  const layoutOf = (perGroup: number): CacheLayout =>
    exactLayout(
      joined.reduce((sum, { places }) => sum + Math.ceil(places.length / perGroup), 0),
      perGroup,
    );
  const size = (layout: CacheLayout): number => layout.groups * layout.rows;
  // As in `chooseLayout`: rows that were several stay so, and one row of a group does too.
  const widest = Math.max(Math.min(rows, 2), ...joined.map(({ places }) => places.length));
  let best: CacheLayout | undefined;
  let width = 0;
  for (let perGroup = Math.min(rows, 2); perGroup <= Math.min(rows, widest); perGroup++) {
    const layout = layoutOf(perGroup);
    // Whoever deals requests counts on no more groups than there were.
    const fits = layout.groups <= groups && size(layout) * 2 <= groups * rows;
    if (fits && size(layout) <= size(best ?? layout)) [best, width] = [layout, perGroup];
  }
  if (best === undefined) return undefined;
  const parts = joined.flatMap(({ group, places }) =>
    Array.from({ length: Math.ceil(places.length / width) }, (_, i) => ({
      group,
      places: places.slice(i * width, (i + 1) * width),
    })),
  );
  return { layout: best, groups: parts.map(({ group }) => group), rows: parts.map(({ places }) => places) };
}
