import {
  add,
  byteProduct,
  gather,
  geluTanh,
  matMul,
  mul,
  quantizedProduct,
  reshape,
  rmsNorm,
  rotaryEmbedding,
  silu,
  split,
  stacked,
  type ByteMatrix,
  type HeldMatrix,
  type HeldQuantizedMatrix,
  type Value,
} from "../../graph/index.js";
import type { Attention } from "./attention.js";
import type { ModelConfig } from "../families/config.js";
import { EMBEDDINGS, lastPart } from "../families/modules.js";
import type { RotaryTables } from "./rotary.js";

/** A weight by its Hugging Face name, as a value of the graph: a constant, or an input that is trained. */
export type Parameter = (name: string) => Value;

/** x Wᵀ with the weight of a name, from [·, …, in] to [·, …, out]. */
export type Product = (x: Value, weight: string) => Value;

/** Products with weights as they are, or with their quantized form where there is one. */
export function weightProduct(
  parameter: Parameter,
  quantized?: ReadonlyMap<string, HeldMatrix | ByteMatrix>,
): Product {
  return (x, name) => {
    const matrix = quantized?.get(name);
    if (!matrix) return matMul(x, parameter(name), { transB: true });
    return "bytes" in matrix ? byteProduct(x, name, matrix) : quantizedProduct(x, name, matrix);
  };
}

/** x Wᵀ with each of the weights of some names. */
export type Products = (x: Value, weights: readonly string[]) => Value[];

/** One product after the other. */
export const oneByOne =
  (product: Product): Products =>
  (x, names) =>
    names.map((name) => product(x, name));

/** As `weightProduct`; weights whose arrays lie behind each other in a file meet x as one matrix. */
export function weightProducts(
  parameter: Parameter,
  quantized?: ReadonlyMap<string, HeldMatrix | ByteMatrix>,
): Products {
  const product = weightProduct(parameter, quantized);
  return (x, names) =>
    stacks(names, quantized).flatMap(({ members, matrix, sizes }) =>
      matrix && members.length > 1
        ? split(quantizedProduct(x, members.join("+"), matrix), sizes, -1)
        : members.map((name) => product(x, name)),
    );
}

/** Weights that are one matrix: their names and rows, in its order. */
interface Stack {
  readonly members: string[];
  readonly sizes: number[];
  matrix: HeldQuantizedMatrix | undefined;
}

/** Weights in as few stacks as may be. */
function stacks(
  names: readonly string[],
  quantized: ReadonlyMap<string, HeldMatrix | ByteMatrix> = new Map(),
): Stack[] {
  const made: Stack[] = [];
  for (const name of names) {
    const found = quantized.get(name);
    const matrix = found && !("bytes" in found) && !("half" in found) ? found : undefined;
    const last = made.at(-1);
    const both = matrix && last?.matrix && stacked(last.matrix, matrix);
    if (last && both) {
      last.members.push(name);
      last.sizes.push(matrix.rows);
      last.matrix = both;
    } else made.push({ members: [name], sizes: matrix ? [matrix.rows] : [], matrix });
  }
  return made;
}

/**
 * y = x Wᵀ (plus a bias, in some families, and an adapter, where there is one) for each of the modules, such as
 * `model.layers.0.self_attn.q_proj`.
 */
export type Linear = (x: Value, modules: readonly string[]) => Value[];

/** Linears without an adapter. */
export function plainLinear(
  { biases = [] }: ModelConfig,
  parameter: Parameter,
  products: Products = oneByOne(weightProduct(parameter)),
): Linear {
  return (x, modules) => {
    const outputs = products(
      x,
      modules.map((module) => `${module}.weight`),
    );
    return modules.map((module, i) => {
      const y = outputs[i]!;
      return biases.includes(lastPart(module)) ? add(y, parameter(`${module}.bias`)) : y;
    });
  };
}

export interface DecoderParts {
  /** The tokens' embeddings, not yet scaled: `lookUp`. */
  readonly embedded: Value;
  readonly positions: Value;
  readonly rotary: RotaryTables;
  readonly parameter: Parameter;
  readonly linear: Linear;
  readonly attention: Attention;
  /** How a layer is built of its input: `recomputed` holds nothing of it but that for the gradients. Default: as it stands. */
  readonly layer?: ((x: Value, build: (x: Value) => Value) => Value) | undefined;
}

