import {
  Graph,
  cast,
  exp,
  expand,
  mul,
  neg,
  reduceSum,
  reshape,
  sub,
  topK,
  type Value,
} from "../../graph/index.js";
import { cachedAttention, causalAttention, causalMasks, windowHides } from "../decoder/attention.js";
import type { ModelConfig } from "../families/config.js";
import { headName } from "../families/modules.js";
import { decoder, lookUp, plainLinear, weightProduct, weightProducts } from "../decoder/decoder.js";
import { loraLinear } from "../decoder/lora.js";
import type { QuantizedWeights } from "../decoder/quantize.js";
import { rotaryTables } from "../decoder/rotary.js";
import { cacheInputs, maskInputs, outputKeysAndValues, type KvCacheType } from "./cache-inputs.js";
import { narrowingInputs, type Narrowed } from "./narrowed.js";
import { likeliestTokens } from "./likeliest.js";
import { samplingHead } from "./sampling-head.js";
import {
  adaptedParameters,
  sequencePass,
  type SequencePass,
  type Weights,
} from "../decoder/sequence-pass.js";

export interface PolicyGraphOptions {
  /** Target modules of the adapters that will be fed; absent: none. */
  readonly loraModules?: readonly string[] | undefined;
  /** The weights that these adapters replace whole. Absent: none. */
  readonly replaced?: readonly string[] | undefined;
  /** Weights that are held quantized, and need not be among the others. */
  readonly quantized?: QuantizedWeights | undefined;
  /** The longest sequence in tokens. */
  readonly maxLength: number;
  /** How keys and values are held between steps. Default: float32. */
  readonly kvCache?: KvCacheType | undefined;
  /** Of a decoding step: whether rows' own keys and values are read as they lie (`cachedAttention`). Default: no. */
  readonly inPlace?: boolean;
  /** Of a decoding step: what its rows have of limits on the tokens that may be drawn. Absent: none. */
  readonly narrowing?: Narrowed | undefined;
}

/** What a decoding step computes before anything is drawn of it. */
interface Step {
  /** [g·r, V] */
  readonly logits: Value;
  /** Keys and values of the new tokens, by layer. */
  readonly fresh: readonly (readonly [Value, Value])[];
}

/**
 * A step of g groups of r rows; the rows of a group share a prompt. Inputs: `ids`, `positions` [g, r]; `prefixMask` [g, 1, 1, p];
 * `suffixMask` [g, 1, r, 1, s]; where a sliding window hides, `nearPrefixMask` [g, 1, r, 1, p] and `nearSuffixMask` [g, 1, r, 1, s] of
 * its layers; `prefix.key.L`, `prefix.value.L` [g, kvHeads, p, d]; `suffix.key.L`, `suffix.value.L` [g, kvHeads·r, 1, s, d].
 * @param more makes further inputs, between the masks and the caches.
 */
function decodingStep<T>(
  graph: Graph,
  config: ModelConfig,
  weights: Weights,
  { loraModules, replaced, quantized, maxLength, kvCache, inPlace }: PolicyGraphOptions,
  more: () => T,
): Step & { readonly inputs: T } {
  const ids = graph.input("ids", "int32", ["g", "r"]);
  const positions = graph.input("positions", "int32", ["g", "r"]);
  const masks = maskInputs(graph, windowHides(config, maxLength));
  const inputs = more();
  const caches = cacheInputs(graph, config, kvCache);
  const { parameter } = adaptedParameters(graph, config, weights, replaced);
  const product = weightProduct(parameter, quantized);
  const base = plainLinear(config, parameter, weightProducts(parameter, quantized));
  const fresh: [Value, Value][] = [];
  const hidden = decoder(config, {
    embedded: lookUp(parameter, ids),
    positions: cast(positions, "int64"),
    rotary: rotaryTables(graph, config, maxLength),
    parameter,
    linear: loraModules ? loraLinear(graph, config, base, loraModules).linear : base,
    attention: cachedAttention(config, caches, masks, (_, key, value) => fresh.push([key, value]), {
      inPlace,
    }),
  });
  const logits = product(reshape(hidden, [-1, config.hiddenSize]), headName(config, replaced));
  return { logits, fresh, inputs };
}

/**
 * One decoding step (`decodingStep`) that draws. Further inputs: `uniforms` [g, r]; `temperature` [g, r] unless `plain`; of its
 * `narrowing`, `topP`, `leastLog`, `minP` [g, r] (`narrowingInputs`).
 * Outputs: `token`, `logProb`, `certainty`, unless `plain` `drawnLogProb` [g·r]; `key.L`, `value.L` [g, r, kvHeads·d] of the new token.
 * @param plain temperature 1 is built in, which saves a pass over the vocabulary.
 */
