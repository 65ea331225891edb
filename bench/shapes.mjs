/**
 * The two models that are measured, and random weights of their shapes for where they cannot be had: made from a seed, never
 * written to disk.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { randomStream } from "../dist/core/random.js";
import { tensorShapes } from "../dist/transformer/families/config.js";
import { loadModel } from "../dist/transformer/model.js";
import { Runtime } from "../dist/transformer/runtime.js";
import { realModelPath } from "../scripts/fetch-model.mjs";

/** @typedef {import("../dist/transformer/families/config.js").ModelConfig} ModelConfig */
/** @typedef {import("../dist/transformer/decoder/sequence-pass.js").Weights} Weights */
/** @typedef {{ readonly config: ModelConfig, readonly weights: Weights, readonly source: string }} BenchModel */

const EMBEDDED = join(import.meta.dirname, "..", "models", "game24");

/** As HuggingFaceTB/SmolLM2-135M; no end token, so that every response has its full length. */
export const SMOLLM2 = {
  vocabSize: 49152,
  hiddenSize: 576,
  intermediateSize: 1536,
  layers: 30,
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  rmsNormEps: 1e-5,
  ropeTheta: 100000,
  maxPositions: 2048,
  tieWordEmbeddings: true,
  eosTokenIds: [],
};

/** The shape of models/game24, for as long as its weights are not there. */
const GAME24 = {
  vocabSize: 212,
  hiddenSize: 128,
  intermediateSize: 384,
  layers: 4,
  heads: 4,
  kvHeads: 4,
  headDim: 32,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  maxPositions: 64,
  tieWordEmbeddings: true,
  eosTokenIds: [],
};

/**
 * SmolLM2-135M-Instruct, or random weights of its shape where it was not fetched. Without an end token, as `embeddedModel`.
 * @returns {Promise<BenchModel>}
 */
export async function smolLM2() {
  const path = realModelPath("smollm2");
  if (!existsSync(path))
    return { config: SMOLLM2, weights: randomWeights(SMOLLM2), source: "random weights" };
  const { name, config, weights } = await loadModel(path);
  return { config: { ...config, eosTokenIds: [] }, weights, source: name };
}

/**
 * The embedded model, or random weights of its shape where it is not there. It is measured without an end token, so
 * that the work does not depend on what it has learnt.
 * @returns {Promise<BenchModel>}
 */
export async function embeddedModel() {
  if (!existsSync(join(EMBEDDED, "model.safetensors")))
    return { config: GAME24, weights: randomWeights(GAME24), source: "random weights" };
  const { config, weights } = await loadModel(EMBEDDED);
  return { config: { ...config, eosTokenIds: [] }, weights, source: "models/game24" };
}

/**
 * What runs such a model, below the policies.
 * @param {BenchModel} model @param {import("../dist/transformer/runtime-options.js").RuntimeOptions} [options]
 */
export function runtimeOf({ config, weights }, options) {
  // The tokenizer is not used below the policies.
  const tokenizer = /** @type {import("../dist/transformer/text/tokenizer.js").Tokenizer} */ ({});
  return new Runtime({ name: "bench", folder: "", config, weights, tokenizer, digest: "" }, options);
}

/** Distinct values before they repeat: a prime, so that no two rows of a matrix are the same. */
const DISTINCT = 1_000_003;

/**
 * Normal weights of standard deviation 0.02 (norms: 1). Drawing every value on its own would take longer than what is
 * measured, so each tensor reads one long draw from another place.
 * @param {ModelConfig} config
 * @returns {Weights}
 */
function randomWeights(config) {
  const stream = randomStream(0, "bench weights");
  const values = Float32Array.from({ length: DISTINCT }, () => stream.normal() * 0.02);
  return new Map(
    [...tensorShapes(config)].map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
      if (shape.length === 1) data.fill(1);
      else {
        let from = stream.integer(DISTINCT);
        for (let at = 0; at < data.length;) {
          const part = values.subarray(from, from + data.length - at);
          data.set(part, at);
          at += part.length;
          from = 0;
        }
      }
      return [name, { shape, data }];
    }),
  );
}
