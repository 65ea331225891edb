/** What the sampler, its cache and the scorer ask of three sessions, answered by one that holds the weights once. */
import { joinRecords } from "../../core/join-records.js";
import type { BufferFeed, Session, Store, Tensor } from "../../graph/index.js";
import { windowHides } from "../decoder/attention.js";
import { HIDDEN } from "../decoder/hidden.js";
import type { ModelConfig } from "../families/config.js";
import type { FileRows } from "../format/gguf/rows.js";
import type { KvCacheType } from "./cache-inputs.js";
import { extendFeeds } from "./extend-graph.js";
import { leastLog } from "./least-log.js";
import type { Narrowed } from "./narrowed.js";

/** What runs a graph. */
export type Runs = Pick<Session, "run">;

type Feeds = Readonly<Record<string, Tensor | BufferFeed>>;

interface RunOptions {
  readonly fetch?: readonly string[];
  readonly stores?: readonly Store[];
}

/** Of `decodeGraph`, `prefixGraph` and `scoreGraph`: their inputs and outputs. */
export interface WholeSessions {
  readonly decode: Runs;
  readonly prefix: Runs;
  /** Of `extendGraph`. */
  readonly extend: Runs;
  readonly score: Runs;
}

const floats = (dims: readonly number[], data: Float32Array): Tensor => ({ type: "float32", dims, data });
const integers = (dims: readonly number[], data: Int32Array): Tensor => ({ type: "int32", dims, data });
const hidden = (dims: readonly number[]): Tensor =>
  floats(dims, new Float32Array(dims.reduce((product, size) => product * size, 1)).fill(HIDDEN));
/** A value for each of n rows, the same where none are given. */
const column = (given: Tensor | undefined, n: number, otherwise: number): Tensor =>
  floats([n, 1], given ? (given.data as Float32Array) : new Float32Array(n).fill(otherwise));
/** 0 … n − 1. */
const counted = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

/** The one session, and what its feeds are made with. */
interface Whole {
  readonly session: Session;
  readonly config: ModelConfig;
  readonly embeddings: FileRows;
  /** Whether the graph's windows hide anything. */
  readonly hides: boolean;
  readonly narrowing: Narrowed;
  readonly kvCache: KvCacheType;
}

/**
 * @param session of `wholeGraph`. @param embeddings rows of the table, as they are in the model.
 * @param options as the graph's.
 */
export function wholeSessions(
  session: Session,
  config: ModelConfig,
  embeddings: FileRows,
  {
    maxLength,
    ...options
  }: { readonly maxLength: number; readonly narrowing: Narrowed; readonly kvCache: KvCacheType },
): WholeSessions {
  const whole: Whole = { session, config, embeddings, hides: windowHides(config, maxLength), ...options };
  return {
    decode: { run: (feeds, options) => decode(whole, feeds, options) },
    extend: { run: (feeds, options) => extend(whole, feeds, options) },
    prefix: { run: (feeds, options) => prefix(whole, feeds, options) },
    score: { run: (feeds) => score(whole, feeds) },
  };
}

function embed({ config, embeddings }: Whole, ids: Int32Array, dims: readonly number[]): Tensor {
  return floats([...dims, config.hiddenSize], embeddings.read(ids));
}

/** Rows that see no other: one is named, since no axis may be empty, and hidden from all. */
function alone(rows: number, hides: boolean): Feeds {
  return {
    seenRows: integers([1], new Int32Array(1)),
    seenMask: hidden([rows, 1, 1]),
    ...(hides && { nearSeenMask: hidden([rows, 1, 1]) }),
  };
}

/** A step over a whole sequence: each token sees those before it, and there are no caches. */
function sequence(whole: Whole, ids: Int32Array): Feeds {
  const { config, hides, kvCache } = whole;
  return {
    ...extendFeeds(config, { ids, from: 0, capacity: 1, hides, kvCache }),
    embedded: embed(whole, ids, [1, ids.length]),
  };
}

/** What is asked of the picked rows: a token each, drawn or given. */
function picked(picks: Int32Array, targets: Int32Array, uniforms?: Tensor, temperature?: Tensor): Feeds {
  const n = picks.length;
  return {
    picks: integers([n], picks),
    targets: integers([n, 1], targets),
    uniforms: column(uniforms, n, -1),
    temperature: column(temperature, n, 1),
  };
}

