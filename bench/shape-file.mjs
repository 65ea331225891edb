/**
 * `npm run bench:shape -- <shape> [file]`: a GGUF file of random weights with the shape of a real model and llama.cpp's mixture
 * Q4_K_M, for measuring memory and speed where the model itself cannot be had. Blocks are random bytes with scales that make weights
 * of a standard deviation near 0.02; the vocabulary is as large as the model's and made of merges. Written in one stream, by default
 * to the user's cache folder; the last line on stdout is its path. The same shape is the same file, to the byte.
 */
import { createWriteStream, existsSync, mkdirSync, renameSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { once } from "node:events";
import { isMain } from "../scripts/lib/report.mjs";
import { cacheFolder } from "../scripts/python-env.mjs";

/**
 * @typedef {object} ModelShape
 * @property {"llama" | "qwen2"} architecture
 * @property {number} hidden @property {number} intermediate @property {number} layers
 * @property {number} heads @property {number} kvHeads @property {number} vocabulary @property {number} context
 * @property {number} theta @property {boolean} tied
 */

/** @type {Readonly<Record<string, ModelShape>>} */
const SHAPES = {
  "llama-3.2-1b": {
    architecture: "llama",
    ...{ hidden: 2048, intermediate: 8192, layers: 16, heads: 32, kvHeads: 8 },
    ...{ vocabulary: 128_256, context: 131_072, theta: 500_000, tied: true },
  },
  "llama-3.2-3b": {
    architecture: "llama",
    ...{ hidden: 3072, intermediate: 8192, layers: 28, heads: 24, kvHeads: 8 },
    ...{ vocabulary: 128_256, context: 131_072, theta: 500_000, tied: true },
  },
  "qwen2.5-7b": {
    architecture: "qwen2",
    ...{ hidden: 3584, intermediate: 18_944, layers: 28, heads: 28, kvHeads: 4 },
    ...{ vocabulary: 152_064, context: 32_768, theta: 1_000_000, tied: false },
  },
};

/**
 * Where a block has scales in half precision, and what they are.
 * @typedef {{ kind: number, elements: number, bytes: number, halves: readonly (readonly [at: number, value: number])[] }} Format
 */
const Q4_K = {
  kind: 12,
  ...{ elements: 256, bytes: 144 },
  halves: /** @type {const} */ ([
    [0, 1.36e-4],
    [2, 1.02e-3],
  ]),
};
const Q6_K = { kind: 14, elements: 256, bytes: 210, halves: /** @type {const} */ ([[208, 1.46e-5]]) };
const F32 = { kind: 0, elements: 1, bytes: 4, halves: [] };

/** @typedef {{ name: string, shape: readonly number[], format: Format, values?: Float32Array }} ShapeTensor */

/** The layers in which llama.cpp's Q4_K_M spends more bits on values and the way down. */
function wantsMoreBits(/** @type {number} */ layer, /** @type {number} */ layers) {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}

/** @param {ModelShape} shape @returns {ShapeTensor[]} */
function tensorsOf({ architecture, hidden, intermediate, layers, heads, kvHeads, vocabulary, tied }) {
  const headDim = hidden / heads;
  const keys = kvHeads * headDim;
  const matrix = (
    /** @type {string} */ name,
    /** @type {number} */ rows,
    columns = hidden,
    more = false,
  ) => ({
    name: `${name}.weight`,
    shape: [rows, columns],
    format: more ? Q6_K : Q4_K,
  });
  const vector = (/** @type {string} */ name, /** @type {number} */ length, /** @type {number} */ value) => ({
    name,
    shape: [length],
    format: F32,
    values: new Float32Array(length).fill(value),
  });
  const blocks = Array.from({ length: layers }, (_, i) => {
    const more = wantsMoreBits(i, layers);
    const biases = architecture === "qwen2" ? ["q", "k", "v"] : [];
    return [
      vector(`blk.${i}.attn_norm.weight`, hidden, 1),
      vector(`blk.${i}.ffn_norm.weight`, hidden, 1),
      matrix(`blk.${i}.attn_q`, hidden),
      matrix(`blk.${i}.attn_k`, keys),
      matrix(`blk.${i}.attn_v`, keys, hidden, more),
      matrix(`blk.${i}.attn_output`, hidden),
      matrix(`blk.${i}.ffn_gate`, intermediate),
      matrix(`blk.${i}.ffn_up`, intermediate),
      matrix(`blk.${i}.ffn_down`, hidden, intermediate, more),
      ...biases.map((kind) => vector(`blk.${i}.attn_${kind}.bias`, kind === "q" ? hidden : keys, 0)),
    ];
  }).flat();
  return [
    matrix("token_embd", vocabulary, hidden, tied),
    vector("output_norm.weight", hidden, 1),
    ...(tied ? [] : [matrix("output", vocabulary, hidden, true)]),
    ...(architecture === "llama"
      ? [{ name: "rope_freqs.weight", shape: [headDim / 2], format: F32, values: divisors(headDim / 2) }]
      : []),
    ...blocks,
  ];
}

/** Llama 3.2's divisors of the rotary frequencies: its factor is 32, the rest as in Llama 3.1. */
function divisors(/** @type {number} */ count) {
  return Float32Array.from({ length: count }, (_, i) => {
    const turns = 8192 / (2 * Math.PI * 500_000 ** (i / count));
    const smooth = (turns - 1) / 3;
    return turns < 1 ? 32 : turns > 4 ? 1 : 1 / ((1 - smooth) / 32 + smooth);
  });
}

/** GPT-2's letters for the 256 bytes, then tokens of two and three of them, each with the merge that makes it. */
function vocabularyOf(/** @type {number} */ size) {
  const plain = [33, 126, 161, 172, 174, 255];
  const isPlain = (/** @type {number} */ byte) =>
    [0, 2, 4].some((i) => byte >= Number(plain[i]) && byte <= Number(plain[i + 1]));
  let next = 256;
  const tokens = Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint(isPlain(byte) ? byte : next++),
  );
  const letters = [...tokens];
  /** @type {string[]} */
  const merges = [];
  for (let first = 0; tokens.length < size - 1; first++) {
    for (let i = 0; i < 256 && tokens.length < size - 1; i++) {
      tokens.push(`${tokens[first]}${letters[i]}`);
      merges.push(`${tokens[first]} ${letters[i]}`);
    }
  }
  tokens.push("<|end|>");
  return { tokens, merges };
}

