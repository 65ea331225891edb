import {
  add,
  exp,
  gather,
  gatherElements,
  logSoftmax,
  mul,
  reduceMean,
  reshape,
  scatterNDAdd,
  sub,
  matMul,
  neg,
  cast,
  dequantizedProduct,
  dequantizedRows,
  dequantizedSum,
  recomputed,
  withGradient,
  type Graph,
  type HeldMatrix,
  type Value,
} from "../../graph/index.js";
import { causalAttention, treeMasks } from "./attention.js";
import type { ModelConfig } from "../families/config.js";
import {
  decoder,
  lookUp,
  oneByOne,
  plainLinear,
  weightProduct,
  weightProducts,
  type Linear,
  type Parameter,
  type Product,
} from "./decoder.js";
import { loraLinear, type LoraInputs } from "./lora.js";
import { headName, wholeShape } from "../families/modules.js";
import type { FrozenWeights } from "./hold.js";
import type { QuantizedWeights } from "./quantize.js";
import { longestRow } from "./packing.js";
import { rotaryTables } from "./rotary.js";
import type { FloatTensor } from "../format/safetensors.js";

/** Every weight of a model by its Hugging Face name. */
export type Weights = ReadonlyMap<string, FloatTensor>;

/** Weights as constants of the graph. */
function frozenParameters(graph: Graph, weights: FrozenWeights): Parameter {
  return remembered((name) => {
    const { data, shape } = weights.get(name)!;
    return graph.initializer(name, "float32", shape, data);
  });
}

/** A parameter that is made once, at its first use. */
function remembered(make: Parameter): Parameter {
  const values = new Map<string, Value>();
  return (name) => {
    const known = values.get(name) ?? make(name);
    values.set(name, known);
    return known;
  };
}

/**
 * How fast a weight's one number moves: the weight is e^(64 u) times the base's, so that a step of Adam at the rates of LoRA, which
 * changes u by some 3e−4, changes it by 2 %.
 */
const SCALE_RATE = 64;

/** What a weight is multiplied by, for its one number u. */
export const scaleOf = (u: number): number => Math.exp(SCALE_RATE * u);

/**
 * Weights as constants of the graph, those that an adapter replaces as inputs; `inputs` lists them once the graph is built.
 * @param scaled those of `replaced` whose one input is u, [1]: the weight is `scaleOf(u)` times the base's.
 */
export function adaptedParameters(
  graph: Graph,
  config: ModelConfig,
  weights: FrozenWeights,
  replaced: readonly string[] = [],
  scaled: readonly string[] = [],
): { readonly parameter: Parameter; readonly inputs: Value[] } {
  const frozen = frozenParameters(graph, weights);
  const inputs: Value[] = [];
  const parameter = remembered((name) => {
    if (!replaced.includes(name)) return frozen(name);
    if (scaled.includes(name)) {
      const u = graph.input(`${name}.scale`, "float32", [1]);
      inputs.push(u);
      const scale = exp(mul(u, SCALE_RATE));
      if (!config.normsAroundOne) return mul(frozen(name), scale);
      return sub(mul(add(frozen(name), 1), scale), 1);
    }
    const value = graph.input(name, "float32", wholeShape(config, name));
    inputs.push(value);
    return value;
  });
  return { parameter, inputs };
}

/** Weights as inputs of the graph, for training all of them; `inputs` lists them once the graph is built. */
export function trainableParameters(
  graph: Graph,
  weights: Weights,
): { readonly parameter: Parameter; readonly inputs: Value[] } {
  const inputs: Value[] = [];
  const parameter = remembered((name) => {
    const value = graph.input(name, "float32", weights.get(name)!.shape);
    inputs.push(value);
    return value;
  });
  return { parameter, inputs };
}

/** The part of a graph that scores responses: a forward pass over whole sequences, logits only where a response is. */
export interface SequencePass {
  /** log π of each picked token at temperature 1, [k]. */
  readonly logProbs: Value;
  /** −mean over the vocabulary of log p at each picked token, [k]: KL(uniform ‖ p) + log V. */
  readonly spread: Value;
  /** log p of every token of the vocabulary at each picked token, [k, V]. */
  readonly all: Value;
  readonly loraInputs: readonly LoraInputs[];
}

export interface SequencePassOptions {
  readonly parameter: Parameter;
  /** Target modules of an adapter whose weights are fed; absent: no adapter. */
  readonly loraModules?: readonly string[] | undefined;
  /** Weights that the adapter replaces whole: `parameter` gives them. */
  readonly replaced?: readonly string[] | undefined;
  /** Weights that are held quantized; the pass then has no gradient. Absent: none. */
  readonly quantized?: QuantizedWeights | undefined;
  /** The longest sequence, prompt and response, in tokens. */
  readonly maxLength: number;
  /** Weights that are held in fewer bits, each of which is in float32 for its products alone: the pass has a gradient. Absent: none. */
  readonly held?: ReadonlyMap<string, HeldMatrix> | undefined;
  /** Whether `embedded` float32 [b, t, hiddenSize] is an input in place of `ids`, and the table no constant. */
  readonly embedded?: boolean | undefined;
  /** Whether the backward pass computes each layer again, so that of its values none is held. */
  readonly recompute?: boolean | undefined;
}

