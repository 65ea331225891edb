import type { BufferFeed, Tensor } from "../../graph/index.js";
import type { HeldWeights } from "../decoder/hold.js";
import { scaleOf, type Weights } from "../decoder/sequence-pass.js";
import type { ModelConfig } from "../families/config.js";
import type { LoraAdapter } from "../format/peft.js";
import type { FloatTensor } from "../format/safetensors.js";
import type { Trained } from "./checkpoint.js";

/** A weight of an adapter that is trained as a multiple of the base's: one number is trained, and the weight follows it. */
export interface Multiple {
  readonly name: string;
  /** The adapter's, at `scaleOf(number)` times the base's since the last `multiply`. */
  readonly weight: FloatTensor;
  readonly base: Float32Array;
  /** 1 where the weight stands for 1 + w, else 0. */
  readonly around: number;
  /** What is trained, under the name of the graph's input. */
  readonly number: Trained;
}

/** The multiples of an adapter that is as the base yet. */
export function multiplesOf(
  { normsAroundOne }: ModelConfig,
  { scaled = [], replaced }: LoraAdapter,
): Multiple[] {
  return scaled.map((name) => {
    const weight = replaced!.get(name)!;
    const number = { name: `${name}.scale`, shape: [1], data: new Float32Array(1) };
    return { name, weight, base: weight.data.slice(), around: normsAroundOne ? 1 : 0, number };
  });
}

/** The weights that an adapter is trained over, with those that one number multiplies as the adapter has them when it begins. */
export function withScaled(
  weights: Weights | HeldWeights,
  { scaled = [], replaced }: LoraAdapter,
): Weights | HeldWeights {
  if (scaled.length === 0) return weights;
  const own = scaled.map((name) => {
    const { shape, data } = replaced!.get(name)!;
    return [name, { shape, data: data.slice() }] as const;
  });
  if (!("embeddings" in weights)) return new Map([...weights, ...own]);
  return { ...weights, weights: new Map([...weights.weights, ...own]) };
}

/** Sets the weights to what their numbers say. */
export function multiply(multiples: readonly Multiple[]): void {
  for (const { weight, base, around, number } of multiples) {
    const scale = scaleOf(number.data[0]!);
    base.forEach((value, i) => (weight.data[i] = scale * (value + around) - around));
  }
}

/** Feeds of a graph that takes these weights themselves, in place of their numbers. */
export function withWeights(
  feeds: Readonly<Record<string, Tensor | BufferFeed>>,
  multiples: readonly Multiple[],
): Readonly<Record<string, Tensor | BufferFeed>> {
  const numbers = new Set(multiples.map(({ number }) => number.name));
  const weights = multiples.map(({ name, weight: { shape, data } }) => [
    name,
    { type: "float32", dims: shape, data } as const,
  ]);
  return {
    ...Object.fromEntries(Object.entries(feeds).filter(([name]) => !numbers.has(name))),
    ...(Object.fromEntries(weights) as Record<string, Tensor>),
  };
}