const UINT32 = 4;
const INT32 = 5;
const FLOAT32 = 6;
const STRING = 8;
const ARRAY = 9;

const bytesOf = (/** @type {Uint32Array | Int32Array | Float32Array | BigUint64Array} */ data) =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength);
const u32 = (/** @type {number} */ value) => bytesOf(Uint32Array.of(value));
const u64 = (/** @type {number} */ value) => bytesOf(BigUint64Array.of(BigInt(value)));
const text = (/** @type {string} */ value) => {
  const encoded = Buffer.from(value);
  return Buffer.concat([u64(encoded.length), encoded]);
};
/** @param {string} key @param {number} kind @param {readonly Uint8Array[]} value */
const entry = (key, kind, value) => Buffer.concat([text(key), u32(kind), ...value]);

/** @param {string} name @param {ModelShape} shape */
function metadataOf(name, shape) {
  const { architecture: own, vocabulary } = shape;
  const { tokens, merges } = vocabularyOf(vocabulary);
  const kinds = Int32Array.from(tokens, (_, i) => (i === vocabulary - 1 ? 3 : 1));
  const number = (/** @type {string} */ key, /** @type {number} */ value) => entry(key, UINT32, [u32(value)]);
  const real = (/** @type {string} */ key, /** @type {number} */ value) =>
    entry(key, FLOAT32, [bytesOf(Float32Array.of(value))]);
  const texts = (/** @type {string} */ key, /** @type {readonly string[]} */ values) =>
    entry(key, ARRAY, [u32(STRING), u64(values.length), ...values.map(text)]);
  return [
    entry("general.architecture", STRING, [text(own)]),
    entry("general.name", STRING, [text(`${name}, random`)]),
    number(`${own}.context_length`, shape.context),
    number(`${own}.embedding_length`, shape.hidden),
    number(`${own}.block_count`, shape.layers),
    number(`${own}.feed_forward_length`, shape.intermediate),
    number(`${own}.attention.head_count`, shape.heads),
    number(`${own}.attention.head_count_kv`, shape.kvHeads),
    number(`${own}.rope.dimension_count`, shape.hidden / shape.heads),
    real(`${own}.rope.freq_base`, shape.theta),
    real(`${own}.attention.layer_norm_rms_epsilon`, 1e-6),
    entry("tokenizer.ggml.model", STRING, [text("gpt2")]),
    entry("tokenizer.ggml.pre", STRING, [text(own === "qwen2" ? "qwen2" : "llama-bpe")]),
    texts("tokenizer.ggml.tokens", tokens),
    entry("tokenizer.ggml.token_type", ARRAY, [u32(INT32), u64(kinds.length), bytesOf(kinds)]),
    texts("tokenizer.ggml.merges", merges),
    number("tokenizer.ggml.eos_token_id", vocabulary - 1),
  ];
}