export function decodeGraph(
  config: ModelConfig,
  weights: Weights,
  options: PolicyGraphOptions,
  plain: boolean,
): Graph {
  const graph = new Graph();
  const { narrowing } = options;
  const { logits, fresh, inputs } = decodingStep(graph, config, weights, options, () => ({
    uniforms: graph.input("uniforms", "float32", ["g", "r"]),
    temperature: plain ? undefined : graph.input("temperature", "float32", ["g", "r"]),
  }));
  const { uniforms, temperature } = inputs;
  const column = (perRow: Value): Value => reshape(perRow, [-1, 1]);
  const drawn = samplingHead(
    logits,
    column(uniforms),
    temperature && column(temperature),
    undefined,
    narrowing && narrowingInputs(graph, narrowing, ["g", "r"], column),
  );
  graph.output("token", drawn.token);
  graph.output("logProb", drawn.logProb);
  graph.output("certainty", drawn.certainty);
  if (drawn.drawnLogProb) graph.output("drawnLogProb", drawn.drawnLogProb);
  outputKeysAndValues(graph, fresh, options.kvCache);
  return graph;
}

/**
 * One decoding step (`decodingStep`) that names each row's likeliest tokens.
 * Outputs: `tokens`, `logProbs` [g·r, count], the likeliest first; `certainty` [g·r]; `key.L`, `value.L` [g, r, kvHeads·d].
 * @param count how many; at most the vocabulary's size.
 */
export function beamGraph(
  config: ModelConfig,
  weights: Weights,
  options: PolicyGraphOptions,
  count: number,
): Graph {
  const graph = new Graph();
  const { logits, fresh } = decodingStep(graph, config, weights, options, () => undefined);
  const { tokens, logProbs, certainty } = likeliestTokens(logits, count);
  graph.output("tokens", tokens);
  graph.output("logProbs", logProbs);
  graph.output("certainty", certainty);
  outputKeysAndValues(graph, fresh, options.kvCache);
  return graph;
}

/**
 * The keys and values of whole prompts. Inputs `ids` int32 [b, t] (right-padded), `positions` int64 [1, t]; outputs
 * `key.L`, `value.L` [b, t, kvHeads·d].
 */
export function prefixGraph(
  config: ModelConfig,
  weights: Weights,
  { loraModules, replaced, quantized, maxLength, kvCache }: PolicyGraphOptions,
): Graph {
  const graph = new Graph();
  const ids = graph.input("ids", "int32", ["b", "t"]);
  const positions = graph.input("positions", "int64", [1, "t"]);
  const { parameter } = adaptedParameters(graph, config, weights, replaced);
  const base = plainLinear(config, parameter, weightProducts(parameter, quantized));
  const fresh: [Value, Value][] = [];
  const causal = causalAttention(config, causalMasks(graph, config, positions, maxLength));
  decoder(config, {
    embedded: lookUp(parameter, ids),
    positions: expand(positions, ["b", "t"]),
    rotary: rotaryTables(graph, config, maxLength),
    parameter,
    linear: loraModules ? loraLinear(graph, config, base, loraModules).linear : base,
    attention: (layer, query, key, value) => {
      fresh.push([key, value]);
      return causal(layer, query, key, value);
    },
  });
  outputKeysAndValues(graph, fresh, kvCache);
  return graph;
}

/** The pass over given responses that the graphs below tell of: inputs as `sequencePass`. */
function responsePass(
  graph: Graph,
  config: ModelConfig,
  weights: Weights,
  options: PolicyGraphOptions,
): SequencePass {
  const { parameter } = adaptedParameters(graph, config, weights, options.replaced);
  return sequencePass(graph, config, { parameter, ...options });
}

/** Scores responses; outputs `logProbs` and `certainties` (KL(uniform ‖ p), nats) [k]. */
export function scoreGraph(config: ModelConfig, weights: Weights, options: PolicyGraphOptions): Graph {
  const graph = new Graph();
  const pass = responsePass(graph, config, weights, options);
  graph.output("logProbs", pass.logProbs);
  graph.output("certainties", sub(pass.spread, Math.log(config.vocabSize)));
  return graph;
}

/** The entropies of given responses' tokens; output `entropies` (−Σ p·log p, nats) [k]. */
export function entropyGraph(config: ModelConfig, weights: Weights, options: PolicyGraphOptions): Graph {
  const graph = new Graph();
  const { all } = responsePass(graph, config, weights, options);
  graph.output("entropies", neg(reduceSum(mul(exp(all), all), [-1])));
  return graph;
}

/** The likeliest tokens at each position of given responses, the likeliest first; outputs `likeliest` (log p, nats) and `likeliestIds` [k, count]. */
export function likeliestGraph(
  config: ModelConfig,
  weights: Weights,
  options: PolicyGraphOptions,
  count: number,
): Graph {
  const graph = new Graph();
  const { values, indices } = topK(responsePass(graph, config, weights, options).all, count);
  graph.output("likeliest", values);
  // Ids are far below what a float32 holds exactly.
  graph.output("likeliestIds", cast(indices, "float32"));
  return graph;
}
