import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { UsageError } from "../core/errors.js";
import { sha256File } from "../core/files.js";
import { rememberedDigest } from "../core/remembered-digest.js";
import { freeMemory } from "../core/free-memory.js";
import { loadConfig, parseConfig, tensorShapes, type ModelConfig } from "./families/config.js";
import { architectureOf, huggingFaceConfig } from "./format/gguf/config.js";
import { isGguf, readGgufHeader } from "./format/gguf/header.js";
import { openGgufWeights } from "./format/gguf/weights.js";
import { holdWeights, type HeldWeights } from "./decoder/hold.js";
import {
  isHeldOnce,
  readWeights,
  DRAWN_ROUNDED,
  type HeldWay,
  type Quantization,
  type QuantizedWeights,
  type RoundedWay,
} from "./decoder/quantize.js";
import { checkWeights, openWeights, type WeightSource } from "./format/weights.js";
import {
  HELD_FROM,
  checkFits,
  holdingFor,
  memoryNeed,
  needForExactChoice,
  type Holding,
} from "./memory-need.js";
import type { Weights } from "./decoder/sequence-pass.js";
import { ggufTokenizer, loadTokenizer, type Tokenizer } from "./text/tokenizer.js";

/** A model as it was read: plain data, nothing compiled yet. */
export interface Model {
  /** The folder's name, or the file's without its ending. */
  readonly name: string;
  /** The folder, or the .gguf file, that it was read from. */
  readonly folder: string;
  readonly config: ModelConfig;
  /** In float32; of a quantized model without those that it holds quantized alone, and none where `held` has them. */
  readonly weights: Weights;
  readonly quantized?: QuantizedWeights;
  /** The weights of a model that is kept in its blocks, or large: for sampling and scoring, held once. */
  readonly held?: HeldWeights;
  /** How the linears are quantized. */
  readonly quantization?: Quantization;
  readonly tokenizer: Tokenizer;
  /** SHA-256 (hex) of everything that fixes its probabilities: configuration, every weight by name, tokenizer. */
  readonly digest: string;
}

/** What turns text to token ids; a chat template acts on the text before, and is the task's business. */
const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"];

export interface LoadOptions {
  /**
   * Default: all weights in float32, or, where these do not fit and can be kept as they are stored, `keep`; what was chosen is the
   * model's `quantization`, and told to `notice`.
   */
  readonly quantize?: Holding | undefined;
  /**
   * The model is to be there unrounded, too, beside its rounded self (`quantize` int8, int4, int4a8, float16 or keepa8): memory is asked for both.
   * Default false.
   */
  readonly exactChoice?: boolean | undefined;
  /** Whether all weights come into memory, however large, as training takes them. Default false. */
  readonly whole?: boolean | undefined;
  /** Bytes of memory that may be taken. Default: what is free. */
  readonly memory?: number | undefined;
  /** Told in one sentence when a copy of the weights in the cache was of no use, and how a model is held that did not fit. */
  readonly notice?: ((sentence: string) => void) | undefined;
}

/**
 * Loads a folder of Hugging Face layout (config.json, model.safetensors or shards, tokenizer.json, and
 * generation_config.json where there is one), or a .gguf file.
 * @throws ModelError when a file is missing, malformed or of an unsupported kind.
 */
export function loadModel(path: string, options: LoadOptions = {}): Promise<Model> {
  return isGguf(path) ? loadGguf(path, options) : loadFolder(path, options);
}

type Shapes = ReadonlyMap<string, readonly number[]>;

/** How the weights are to be held. @throws ModelError where they do not fit so. */
function chooseHolding(
  source: WeightSource,
  config: ModelConfig,
  shapes: Shapes,
  place: string,
  { quantize, notice, whole = false, exactChoice = false, memory = freeMemory() }: LoadOptions,
): Quantization | undefined {
  if (whole) return undefined;
  if (exactChoice && !DRAWN_ROUNDED.some((way) => way === quantize))
    throw new UsageError(
      "An exact choice is one among what a rounded model has drawn, and this one is not rounded",
      {
        reason: "nothing-rounded",
        where: place,
        remedy: 'leave `exactChoice` out, or hold it rounded (quantize: "int8" or "int4")',
      },
    );
  const alone = memoryNeed(source, config, shapes);
  const need = exactChoice ? needForExactChoice(alone, shapes) : alone;
  const holding = quantize ?? holdingFor(place, need, memory, notice);
  checkFits(place, need, holding, memory);
  return holding === "float32" ? undefined : holding;
}

/** How a model's weights are held once, in a file; undefined where they come into memory. */
function heldWay(shapes: Shapes, quantize: Quantization | undefined, whole = false): HeldWay | undefined {
  if (quantize !== undefined) return isHeldOnce(quantize) ? quantize : undefined;
  let bytes = 0;
  for (const shape of shapes.values()) bytes += 4 * shape.reduce((product, size) => product * size, 1);
  return !whole && bytes > HELD_FROM ? "float32" : undefined;
}

