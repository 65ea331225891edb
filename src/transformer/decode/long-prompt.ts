/** Prompts that are computed in blocks, each of which sees those before it: a pass over all of it would hold scores of every token for every other. */
import type { Engine, ResidentBuffer, Store } from "../../graph/index.js";
import { runBlock, type BlockModel } from "./block-pass.js";
import type { InBlocks, PrefixPasses, PrefixPlaces } from "./prefix-passes.js";

/** Tokens of a prompt that one pass computes. Longer ones are computed in blocks. */
const LONGEST_PASS = 1024;
/** Tokens of a block (measured: 512 are as fast and take more memory, 64 are slower). */
const BLOCK = 256;

interface LongPromptOptions extends BlockModel {
  readonly engine: Pick<Engine, "buffer">;
}

/** Keys and values of a prompt's beginning, by name [1, kvHeads, room, d]. */
interface Past {
  readonly buffers: ReadonlyMap<string, ResidentBuffer>;
  readonly room: number;
  /** Whether they are the first group's, and so are not given back. */
  readonly isHome: boolean;
}

/**
 * Long prompts in blocks. Their keys and values differ from those of one pass by float32's rounding, and depend on nothing but the prompt.
 */
export function inBlocks(passes: PrefixPasses, options: LongPromptOptions): InBlocks {
  return {
    beyond: LONGEST_PASS,
    fill: (tokens, places, capacity) => fillInBlocks(tokens, places, passes, { ...options, capacity }),
  };
}

interface BlockOptions extends LongPromptOptions {
  /** As `InBlocks.fill` is given it. */
  readonly capacity: number;
}

async function fillInBlocks(
  tokens: readonly number[],
  places: PrefixPlaces,
  passes: PrefixPasses,
  options: BlockOptions,
): Promise<void> {
  const { capacity } = options;
  let past: Past = { buffers: new Map(), room: 0, isHome: false };
  try {
    for (let from = 0; from < tokens.length; from += BLOCK) {
      const block = tokens.slice(from, from + BLOCK);
      // Each block meets all places that there are: they double, so that the first blocks have few.
      const room = Math.min(capacity, BLOCK * 2 ** Math.ceil(Math.log2((from + block.length) / BLOCK)));
      if (room > past.room) past = await moved(past, room, from, places, options);
      await computeBlock(block, from, past, passes, options);
    }
    const others = places.groups.filter((group) => !past.isHome || group !== 0);
    await copy(past, { buffers: places.buffers, room: places.length, groups: others }, capacity, options);
  } finally {
    await free(past);
  }
}

/** What is there, `from` tokens, with more room. What a run is fed is the beginning of a buffer: the first group's place serves for all of it. */
async function moved(
  past: Past,
  room: number,
  from: number,
  { buffers, groups, length }: PrefixPlaces,
  options: BlockOptions,
): Promise<Past> {
  const { engine, config, kvCache, capacity } = options;
  const isHome = room === capacity && length === capacity && groups.includes(0);
  const larger = new Map(isHome ? buffers : []);
  const next: Past = { buffers: larger, room, isHome };
  try {
    const size = config.kvHeads * room * config.headDim;
    if (!isHome) for (const name of buffers.keys()) larger.set(name, await engine.buffer(kvCache, size));
    await copy(past, { ...next, groups: [0] }, from, options);
  } catch (error) {
    await free(next);
    throw error;
  }
  await free(past);
  return next;
}

/** Copies the first `count` tokens to their places in groups of other buffers. */
async function copy(
  { buffers, room }: Past,
  to: Omit<Past, "isHome"> & { readonly groups: readonly number[] },
  count: number,
  { config: { kvHeads, headDim } }: LongPromptOptions,
): Promise<void> {
  const rows = to.groups.flatMap((group) => Array.from({ length: kvHeads }, (_, head) => ({ group, head })));
  if (rows.length === 0) return;
  const sources = Int32Array.from(rows, ({ head }) => head * room * headDim);
  const targets = Int32Array.from(rows, ({ group, head }) => (group * kvHeads + head) * to.room * headDim);
  const copies = [...buffers].map(([name, buffer]) =>
    buffer.copyTo(to.buffers.get(name)!, sources, targets, count * headDim),
  );
  await Promise.all(copies);
}

async function free({ buffers, isHome }: Past): Promise<void> {
  if (!isHome) await Promise.all([...buffers.values()].map((buffer) => buffer.free()));
}

async function computeBlock(
  ids: readonly number[],
  from: number,
  { buffers, room }: Past,
  passes: PrefixPasses,
  model: BlockModel,
): Promise<void> {
  const { kvHeads, headDim } = model.config;
  const to = Int32Array.from({ length: ids.length * kvHeads }, (_, i) => {
    const [at, head] = [Math.floor(i / kvHeads), i % kvHeads];
    return (head * room + from + at) * headDim;
  });
  const stores = [...buffers].map(([output, buffer]): Store => ({ output, buffer, to, length: headDim }));
  const past = (name: string): ResidentBuffer => buffers.get(name)!;
  await runBlock(passes, model, { ids, from, capacity: room, past }, stores);
}
