import { Graph, cast, gather, reshape, type HeldMatrix, type Value } from "../../graph/index.js";
import { cachedAttention, windowHides, type SeenRows } from "../decoder/attention.js";
import { decoder, plainLinear, weightProduct, weightProducts } from "../decoder/decoder.js";
import type { FrozenWeights } from "../decoder/hold.js";
import { loraLinear } from "../decoder/lora.js";
import { longestRow } from "../decoder/packing.js";
import { rotaryTables } from "../decoder/rotary.js";
import { adaptedParameters } from "../decoder/sequence-pass.js";
import type { ModelConfig } from "../families/config.js";
import { headName } from "../families/modules.js";
import { cacheInputs, maskInputs, outputKeysAndValues } from "./cache-inputs.js";
import type { PolicyGraphOptions } from "./decode-graph.js";
import { narrowingInputs } from "./narrowed.js";
import { samplingHead } from "./sampling-head.js";

/** The graph's options, with weights that may lie in files. */
export interface WholeGraphOptions extends Omit<PolicyGraphOptions, "quantized"> {
  readonly quantized: ReadonlyMap<string, HeldMatrix>;
}

/**
 * Decoding step, prompt and scoring in one graph, so that one session holds the weights for all three. As `decodeGraph`, but that
 * rows of the step may see each other: a prompt's tokens, or a sequence's, are the rows of one group. Inputs: `embedded`
 * [g, r, hiddenSize]; `positions` int32 [g, r]; `prefixMask`, `suffixMask`, the near ones and the caches as there; `seenRows` int32
 * [q] and `seenMask` [r, 1, q] (`nearSeenMask` where a window hides); `picks` int32 [k]: the rows, of all g·r, that logits are
 * computed for; `uniforms` [k, 1] and `targets` int32 [k, 1]: drawn where the target is negative; `temperature` [k, 1]; of its
 * `narrowing`, `topP`, `leastLog`, `minP` [k, 1].
 * Outputs: `token`, `logProb`, `certainty`, `drawnLogProb` [k]; `key.L`, `value.L` [g, r, kvHeads·d].
 */
export function wholeGraph(
  config: ModelConfig,
  weights: FrozenWeights,
  { loraModules, replaced, quantized, maxLength, narrowing, kvCache, inPlace }: WholeGraphOptions,
): Graph {
  const graph = new Graph();
  const { hiddenSize } = config;
  const embedded = graph.input("embedded", "float32", ["g", "r", hiddenSize]);
  const positions = graph.input("positions", "int32", ["g", "r"]);
  const hides = windowHides(config, maxLength);
  const masks = maskInputs(graph, hides);
  const seen: SeenRows = {
    places: graph.input("seenRows", "int32", ["q"]),
    mask: graph.input("seenMask", "float32", ["r", 1, "q"]),
    ...(hides && { near: graph.input("nearSeenMask", "float32", ["r", 1, "q"]) }),
  };
  const picks = graph.input("picks", "int32", ["k"]);
  const uniforms = graph.input("uniforms", "float32", ["k", 1]);
  const targets = graph.input("targets", "int32", ["k", 1]);
  const temperature = graph.input("temperature", "float32", ["k", 1]);
  const caches = cacheInputs(graph, config, kvCache);
  const { parameter } = adaptedParameters(graph, config, weights, replaced);
  const product = weightProduct(parameter, quantized);
  const base = plainLinear(config, parameter, weightProducts(parameter, quantized));
  const fresh: [Value, Value][] = [];
  const hidden = decoder(config, {
    embedded,
    positions: cast(positions, "int64"),
    rotary: rotaryTables(graph, config, maxLength, longestRow(maxLength)),
    parameter,
    linear: loraModules ? loraLinear(graph, config, base, loraModules).linear : base,
    attention: cachedAttention(config, caches, masks, (_, key, value) => fresh.push([key, value]), {
      seen,
      inPlace,
    }),
  });
  const picked = gather(reshape(hidden, [-1, hiddenSize]), picks);
  const drawn = samplingHead(
    product(picked, headName(config, replaced)),
    uniforms,
    temperature,
    targets,
    narrowing && narrowingInputs(graph, narrowing, ["k", 1], (perRow) => perRow),
  );
  graph.output("token", drawn.token);
  graph.output("logProb", drawn.logProb);
  graph.output("certainty", drawn.certainty);
  if (drawn.drawnLogProb) graph.output("drawnLogProb", drawn.drawnLogProb);
  outputKeysAndValues(graph, fresh, kvCache);
  return graph;
}