/** The weights, in memory or held once. @param digest of the weights, asked for where they are held. */
async function weightsOf(
  source: WeightSource,
  config: ModelConfig,
  shapes: Shapes,
  place: string,
  quantize: Quantization | undefined,
  { notice, whole }: LoadOptions,
  digest: () => Promise<string>,
): Promise<Pick<Model, "weights" | "quantized" | "held">> {
  const way = heldWay(shapes, quantize, whole);
  if (way === undefined)
    return readWeights(source, config, shapes.keys(), quantize as RoundedWay | undefined);
  const held = await holdWeights({ source, place, config, shapes, way, digest: await digest(), notice });
  return { weights: new Map(), held };
}

async function loadFolder(folder: string, options: LoadOptions): Promise<Model> {
  const config = await loadConfig(folder);
  const source = await openWeights(folder);
  try {
    const shapes = tensorShapes(config);
    checkWeights(source, shapes, folder);
    const quantize = chooseHolding(source, config, shapes, folder, options);
    const tokenizer = await loadTokenizer(folder);
    let digestOfHeld: string | undefined;
    const digestOnce = async (): Promise<string> =>
      (digestOfHeld ??= await rememberedDigest(source.files(), `weights 1 ${configText(config)}`, () =>
        streamedDigest(config, source, shapes.keys()),
      ));
    const read = await weightsOf(source, config, shapes, folder, quantize, options, digestOnce);
    const weightsDigest = digestOfHeld ?? digestOf(config, read.weights, read.quantized);
    const hash = createHash("sha256").update(weightsDigest);
    // What is held then is not what was read.
    if (quantize === "float16") hash.update(quantize);
    for (const file of TOKENIZER_FILES) {
      const path = join(folder, file);
      if (existsSync(path)) hash.update(file).update(await sha256File(path));
    }
    const digest = hash.digest("hex");
    return { name: basename(folder), folder, config, ...read, ...madeBy(quantize), tokenizer, digest };
  } finally {
    await source.close();
  }
}

async function loadGguf(path: string, options: LoadOptions): Promise<Model> {
  const header = await readGgufHeader(path);
  const config = parseConfig(await huggingFaceConfig(header), path);
  const source = await openGgufWeights(header, architectureOf(header), config);
  try {
    const shapes = tensorShapes(config);
    checkWeights(source, shapes, path);
    const quantize = chooseHolding(source, config, shapes, path, options);
    const tokenizer = ggufTokenizer(header);
    // One file is everything; hashing it while the weights are read costs no time of its own.
    const hashing = rememberedDigest([path], "bytes", () => sha256File(path));
    const reading = weightsOf(source, config, shapes, path, quantize, options, () => hashing);
    const [read, file] = await Promise.all([reading, hashing]);
    const digest = createHash("sha256")
      .update(configText(config))
      .update(file)
      .update(quantize === undefined ? "" : (SECOND_WAYS[quantize] ?? quantize))
      .digest("hex");
    const name = basename(path).replace(/\.gguf$/i, "");
    return { name, folder: path, config, ...read, ...madeBy(quantize), tokenizer, digest };
  } finally {
    await source.close();
  }
}

/** Ways that were another before: fewer formats were kept, and eight bits had a scale for every 32 values of a row. */
const SECOND_WAYS: Readonly<Partial<Record<Quantization, string>>> = { keep: "keep 2", int8: "int8 2" };

function madeBy(quantization: Quantization | undefined): Pick<Model, "quantization"> {
  return quantization === undefined ? {} : { quantization };
}

const configText = (config: ModelConfig): string => JSON.stringify(Object.entries(config).sort());

/** `digestOf` of weights that are read one after the other. */
async function streamedDigest(
  config: ModelConfig,
  source: WeightSource,
  names: Iterable<string>,
): Promise<string> {
  const hash = createHash("sha256").update(configText(config));
  for (const name of [...names].sort()) {
    const { data } = await source.read(name);
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}

/** SHA-256 of a configuration and weights; the same for the same numbers, whatever file they came from. */
export function digestOf(
  config: ModelConfig,
  weights: Weights,
  quantized: QuantizedWeights = new Map(),
): string {
  const hash = createHash("sha256").update(configText(config));
  const add = (name: string, data: Float32Array | Uint8Array | Int8Array): void => {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  };
  for (const name of [...weights.keys()].sort()) add(name, weights.get(name)!.data);
  for (const name of [...quantized.keys()].sort()) {
    const matrix = quantized.get(name)!;
    if ("bytes" in matrix) {
      add(`${name}, bytes`, matrix.bytes);
      add("", matrix.scales);
      continue;
    }
    const { bits, packed, scales, zeroPoints, offsets, steps, units } = matrix;
    add(`${name}, ${bits} bits`, packed);
    for (const part of [scales, zeroPoints, offsets, steps, units]) if (part) add("", part);
  }
  return hash.digest("hex");
}
