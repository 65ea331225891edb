import { tensorShapes, type ModelConfig } from "../families/config.js";

/** Padded tokens a pass where nothing asks for fewer. */
export const TOKENS_PER_PASS = 2048;
/** Arrays as large as the weights that training all of them needs. */
const FULL_COPIES = 8;
/** Bytes that logits and their gradient may take where memory is short. */
const FRUGAL_LOGITS = 750e6;
const FEWEST_TOKENS = 256;

/** A pass over b padded sequences of t tokens, of which k are learned. */
export interface PassSize {
  readonly b: number;
  readonly t: number;
  readonly k: number;
}

/** The bytes that a training pass holds at its peak beside weights, nearly: of every layer what its gradient needs, and the logits. */
export function bytesOfPass(config: ModelConfig, { b, t, k }: PassSize): number {
  const { layers, hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize } = config;
  const width = 6 * hiddenSize + 5 * intermediateSize + 4 * (heads + kvHeads) * headDim;
  const layer = b * t * width + 3 * b * heads * t * t;
  return 4 * ((layers + 1) * layer + 2 * k * vocabSize);
}

/**
 * Bytes that training every weight takes beside the model and its passes: the weights twice more (those that are trained, and those that
 * are kept), once where the graph reads them, the gradients in the graph, here and gathered, and AdamW's two moments.
 */
export function bytesOfFullTraining(config: ModelConfig): number {
  let values = 0;
  for (const shape of tensorShapes(config).values())
    values += shape.reduce((product, size) => product * size, 1);
  return FULL_COPIES * 4 * values;
}

/** Padded tokens a pass whose logits stay within bounds, where memory is short. */
export function frugalTokens({ vocabSize }: ModelConfig): number {
  const fitting = Math.floor(FRUGAL_LOGITS / (8 * vocabSize));
  return Math.max(FEWEST_TOKENS, Math.min(TOKENS_PER_PASS, fitting));
}