/**
 * Adds the pass to a graph. Inputs, as `packBatches` makes them: `ids` int32 [b, t] (right-padded), of which a row holds one sequence
 * or a tree of them; `positions` int64 [b, t] in their sequences; `places` int64 [1, t], 0 … t − 1; `last` int64 [b, t], the last place
 * of the row that sees the token; `picks` int32 [k] (flat places in [b·t] whose next token is scored), `targets` int32 [k].
 */
export function sequencePass(graph: Graph, config: ModelConfig, options: SequencePassOptions): SequencePass {
  const { parameter, quantized, held, loraModules } = options;
  const embedded = options.embedded
    ? graph.input("embedded", "float32", ["b", "t", config.hiddenSize])
    : lookUp(parameter, graph.input("ids", "int32", ["b", "t"]));
  const positions = graph.input("positions", "int64", ["b", "t"]);
  const places = graph.input("places", "int64", [1, "t"]);
  const last = graph.input("last", "int64", ["b", "t"]);
  const picks = graph.input("picks", "int32", ["k"]);
  const targets = graph.input("targets", "int32", ["k"]);
  const product = held ? heldProduct(parameter, held) : weightProduct(parameter, quantized);
  const products = held ? oneByOne(product) : weightProducts(parameter, quantized);
  const base = plainLinear(config, parameter, products);
  const lora = loraModules && loraLinear(graph, config, base, loraModules);
  const linear: Linear = lora?.linear ?? base;
  const hidden = decoder(config, {
    embedded,
    positions,
    rotary: rotaryTables(graph, config, options.maxLength, longestRow(options.maxLength)),
    parameter,
    linear,
    attention: causalAttention(
      config,
      treeMasks(graph, config, { positions, places, last }, options.maxLength),
    ),
    layer: options.recompute ? recomputed : undefined,
  });
  const picked = gather(reshape(hidden, [-1, config.hiddenSize]), picks);
  const table = headName(config, options.replaced);
  const matrix = held?.get(table);
  const all = logSoftmax(product(picked, table));
  const chosen = chosenLogProbs(all, targets);
  return {
    logProbs: quantized?.has(table)
      ? chosen
      : withClosedGradient(chosen, picked, matrix ? { name: table, matrix } : parameter(table), all, targets),
    spread: neg(reduceMean(all, [-1])),
    all,
    loraInputs: lora?.inputs ?? [],
  };
}

/** Products with weights of which some are held in fewer bits. */
function heldProduct(parameter: Parameter, held: ReadonlyMap<string, HeldMatrix>): Product {
  const plain = weightProduct(parameter);
  return (x, name) => {
    const matrix = held.get(name);
    return matrix ? dequantizedProduct(x, name, matrix) : plain(x, name);
  };
}

/** log p of each row's target, [k]. */
function chosenLogProbs(all: Value, targets: Value): Value {
  return reshape(gatherElements(all, reshape(cast(targets, "int64"), ["k", 1]), 1), ["k"]);
}

/**
 * log softmax(h Wᵀ)[target] for each row, with the gradient's closed form: g·(W[target] − p W) for h, and for W the rows
 * g·h added at the targets less pᵀ(g·h). Beside p itself it makes nothing as large as the logits. A W that is held in fewer bits is
 * a constant, and made anew.
 */
function withClosedGradient(
  chosen: Value,
  hidden: Value,
  held: Value | { readonly name: string; readonly matrix: HeldMatrix },
  all: Value,
  targets: Value,
): Value {
  const isConstant = "matrix" in held;
  return withGradient(chosen, isConstant ? [hidden] : [hidden, held], (gradient) => {
    const rows = reshape(gradient, ["k", 1]);
    const p = exp(all);
    const [chosenRows, mean] = isConstant
      ? [dequantizedRows(held.name, held.matrix, targets), dequantizedSum(p, held.name, held.matrix)]
      : [gather(held, targets), matMul(p, held)];
    const along = mul(sub(chosenRows, mean), rows);
    if (isConstant) return [along];
    const weighted = mul(hidden, rows);
    return [
      along,
      scatterNDAdd(
        matMul(p, weighted, { transA: true, alpha: -1 }),
        reshape(cast(targets, "int64"), ["k", 1]),
        weighted,
      ),
    ];
  });
}
