import { ModelError } from "../core/errors.js";
import { gigabytes } from "../core/gigabytes.js";
import type { ModelConfig } from "./families/config.js";
import { EMBEDDINGS } from "./families/modules.js";
import { heldBytes } from "./decoder/hold.js";
import { DRAWN_ROUNDED, keepsBlocks, type Quantization } from "./decoder/quantize.js";
import { keptBytes } from "./format/gguf/keep.js";
import type { WeightSource } from "./format/weights.js";

/** Weights of more bytes than this in float32 are held once, in a file that is mapped into memory. */
export const HELD_FROM = 2 ** 30;

/** Beside the weights: the runtime, and for a model of some size tokenizer, caches and logits of some rows (`npm run bench:memory`). */
const beside = (floatBytes: number): number => Math.min(450e6, 150e6 + floatBytes);

const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
const valuesOf = (shapes: ReadonlyMap<string, readonly number[]>): number =>
  [...shapes.values()].reduce((sum, shape) => sum + count(shape), 0);

/** How a model can be held: as it stands in float32, or in one of the quantized ways. */
export type Holding = Quantization | "float32";

/** Bytes of memory that drawing takes at its peak, nearly, by how the model is held; a way that is not open is absent. */
export type MemoryNeed = Readonly<Partial<Record<Holding, number>>>;

/** What a model needs, from configuration and header alone. @param shapes of all weights, by their names. */
export function memoryNeed(
  source: WeightSource,
  config: ModelConfig,
  shapes: ReadonlyMap<string, readonly number[]>,
): MemoryNeed {
  const values = valuesOf(shapes);
  const table = count(shapes.get(EMBEDDINGS)!);
  const linears = values - (config.tieWordEmbeddings ? 0 : table);
  const request = { source, config, shapes };
  const canKeep = [...shapes].some(
    ([name, shape]) => shape.length > 1 && keptBytes(source.stored(name).format, 1) !== undefined,
  );
  const more = beside(4 * values);
  const kept = more + heldBytes({ ...request, way: "keep" });
  // In memory, JavaScript holds what the sessions hold once more; integers are laid out by each of them for itself.
  const inMemory = (perValue: number): number => more + 3 * perValue * linears + 2 * 4 * table;
  return {
    float32:
      4 * values > HELD_FROM ? more + heldBytes({ ...request, way: "float32" }) : more + 2 * 4 * values,
    float16: more + heldBytes({ ...request, way: "float16" }),
    ...(canKeep && { keep: kept, keepa8: kept }),
    int8: inMemory(1),
    int4: inMemory(1 / 2 + 8 / 32),
    int4a8: inMemory(1 / 2 + 8 / 32),
  };
}

/**
 * What drawing takes where the model is there twice: rounded to draw, and unrounded to score what may be chosen, in float32 or, where
 * that takes less, as it is stored. Ways that round nothing stay as they are.
 */
export function needForExactChoice(
  need: MemoryNeed,
  shapes: ReadonlyMap<string, readonly number[]>,
): MemoryNeed {
  const more = Math.min(need.float32 ?? Infinity, need.keep ?? Infinity) - beside(4 * valuesOf(shapes));
  const both = DRAWN_ROUNDED.flatMap((way) =>
    need[way] === undefined ? [] : [[way, need[way] + more] as const],
  );
  return { ...need, ...Object.fromEntries(both) };
}

/**
 * How a model is held for which no way was asked: in float32, or as it is stored where float32 does not fit and that does.
 * @param notice told of the second.
 */
export function holdingFor(
  place: string,
  { float32 = 0, keep = Infinity }: MemoryNeed,
  free: number,
  notice?: (sentence: string) => void,
): "float32" | "keep" {
  if (float32 <= free || keep > free) return "float32";
  notice?.(
    `${place} would need about ${gigabytes(float32)} of memory in float32, and ${gigabytes(free)} are free: its weights are ` +
      `kept as they are stored (${gigabytes(keep)}, the same values).`,
  );
  return "keep";
}

/**
 * Refuses a model that does not fit, before anything is read.
 * @param free in bytes, as `freeMemory` tells it.
 * @throws ModelError that says what is needed, what is free, and which way fits.
 */
export function checkFits(place: string, need: MemoryNeed, holding: Holding, free: number): void {
  const wanted = need[holding];
  if (wanted === undefined || wanted <= free) return;
  const others = (["keep", "float16", "int8", "int4"] as const).filter(
    (way) => (need[way] ?? Infinity) <= free,
  );
  const fitting = others.map((way) => `${way} needs ${gigabytes(need[way]!)}`).join(", ");
  const manner = keepsBlocks(holding) ? "kept as it is stored" : `in ${holding}`;
  const problem = `${place} needs about ${gigabytes(wanted)} of memory ${manner}, and ${gigabytes(free)} are free`;
  throw others.length > 0
    ? new ModelError(`${problem} (${fitting})`, {
        reason: "model-too-big",
        where: place,
        remedy: `hold it another way (quantize: ${others.map((way) => `"${way}"`).join(" or ")})`,
      })
    : new ModelError(problem, { where: place, remedy: "use a smaller model, or free some memory" });
}