/** The embeddings of tokens, int32 [·, ·], from the table: [·, ·, hiddenSize]. */
export function lookUp(parameter: Parameter, ids: Value): Value {
  return gather(parameter(EMBEDDINGS), ids);
}

/**
 * The decoder: RMSNorm, rotary attention with grouped queries, a gated feed-forward part (Llama), and what the families'
 * switches add. Defined once: scoring, training and decoding differ only in the attention and the linears that they
 * pass in.
 * @param embedded float32 [·, ·, hiddenSize]; @param positions int64 [·, ·].
 * @returns the last hidden state after the final norm, [·, ·, hiddenSize].
 */
export function decoder(config: ModelConfig, parts: DecoderParts): Value {
  const { embedded, parameter, layer: part = (x, build) => build(x) } = parts;
  let x = config.embeddingScale === undefined ? embedded : mul(embedded, config.embeddingScale);
  for (let layer = 0; layer < config.layers; layer++)
    x = part(x, (h) => decoderLayer(config, parts, layer, h));
  return normalizer(config, parameter)(x, "model.norm");
}

function decoderLayer(config: ModelConfig, parts: DecoderParts, layer: number, x: Value): Value {
  const norm = normalizer(config, parts.parameter);
  const name = `model.layers.${layer}`;
  const mixed = attend(config, parts, layer, norm(x, `${name}.input_layernorm`));
  // Llama's name for the norm before the feed-forward part is the one that stands behind attention in a sandwich.
  const after = `${name}.post_attention_layernorm`;
  const h = add(x, config.sandwichNorms ? norm(mixed, after) : mixed);
  const before = config.sandwichNorms ? `${name}.pre_feedforward_layernorm` : after;
  const fed = feedForward(config, parts, layer, norm(h, before));
  return add(h, config.sandwichNorms ? norm(fed, `${name}.post_feedforward_layernorm`) : fed);
}

/** RMS norms by the names of their weights. */
function normalizer(config: ModelConfig, parameter: Parameter): (x: Value, name: string) => Value {
  return (x, name) => {
    const weight = parameter(`${name}.weight`);
    return rmsNorm(x, config.normsAroundOne ? add(weight, 1) : weight, config.rmsNormEps);
  };
}

/** The attention part of a layer, from its normalized input to what is added. */
function attend(config: ModelConfig, parts: DecoderParts, layer: number, x: Value): Value {
  const { positions, rotary, linear, attention, parameter } = parts;
  const { heads, kvHeads, headDim, rotaryDim } = config;
  const name = `model.layers.${layer}.self_attn`;
  const [queryWidth, keyWidth] = [heads * headDim, kvHeads * headDim];
  const projections = config.fusedLinears
    ? split(linear(x, [`${name}.qkv_proj`])[0]!, [queryWidth, keyWidth, keyWidth], -1)
    : linear(
        x,
        ["q_proj", "k_proj", "v_proj"].map((kind) => `${name}.${kind}`),
      );
  const [query, key, value] = projections as [Value, Value, Value];
  const norm = normalizer(config, parameter);
  const { cos, sin } = rotary[layer]!;
  const turn = (states: Value, kind: string, count: number): Value => {
    const perHead = (): Value => reshape(states, [...states.shape.slice(0, -1), count, headDim]);
    const ready = config.queryKeyNorm ? reshape(norm(perHead(), `${name}.${kind}`), states.shape) : states;
    return rotaryEmbedding(ready, positions, cos, sin, rotaryDim === undefined ? undefined : count);
  };
  const mixed = attention(layer, turn(query, "q_norm", heads), turn(key, "k_norm", kvHeads), value);
  return linear(mixed, [`${name}.o_proj`])[0]!;
}

/** The gated feed-forward part of a layer, from its normalized input to what is added. */
function feedForward(config: ModelConfig, { linear }: DecoderParts, layer: number, x: Value): Value {
  const name = `model.layers.${layer}.mlp`;
  const { intermediateSize: width } = config;
  const [gate, up] = (
    config.fusedLinears
      ? split(linear(x, [`${name}.gate_up_proj`])[0]!, [width, width], -1)
      : linear(x, [`${name}.gate_proj`, `${name}.up_proj`])
  ) as [Value, Value];
  const opened = config.activation === "gelu-tanh" ? geluTanh(gate) : silu(gate);
  return linear(mul(opened, up), [`${name}.down_proj`])[0]!;
}
