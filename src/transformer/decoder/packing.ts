import type { Tensor } from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";

/** A prompt's and a response's token ids; the response's are scored or learned. */
export interface TokenPair {
  readonly prompt: readonly number[];
  readonly response: readonly number[];
}

/** What bounds a batch, and what a row of it may hold. */
export interface PackingOptions {
  /** Padded tokens of a batch at most, and tokens that it scores; a single longer sequence is a batch of its own. */
  readonly maxTokens: number;
  /** `evenLength` of the model. */
  readonly evenLength: number;
}

/** Rows of sequences as the inputs of a `sequencePass`. */
export interface SequenceBatch {
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** The pairs that are scored, by their places among those given: the k axis is their responses, one after the other. */
  readonly order: readonly number[];
  /** b rows of t places, padding included, and k tokens that are scored. */
  readonly size: { readonly b: number; readonly t: number; readonly k: number };
}

/**
 * An output of a batch, pair by pair: its values for each pair's response, and the pair's place among those given.
 * @param each how many values a token has.
 */
export function* byPair(
  { order }: Pick<SequenceBatch, "order">,
  pairs: readonly TokenPair[],
  values: Float32Array,
  each = 1,
): Generator<readonly [pair: number, values: Float32Array]> {
  let at = 0;
  for (const pair of order) yield [pair, values.slice(at, (at += each * pairs[pair]!.response.length))];
}

/** Tokens that sequences must have in common to share a row: for fewer, a mask of its own for each row is not worth it. */
const LEAST_SHARED = 32;
/** Places that a row of several sequences may have, or twice the longest of them: what attention holds for its gradient grows with the square. */
const LONGEST_SHARED = 1024;

/** The most places that a row has, where sequences have up to `length` tokens. */
export const longestRow = (length: number): number => Math.max(2 * length, LONGEST_SHARED);

/** Places of padding that a row may have to stand in a batch with longer ones: with more, a pass of its own costs less. */
const MOST_PADDING = 64;
/** How much more slowly attention computes than the linears do: its products are small, and its scores go through a mask and a softmax. */
const ATTENTION_COST = 3;

/**
 * How many tokens a token may see until its attention costs as much as its linears do: what sequences save by a common beginning, and
 * what they pay for standing in one row, where every place is compared with every other.
 */
export function evenLength({
  hiddenSize,
  intermediateSize,
  heads,
  kvHeads,
  headDim,
}: Pick<ModelConfig, "hiddenSize" | "intermediateSize" | "heads" | "kvHeads" | "headDim">): number {
  const width = heads * headDim;
  const linears = 2 * hiddenSize * (2 * width + 2 * kvHeads * headDim + 3 * intermediateSize);
  return linears / (4 * width * ATTENTION_COST);
}

/**
 * Packs pairs into batches of rows of similar length, longest first. Sequences that begin alike stand in one row as a tree, in depth-first
 * order, where that saves more than it costs: their beginning is computed once, and each token sees its own path alone. The last token of
 * a response is only a target, so that sequences that differ in it alone are one. Prompts have at least one token; pairs with an empty
 * response are in no batch: there is nothing to score.
 */
export function packBatches(pairs: readonly TokenPair[], options: PackingOptions): SequenceBatch[] {
  const rows = treeRows(pairs, options).sort((a, b) => b.length - a.length || a.first - b.first);
  const batches: TreeRow[][] = [];
  for (const row of rows) {
    const last = batches.at(-1);
    if (last && fitsInto(last, row, options)) last.push(row);
    else batches.push([row]);
  }
  return batches.map(packed);
}

function fitsInto(batch: readonly TreeRow[], row: TreeRow, { maxTokens }: PackingOptions): boolean {
  const { length } = batch[0]!;
  return (
    length - row.length <= MOST_PADDING &&
    (batch.length + 1) * length <= maxTokens &&
    sumOf([...batch, row], ({ scored }) => scored) <= maxTokens
  );
}

const sumOf = (rows: readonly TreeRow[], of: (row: TreeRow) => number): number =>
  rows.reduce((sum, row) => sum + of(row), 0);

