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

/** Up to this length the keys and values of a prompt are cheap to hold once more. */
const SHORT_PROMPT = 64;

/**
 * The layout for the requests that wait, of at most `rows` rows or few more; undefined where it is empty.
 * Groups as wide as the first prompt's run of requests, up to the limit; a run that does not divide evenly is spread, so that
 * none is left nearly empty. Where responses can be dropped, narrow groups: the earlier ones decide over the later, and
 * few rows wait for the last of a prompt; narrower still where prompts are short, since each group holds its prompt's keys.
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
  const { run, total, length, several, alone } = requests.look(rows);
  if (total === 0) return undefined;
  if (lone && total === 1) return { groups: 1, rows: 1 };
  const rowsPerGroup = widest ?? widestGroup(length, canDrop);
  const even = Math.ceil(run / Math.ceil(run / Math.min(run, rowsPerGroup)));
  const count = Math.min(rows, total);
  // A product of one row has a kernel of its own, which rounds otherwise: where a prompt has several responses, the last
  // one that a resumed run has to draw must not meet it.
  const fewest = count === 1 ? 2 : several ? (alone ? least : 2) : 1;
  const perGroup = single && !several ? 1 : Math.max(even, fewest);
  return exactLayout(Math.ceil(count / perGroup), perGroup);
}

/** The most rows that should share a prompt of so many tokens. */
export function widestGroup(length: number, canDrop: boolean): number {
  if (!canDrop) return 16;
  return length <= SHORT_PROMPT ? 2 : 8;
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

/** A batch laid out anew: by group and row of the new layout, where each comes from; the rest is idle. */
export interface Relayout {
  readonly layout: CacheLayout;
  /** Groups of the old layout; one that is split comes several times. */
  readonly groups: readonly number[];
  /** Places in the old group. */
  readonly rows: readonly (readonly number[])[];
}

/**
 * A layout for the rows at work alone; undefined where it would have more than half as many rows, since moving costs as much
 * as a step or two.
 * @param busy by group and row.
 */
export function remainder(
  { groups, rows }: CacheLayout,
  busy: readonly (readonly boolean[])[],
): Relayout | undefined {
  const places = busy.map((group) => group.flatMap((works, r) => (works ? [r] : [])));
  const kept = places.flatMap((group, g) => (group.length > 0 ? [g] : []));
  if (kept.length === 0) return undefined;
  const widest = Math.max(...places.map(({ length }) => length));
  // As in `chooseLayout`: rows that were several stay so.
  const layout = exactLayout(kept.length, Math.max(widest, Math.min(rows, 2)));
  if (layout.groups * layout.rows * 2 > groups * rows) return undefined;
  return { layout, groups: kept, rows: kept.map((g) => places[g]!) };
}
