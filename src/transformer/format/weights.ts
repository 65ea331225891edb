import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ModelError } from "../../core/errors.js";
import type { QuantizedMatrix } from "../../graph/index.js";
import { readJsonFile, reasonOf } from "../../core/json-file.js";
import { blockFormats } from "./gguf/dequantize.js";
import type { RowsPlace } from "./gguf/rows.js";
import { openSafetensors, type FloatTensor, type ReadOptions, type SafetensorsFile } from "./safetensors.js";

/**
 * A model's weights, in one file or in several; `close()` it. Of a model that also sees, the language part has the names of
 * a model of text alone.
 */
export interface WeightSource {
  /** The files that the weights lie in. */
  files(): readonly string[];
  /** Every tensor's name. */
  names(): readonly string[];
  has(name: string): boolean;
  /** @throws ModelError when there is no such tensor. */
  shape(name: string): readonly number[];
  /** How a tensor lies in its file. @throws ModelError when there is no such tensor. */
  stored(name: string): { readonly format: string; readonly bytes: number };
  /** @throws ModelError as `SafetensorsFile.read`. */
  read(name: string, options?: ReadOptions): Promise<FloatTensor>;
  /**
   * A matrix as it is quantized in the file; undefined where it is not, or not in blocks that a product can use.
   * @param roundsInput whether it is for products that may round what it is multiplied with: then each integer has one digit.
   */
  blocks?(name: string, roundsInput: boolean): Promise<QuantizedMatrix | undefined>;
  /** Where a matrix's rows lie, to be read one by one; undefined in a format that is not read so. */
  rows?(name: string): RowsPlace | undefined;
  close(): Promise<void>;
}

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const MAX_INDEX_BYTES = 25 << 20;
const MAX_SHARDS = 1024;

/** Formats that can run code when they are opened, or that need a library for it; never opened. */
const OTHER_FORMATS = /\.(bin|pt|pth|ckpt|pkl|pickle|npz|npy|h5|msgpack)$/i;

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/**
 * Opens the weights of a model folder: `model.safetensors`, or the shards that `model.safetensors.index.json` lists.
 * Every header is validated against its file's length before this returns.
 * @throws ModelError when there are none, when they are in another format, and for truncated or malformed files.
 */
export async function openWeights(folder: string): Promise<WeightSource> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    throw new ModelError(`cannot read the model folder ${folder}: ${reasonOf(cause)}`, { cause });
  }
  if (names.includes(SINGLE)) {
    const file = await openSafetensors(join(folder, SINGLE));
    return weightSource(new Map([...file.tensors.keys()].map((name) => [name, file])), [file], folder);
  }
  if (names.includes(INDEX)) return openShards(folder);
  const other = names.find((name) => OTHER_FORMATS.test(name));
  if (other !== undefined) {
    throw new ModelError(
      `${folder} has weights only as ${other}, a format that is never opened here; convert to safetensors ` +
        `(in Python: model.save_pretrained(folder, safe_serialization=True))`,
    );
  }
  throw new ModelError(`${folder} has no weights: neither ${SINGLE} nor ${INDEX} is there`);
}

/**
 * Checks that a source has every tensor of a model, each with its shape, and nothing is read for it.
 * @param expected `tensorShapes(config)`.
 * @throws ModelError naming the first tensor that is missing or of another shape.
 */
export function checkWeights(
  source: WeightSource,
  expected: ReadonlyMap<string, readonly number[]>,
  folder: string,
): void {
  for (const [name, shape] of expected) {
    if (!source.has(name))
      throw new ModelError(`the weights in ${folder} have no tensor ${name}, which config.json needs`);
    const actual = source.shape(name);
    if (actual.length !== shape.length || actual.some((dimension, axis) => dimension !== shape[axis])) {
      const shown = `has the shape [${actual.join(", ")}], config.json says [${shape.join(", ")}]`;
      throw new ModelError(`the weights in ${folder} do not fit its config.json: tensor ${name} ${shown}`);
    }
  }
}

