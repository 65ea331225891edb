import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { holdWeights } from "./decoder/hold.js";
import type { HeldWay } from "./decoder/quantize.js";
import { tensorShapes } from "./families/config.js";
import { blockFormats, type BlockFormat } from "./format/gguf/dequantize.js";
import { emptyMatrix, keepRows } from "./format/gguf/keep.js";
import type { WeightSource } from "./format/weights.js";
import type { Model } from "./model.js";

const Q8_0 = blockFormats.get(8)!;
const Q5_0 = blockFormats.get(6)!;

/** A float32 in (2^-14, 1) as a half, cut. */
function halfBytes(value: number): [number, number] {
  const exponent = Math.floor(Math.log2(value));
  const bits = ((exponent + 15) << 10) | Math.floor((value / 2 ** exponent - 1) * 1024);
  return [bits & 255, bits >>> 8];
}

/** Blocks of eight bits, and of five where the columns are no multiple of 64, whose values are near the given ones. */
function blocksOf(data: Float32Array, isWide: boolean): Uint8Array {
  const { bytes } = isWide ? Q8_0 : Q5_0;
  const file = new Uint8Array((data.length / 32) * bytes);
  for (let block = 0; block < data.length / 32; block++) {
    const values = data.subarray(32 * block, 32 * block + 32);
    const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-3);
    const scale = most / (isWide ? 120 : 15);
    const at = block * bytes;
    file.set(halfBytes(scale), at);
    values.forEach((value, i) => {
      const q = Math.round(value / scale);
      if (isWide) file[at + 2 + i] = Math.max(-127, Math.min(127, q));
      else {
        const level = Math.max(0, Math.min(31, q + 16));
        file[at + 2 + (i >>> 3)]! |= (level >>> 4) << (i & 7);
        file[at + 6 + (i % 16)]! |= (level & 15) << (i < 16 ? 0 : 4);
      }
    });
  }
  return file;
}

/** A weight of such a model; a vector is no blocks. */
interface Stored {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  readonly file?: Uint8Array;
  readonly format: BlockFormat;
}

/** A model's weights as blocks; and the model of the values that these stand for. @param folder for the file that rows are read from. */
export function blockModel(
  model: Model,
  folder: string,
): { readonly source: WeightSource; readonly dequantized: Model } {
  const weights = new Map<string, Stored>();
  for (const [name, { shape, data }] of model.weights) {
    if (shape.length !== 2) {
      weights.set(name, { shape, data, format: Q8_0 });
      continue;
    }
    const isWide = shape[1]! % 64 === 0;
    const [file, format] = [blocksOf(data, isWide), isWide ? Q8_0 : Q5_0];
    const values = new Float32Array(data.length);
    format.dequantize(file, values, 0);
    weights.set(name, { shape, data: values, file, format });
  }
  const of = (name: string) => weights.get(name)!;
  const source: WeightSource = {
    files: () => [],
    names: () => [...weights.keys()],
    has: (name) => weights.has(name),
    shape: (name) => of(name).shape,
    stored: (name) => ({ format: of(name).format.name, bytes: 0 }),
    read: (name) => Promise.resolve(of(name)),
    blocks: (name, roundsInput) => {
      const { shape, file, format } = of(name);
      const matrix = emptyMatrix(format, shape[0]!, shape[1]!, roundsInput)!;
      keepRows(format, file!, matrix, 0);
      return Promise.resolve(matrix);
    },
    rows: (name) => {
      const { shape, file: blocks, format } = of(name);
      const file = join(folder, `${model.digest}.rows`);
      writeFileSync(file, blocks!);
      return { file, format, start: 0, rows: shape[0]!, columns: shape[1]! };
    },
    close: () => Promise.resolve(),
  };
  return { source, dequantized: { ...model, weights } };
}

/** The model with the source's weights held once, by the cache folder of the environment. */
export async function heldModel(
  model: Model,
  source: WeightSource,
  way: HeldWay,
  notice?: (sentence: string) => void,
): Promise<Model> {
  const shapes = tensorShapes(model.config);
  const how = { way, digest: model.digest, notice };
  const request = { source, place: "here", config: model.config, shapes, ...how };
  return { ...model, weights: new Map(), held: await holdWeights(request) };
}