/** Sequences of a row: the tokens that the model reads, each once for all sequences that have it on their path. */
class TreeRow {
  readonly ids: number[] = [];
  readonly positions: number[] = [];
  readonly last: number[] = [];
  readonly picks: number[] = [];
  readonly targets: number[] = [];
  readonly members: number[] = [];
  /** The places of the last sequence's tokens. */
  private readonly path: number[] = [];

  /** @param shared how many of its first tokens are the first of the sequence that was added before. */
  add(index: number, { prompt, response }: TokenPair, inputs: readonly number[], shared: number): void {
    const { path, ids } = this;
    path.length = shared;
    for (let position = shared; position < inputs.length; position++) {
      path.push(ids.length);
      ids.push(inputs[position]!);
      this.positions.push(position);
    }
    for (const place of path) this.last[place] = ids.length - 1;
    response.forEach((token, i) => {
      this.picks.push(path[prompt.length - 1 + i]!);
      this.targets.push(token);
    });
    this.members.push(index);
  }

  get length(): number {
    return this.ids.length;
  }

  get scored(): number {
    return this.picks.length;
  }

  get first(): number {
    return Math.min(...this.members);
  }
}

function treeRows(pairs: readonly TokenPair[], { maxTokens, evenLength: even }: PackingOptions): TreeRow[] {
  const sequences = pairs
    .map(({ prompt, response }, index) => ({ index, inputs: [...prompt, ...response.slice(0, -1)] }))
    .filter(({ index }) => pairs[index]!.response.length > 0)
    .sort((a, b) => compare(a.inputs, b.inputs) || a.index - b.index);
  const rows: TreeRow[] = [];
  let before: readonly number[] = [];
  for (const { index, inputs } of sequences) {
    const pair = pairs[index]!;
    const row = rows.at(-1);
    // In this order no sequence of the row has more in common with it than the last.
    const shared = commonLength(before, inputs);
    const own = inputs.length - shared;
    const fits = row && row.scored + pair.response.length <= maxTokens;
    if (fits && (own === 0 || (shared >= LEAST_SHARED && paysInRow(row, shared, own)))) {
      row.add(index, pair, inputs, shared);
    } else {
      rows.push(new TreeRow());
      rows.at(-1)!.add(index, pair, inputs, 0);
    }
    before = inputs;
  }
  return rows;

  /** Whether `own` places more in a row cost less than a row for the whole sequence. */
  function paysInRow(row: TreeRow, shared: number, own: number): boolean {
    return (
      row.length + own <= Math.min(maxTokens, longestRow(shared + own)) &&
      2 * (row.length - shared) * own < shared * (even + shared)
    );
  }
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let shared = 0;
  while (shared < most && a[shared] === b[shared]) shared++;
  return shared;
}

function compare(a: readonly number[], b: readonly number[]): number {
  const shared = commonLength(a, b);
  return (a[shared] ?? -1) - (b[shared] ?? -1);
}

function packed(rows: readonly TreeRow[]): SequenceBatch {
  const [b, t] = [rows.length, rows[0]!.length];
  const k = sumOf(rows, ({ scored }) => scored);
  const ids = new Int32Array(b * t);
  const positions = new BigInt64Array(b * t);
  // Padding, which nobody picks, is seen by itself.
  const last = BigInt64Array.from({ length: b * t }, (_, place) => BigInt(place % t));
  const picks = new Int32Array(k);
  const targets = new Int32Array(k);
  let at = 0;
  rows.forEach((row, r) => {
    ids.set(row.ids, r * t);
    positions.set(row.positions.map(BigInt), r * t);
    last.set(row.last.map(BigInt), r * t);
    picks.set(
      row.picks.map((place) => r * t + place),
      at,
    );
    targets.set(row.targets, at);
    at += row.scored;
  });
  return {
    feeds: {
      ids: { type: "int32", dims: [b, t], data: ids },
      positions: { type: "int64", dims: [b, t], data: positions },
      places: { type: "int64", dims: [1, t], data: BigInt64Array.from({ length: t }, (_, i) => BigInt(i)) },
      last: { type: "int64", dims: [b, t], data: last },
      picks: { type: "int32", dims: [k], data: picks },
      targets: { type: "int32", dims: [k], data: targets },
    },
    order: rows.flatMap(({ members }) => members),
    size: { b, t, k },
  };
}