/** Half precision of a positive number below 1. */
function half(/** @type {number} */ value) {
  const exponent = Math.max(-14, Math.floor(Math.log2(value)));
  const mantissa = Math.round((value / 2 ** exponent) * 1024);
  return exponent === -14 ? mantissa : ((exponent + 14) << 10) + mantissa;
}

/** Some megabytes of whole blocks: random bytes, scales in their places. */
function randomBlocks(/** @type {Format} */ { bytes, halves }) {
  const data = new Uint8Array(32_768 * bytes);
  const words = new Uint32Array(data.buffer);
  // Marsaglia's xorshift: it has to be quick and the same each time, no more.
  let state = 0x9e3779b9;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  const view = new DataView(data.buffer);
  for (let at = 0; at < data.length; at += bytes)
    for (const [place, value] of halves) view.setUint16(at + place, half(value), true);
  return data;
}

const aligned = (/** @type {number} */ length) => Math.ceil(length / 32) * 32;

/** How many bytes a tensor takes. */
const sizeOf = (/** @type {ShapeTensor} */ { shape, format }) =>
  (shape.reduce((product, size) => product * size, 1) / format.elements) * format.bytes;

/**
 * Writes the file of a shape.
 * @param {string} name of the shape
 * @param {string} path
 */
async function writeShape(name, path) {
  const shape = SHAPES[name];
  if (!shape) throw new Error(`There is no shape "${name}"; there are ${Object.keys(SHAPES).join(", ")}.`);
  const tensors = tensorsOf(shape);
  const entries = metadataOf(name, shape);
  let offset = 0;
  const infos = tensors.map((tensor) => {
    const dims = [...tensor.shape].reverse();
    const info = [
      text(tensor.name),
      u32(dims.length),
      ...dims.map(u64),
      u32(tensor.format.kind),
      u64(offset),
    ];
    offset += aligned(sizeOf(tensor));
    return Buffer.concat(info);
  });
  const counts = [u32(3), u64(tensors.length), u64(entries.length)];
  const header = Buffer.concat([Buffer.from("GGUF"), ...counts, ...entries, ...infos]);
  mkdirSync(dirname(path), { recursive: true });
  const out = createWriteStream(`${path}.partial`);
  const write = async (/** @type {Uint8Array} */ data) => {
    if (!out.write(data)) await once(out, "drain");
  };
  await write(Buffer.concat([header, Buffer.alloc(aligned(header.length) - header.length)]));
  const blocks = new Map(
    [Q4_K, Q6_K].map((format) => [/** @type {Format} */ (format), randomBlocks(format)]),
  );
  let turn = 0;
  for (const tensor of tensors) {
    const size = sizeOf(tensor);
    const { values, format } = tensor;
    const source = blocks.get(format);
    if (values) await write(bytesOf(values));
    // Each matrix begins at another place, so that no two are the same.
    let from = (turn++ * 977 * format.bytes) % (source?.length ?? 1);
    for (let done = 0; source && done < size; from = 0) {
      const part = source.subarray(from, from + size - done);
      await write(part);
      done += part.length;
    }
    await write(new Uint8Array(aligned(size) - size));
  }
  out.end();
  await once(out, "finish");
  renameSync(`${path}.partial`, path);
}

/** The file of a shape in the user's cache folder; written where it is missing. */
export async function shapeFile(/** @type {string} */ name) {
  const path = join(cacheFolder(), "models", `${name}-random-q4_k_m.gguf`);
  if (!existsSync(path)) await writeShape(name, path);
  return path;
}

if (isMain(import.meta.url)) {
  const [name = "", file] = process.argv.slice(2);
  try {
    if (file !== undefined) await writeShape(name, resolve(file));
    console.log(file === undefined ? await shapeFile(name) : resolve(file));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