async function openShards(folder: string): Promise<WeightSource> {
  const indexPath = join(folder, INDEX);
  const result = indexSchema.safeParse(await readJsonFile(indexPath, MAX_INDEX_BYTES));
  if (!result.success) throw new ModelError(`${indexPath}: weight_map is missing or malformed`);
  const weightMap = Object.entries(result.data.weight_map);
  const shardNames = [...new Set(weightMap.map(([, shard]) => shard))];
  if (shardNames.length > MAX_SHARDS) {
    throw new ModelError(`${indexPath} lists ${shardNames.length} files, more than ${MAX_SHARDS}`);
  }
  const outside = shardNames.find((shard) => !/^[\w][\w.-]*\.safetensors$/.test(shard));
  if (outside !== undefined) {
    throw new ModelError(
      `${indexPath} names ${JSON.stringify(outside)}, which is not a .safetensors file of its folder`,
    );
  }
  const shards = new Map<string, SafetensorsFile>();
  try {
    for (const shard of shardNames) shards.set(shard, await openSafetensors(join(folder, shard)));
    const byTensor = new Map<string, SafetensorsFile>();
    for (const [name, shard] of weightMap) {
      const file = shards.get(shard);
      if (!file?.tensors.has(name))
        throw new ModelError(`${indexPath} puts ${name} in ${shard}, which does not hold it`);
      byTensor.set(name, file);
    }
    return weightSource(byTensor, [...shards.values()], folder);
  } catch (error) {
    for (const file of shards.values()) await file.close();
    throw error;
  }
}

/** How a model that also sees names its language part: as it stands on the hub, and as newer versions hold it. */
const LANGUAGE_PART = /^(?:language_model\.(?=model\.|lm_head\.)|model\.language_model\.)/;

/** A stored tensor by the name that a model of text alone has for it. */
function textName(stored: string): string {
  return stored.replace(LANGUAGE_PART, (prefix) => (prefix.startsWith("model.") ? "model." : ""));
}

/** The formats of single values, by the names of safetensors, which are ggml's. */
const PLAIN_FORMATS = new Map(
  [...blockFormats.values()].filter(({ elements }) => elements === 1).map((format) => [format.name, format]),
);

function weightSource(
  byTensor: ReadonlyMap<string, SafetensorsFile>,
  files: readonly SafetensorsFile[],
  folder: string,
): WeightSource {
  const places = new Map<string, { readonly file: SafetensorsFile; readonly stored: string }>();
  for (const [stored, file] of byTensor) {
    const name = textName(stored);
    // A name that is there as it is asked for wins.
    if (name === stored || !byTensor.has(name)) places.set(name, { file, stored });
  }
  const placeOf = (name: string) => {
    const place = places.get(name);
    if (place === undefined) throw new ModelError(`the weights in ${folder} have no tensor ${name}`);
    return place;
  };
  return {
    files: () => files.map(({ path }) => path),
    names: () => [...places.keys()],
    has: (name) => places.has(name),
    shape: (name) => {
      const { file, stored } = placeOf(name);
      // A file holds every tensor that it is listed for: checked above.
      return file.tensors.get(stored)!.shape;
    },
    stored: (name) => {
      const { file, stored } = placeOf(name);
      const { dtype, bytes } = file.tensors.get(stored)!;
      return { format: dtype, bytes };
    },
    read: async (name, options) => {
      const { file, stored } = placeOf(name);
      return file.read(stored, options);
    },
    rows: (name) => {
      const { file, stored } = placeOf(name);
      const { dtype, shape, start } = file.tensors.get(stored)!;
      const format = PLAIN_FORMATS.get(dtype);
      return format && { file: file.path, format, start, rows: shape[0]!, columns: shape[1]! };
    },
    close: async () => {
      for (const file of files) await file.close();
    },
  };
}
