/** Groups of rows that decode together; the rows of a group share a prompt. */
export interface CacheLayout {
  readonly groups: number;
  readonly rows: number;
}

/**
 * A batch has a multiple of this many rows, idle ones included. ONNX Runtime's kernels treat what is left over from
 * whole vectors and tiles otherwise, and round otherwise; without left-overs, and with sums as `rowSums` makes them, a row's results are the
 * same to the bit in every batch.
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
   * tokens (0 where there is no request); `several` says whether any of them is not its prompt's first response, `alone` whether none
   * follows another of the same prompt.
   */
  look(limit: number): {
    readonly run: number;
    readonly total: number;
    readonly length: number;
    readonly several: boolean;
    readonly alone: boolean;
  };
}

/** Tokens of a prompt, and how wide a group of that prompt is at most: each group holds and reads its prompt's keys and values once more. */
const WIDTHS = [
  { upTo: 512, rows: 4 },
  { upTo: 1024, rows: 8 },
  { upTo: Infinity, rows: 16 },
] as const;
/** Up to this length a prompt is cheap to hold even for two rows; and the most rows of a group, where responses can be dropped. */
const DROPPING = { shortPrompt: 64, narrow: 2, wide: 8 } as const;

/**
 * The layout for the requests that wait, of at most `rows` rows or few more; undefined where it is empty.
 * Groups as wide as the first prompt's run of requests, up to `widestGroup`; a run that does not divide evenly is spread, so that
 * none is left nearly empty.
 */
export function chooseLayout(
  requests: Lookahead,
  {
    rows,
    widest,
    canDrop,
    single = false,
    least = 2,
    lone = false,
  }: {
    readonly rows: number;
    readonly widest?: number | undefined;
    readonly canDrop: boolean;
    /** Whether a prompt has one response alone, as greedy ones are asked for: groups are of one row then, the last one too. */
    readonly single?: boolean | undefined;
    /** The fewest rows of a group where a prompt has several responses: 1 where the heads that share keys make several rows of one. Default 2. */
    readonly least?: 1 | 2 | undefined;
    /** Whether a request that is alone has one row. */
    readonly lone?: boolean | undefined;
  },
): CacheLayout | undefined {
  const { run, total, several, alone } = requests.look(rows);
  if (total === 0) return undefined;
  if (lone && total === 1) return { groups: 1, rows: 1 };
  const rowsPerGroup = widest ?? widestFor(requests, rows, canDrop);
  const even = Math.ceil(run / Math.ceil(run / Math.min(run, rowsPerGroup)));
  const count = Math.min(rows, total);
  // A product of one row has a kernel of its own, which rounds otherwise: where a prompt has several responses, the last
  // one that a resumed run has to draw must not meet it.
  const fewest = count === 1 ? 2 : several ? (alone ? least : 2) : 1;
  const perGroup = single && !several ? 1 : Math.max(even, fewest);
  // One prompt is all there is: wider groups may leave fewer rows idle (25 responses are 2 × 14 rows, where 2 × 13 would be 4 × 13).
  const most = perGroup > 1 && run === total && total <= rows ? Math.min(run, rowsPerGroup) : perGroup;
  return fewestRows(count, perGroup, most);
}

/** Of the layouts for `count` responses to one prompt in groups of `least` to `most` rows, the one with the fewest rows, idle ones included. */
function fewestRows(count: number, least: number, most: number): CacheLayout {
  let best = exactLayout(Math.ceil(count / least), least);
  for (let perGroup = least + 1; perGroup <= most; perGroup++) {
    const layout = exactLayout(Math.ceil(count / perGroup), perGroup);
    if (layout.groups * layout.rows < best.groups * best.rows) best = layout;
  }
  return best;
}

/**
 * The most rows that should share a prompt of so many tokens. Few, since a group's rows wait for the last response to its prompt; as many as
 * make its prompt's keys cheap to read. Fewer where responses can be dropped: the earlier ones decide over the later.
 */
export function widestGroup(length: number, canDrop: boolean): number {
  if (canDrop && length <= DROPPING.shortPrompt) return DROPPING.narrow;
  const { rows } = WIDTHS.find(({ upTo }) => length <= upTo)!;
  return canDrop ? Math.min(rows, DROPPING.wide) : rows;
}

/** The same for the requests that wait: as many as may be where one prompt is all there is, since none waits for its rows. */
export function widestFor(requests: Lookahead, rows: number, canDrop: boolean): number {
  const { run, total, length } = requests.look(rows + 1);
  const onePrompt = run === total && total <= rows;
  return widestGroup(onePrompt && !canDrop ? Infinity : length, canDrop);
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

/** By group, the places of its rows at work in the batch, counted through all groups. @param busy by group and row. */
export function placesAtWork(busy: readonly (readonly boolean[])[]): number[][] {
  return busy.map((group, g) => group.flatMap((works, r) => (works ? [g * group.length + r] : [])));
}

/** A batch laid out anew: where each group and each row of the new layout comes from; the rest is idle. */
export interface Relayout {
  readonly layout: CacheLayout;
  /** By the new layout's group, the group of the old one whose prompt it has; one may come several times. */
  readonly groups: readonly number[];
  /** By the new layout's group, its rows: the places in the old batch, counted through all groups. */
  readonly rows: readonly (readonly number[])[];
}

/**
 * A layout for the rows at work alone, those of one prompt together, in as few rows as it can be; undefined where these would be more than half
 * as many as now, since moving costs as much as a step or two.
 * @param busy by group and row. @param prompts by group, a number that groups of one prompt share.
 */
export function remainder(
  { groups, rows }: CacheLayout,
  busy: readonly (readonly boolean[])[],
  prompts: readonly number[],
): Relayout | undefined {
  const byPrompt = new Map<number, { readonly from: number; readonly places: number[] }>();
  placesAtWork(busy).forEach((places, g) => {
    if (places.length === 0) return;
    const own = byPrompt.get(prompts[g]!) ?? { from: g, places: [] };
    byPrompt.set(prompts[g]!, own);
    own.places.push(...places);
  });
  const kept = [...byPrompt.values()];
  if (kept.length === 0) return undefined;
  const widest = Math.max(...kept.map(({ places }) => places.length));
  // As in `chooseLayout`: rows that were several stay so, and those of one each, too.
  const [least, most] = rows === 1 ? [1, 1] : [2, Math.max(2, widest)];
  let best: CacheLayout | undefined;
  let width = least;
  for (let perGroup = least; perGroup <= most; perGroup++) {
    const count = kept.reduce((sum, { places }) => sum + Math.ceil(places.length / perGroup), 0);
    const layout = exactLayout(count, perGroup);
    if (best && layout.groups * layout.rows > best.groups * best.rows) continue;
    best = layout;
    width = perGroup;
  }
  if (!best || best.groups * best.rows * 2 > groups * rows) return undefined;
  const split = kept.flatMap(({ from, places }) =>
    Array.from({ length: Math.ceil(places.length / width) }, (_, part) => ({
      from,
      places: places.slice(part * width, (part + 1) * width),
    })),
  );
  return { layout: best, groups: split.map(({ from }) => from), rows: split.map(({ places }) => places) };
}
