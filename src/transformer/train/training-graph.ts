import { Graph, gradients, mul, neg, reduceSum, type Tensor, type Value } from "../../graph/index.js";
import type { HeldWeights } from "../decoder/hold.js";
import {
  adaptedParameters,
  sequencePass,
  trainableParameters,
  type Weights,
} from "../decoder/sequence-pass.js";
import type { ModelConfig } from "../families/config.js";
import type { LoraAdapter } from "../format/peft.js";
import { adapterTensors } from "./adapter-tensors.js";
import type { Trained } from "./checkpoint.js";
import type { Multiple } from "./multiples.js";

/** A graph of the loss −Σ weight · log π with its gradients, and what it is fed beside a batch. */
export interface TrainingGraph {
  readonly graph: Graph;
  readonly trained: readonly Trained[];
  readonly fixed: Readonly<Record<string, Tensor>>;
  readonly multiples: readonly Multiple[];
}

export interface TrainingGraphOptions {
  /** The longest sequence, prompt and response, in tokens. */
  readonly maxLength: number;
  /** Whether the backward pass computes each layer again, so that little is held between the passes. */
  readonly recompute: boolean;
}

/** All weights are trained, in their own arrays. */
export function fullTrainingGraph(
  config: ModelConfig,
  weights: Weights,
  options: TrainingGraphOptions,
): TrainingGraph {
  const graph = new Graph();
  const { parameter, inputs } = trainableParameters(graph, weights);
  const pass = sequencePass(graph, config, { parameter, ...options });
  addLoss(graph, pass.logProbs, inputs);
  const trained = inputs.map(({ name }) => ({ name, ...weights.get(name)! }));
  return { graph, trained, fixed: {}, multiples: [] };
}

/** An adapter is trained, in its own arrays, over frozen weights: in memory, or as they are held once. */
export function loraTrainingGraph(
  config: ModelConfig,
  weights: Weights | HeldWeights,
  adapter: LoraAdapter,
  options: TrainingGraphOptions,
): TrainingGraph {
  const graph = new Graph();
  const held = isHeld(weights) ? weights : undefined;
  const names = [...(adapter.replaced?.keys() ?? [])];
  const frozen = isHeld(weights) ? weights.weights : weights;
  const adapted = adaptedParameters(graph, config, frozen, names, adapter.scaled);
  const pass = sequencePass(graph, config, {
    parameter: adapted.parameter,
    loraModules: adapter.targetModules,
    replaced: names,
    held: held?.quantized,
    embedded: held !== undefined,
    ...options,
  });
  const { inputs, trained, fixed, multiples } = adapterTensors(
    config,
    adapter,
    pass.loraInputs,
    adapted.inputs,
  );
  addLoss(graph, pass.logProbs, inputs);
  const data = Float32Array.of(adapter.alpha / adapter.rank);
  const scaling: Tensor = { type: "float32", dims: [], data };
  return { graph, trained, fixed: { "lora.scaling": scaling, ...fixed }, multiples };
}

/** Whether weights are held once. */
export function isHeld(weights: Weights | HeldWeights): weights is HeldWeights {
  return "embeddings" in weights;
}

function addLoss(graph: Graph, logProbs: Value, wrt: readonly Value[]): void {
  const weights = graph.input("weights", "float32", ["k"]);
  const loss = neg(reduceSum(mul(logProbs, weights)));
  const parts = gradients(loss, wrt);
  graph.output("loss", loss);
  graph.output("logProbs", logProbs);
  parts.forEach((part, i) => graph.output(`gradient.${i}`, part));
}