/** What limits the tokens of n rows, as far as the graph has inputs for it; where nothing is given, nothing is. */
function limits(
  { narrowing, config }: Whole,
  n: number,
  { topP, leastLog: least, minP }: Record<string, Tensor | undefined> = {},
): Feeds {
  return {
    ...(narrowing.topP && {
      topP: column(topP, n, 1),
      leastLog: column(least, n, leastLog(1, config.vocabSize)),
    }),
    ...(narrowing.minP && { minP: column(minP, n, 0) }),
  };
}

function decode(whole: Whole, feeds: Feeds, options?: RunOptions): ReturnType<Runs["run"]> {
  const ids = feeds["ids"] as Tensor;
  const n = ids.data.length;
  const { uniforms, temperature } = feeds as Record<string, Tensor | undefined>;
  return whole.session.run(
    joinRecords(
      feeds,
      alone(ids.dims[1]!, whole.hides),
      { embedded: embed(whole, ids.data as Int32Array, ids.dims) },
      picked(counted(n), new Int32Array(n).fill(-1), uniforms, temperature),
      limits(whole, n, feeds as Record<string, Tensor | undefined>),
    ),
    options,
  );
}

function prefix(whole: Whole, feeds: Feeds, options?: RunOptions): ReturnType<Runs["run"]> {
  const { ids, ...rest } = feeds;
  // Of the logits, which nobody asks for, one row is the least.
  return whole.session.run(
    joinRecords(
      rest,
      sequence(whole, (ids as Tensor).data as Int32Array),
      picked(new Int32Array(1), Int32Array.of(-1)),
      limits(whole, 1),
    ),
    options,
  );
}

function extend(whole: Whole, feeds: Feeds, options?: RunOptions): ReturnType<Runs["run"]> {
  const { ids, ...rest } = feeds;
  const { data, dims } = ids as Tensor;
  return whole.session.run(
    joinRecords(
      rest,
      { embedded: embed(whole, data as Int32Array, dims) },
      picked(new Int32Array(1), Int32Array.of(-1)),
      limits(whole, 1),
    ),
    options,
  );
}

/** One row after the other: padding would be multiplied with all weights. */
async function score(whole: Whole, feeds: Feeds): ReturnType<Runs["run"]> {
  const { ids, positions, places: _, last, picks, targets, ...rest } = feeds as Record<string, Tensor>;
  const [count, length] = ids!.dims as [number, number];
  const [places, tokens] = [picks!.data as Int32Array, targets!.data as Int32Array];
  const logProbs = new Float32Array(places.length);
  const certainties = new Float32Array(places.length);
  for (let row = 0; row < count; row++) {
    const own = [...places.keys()].filter((k) => Math.floor(places[k]! / length) === row);
    const local = Int32Array.from(own, (k) => places[k]! - row * length);
    // What stands behind the last pick nobody sees.
    const [start, end] = [row * length, row * length + Math.max(...local) + 1];
    const part = ({ data }: Tensor): Int32Array =>
      Int32Array.from((data as BigInt64Array).subarray(start, end), Number);
    const output = await whole.session.run(
      joinRecords(
        rest,
        sequence(whole, (ids!.data as Int32Array).slice(start, end)),
        branches(whole, part(positions!), part(last!)),
        picked(
          local,
          Int32Array.from(own, (k) => tokens[k]!),
        ),
        limits(whole, own.length),
      ),
      { fetch: ["logProb", "certainty"] },
    );
    own.forEach((k, i) => {
      logProbs[k] = (output["logProb"]!.data as Float32Array)[i]!;
      certainties[k] = (output["certainty"]!.data as Float32Array)[i]!;
    });
  }
  return {
    logProbs: floats([logProbs.length], logProbs),
    certainties: floats([certainties.length], certainties),
  };
}

/** Where the tokens of a row stand, and which earlier ones they see: as `treeMasks`. Itself every token sees. */
function branches({ config, hides }: Whole, positions: Int32Array, last: Int32Array): Feeds {
  const t = positions.length;
  const dims = [t, 1, t];
  const [seen, near] = [hidden(dims), hides && hidden(dims)];
  for (let i = 0; i < t; i++) {
    for (let j = 0; j < i; j++) {
      if (last[j]! < i) continue;
      seen.data[i * t + j] = 0;
      if (near && positions[i]! - positions[j]! < config.sliding!.window) near.data[i * t + j] = 0;
    }
  }
  return {
    positions: integers([1, t], positions),
    seenMask: seen,
    ...(near && { nearSeenMask: near }),
  };
}
