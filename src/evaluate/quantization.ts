import { z } from "zod";
import type { Policy, Prompt, Response } from "../policy/policy.js";

/** |Δ| in nats. */
interface Spread {
  readonly mean: number;
  readonly max: number;
}

/** What quantizing the base has done to log π, measured on a handful of the responses that it drew. */
export interface QuantizationError {
  /** How it was quantized, such as `int8`. */
  readonly quantization: string;
  readonly responses: number;
  readonly tokens: number;
  /** |log π(y|x) − log π_float(y|x)| of whole responses. */
  readonly perResponse: Spread;
  /** The same of each token. */
  readonly perToken: Spread;
}

const spread = z.object({ mean: z.number(), max: z.number() });

/** What a run's quantization.json holds. */
export const quantizationErrorSchema: z.ZodType<QuantizationError> = z.object({
  quantization: z.string(),
  responses: z.int(),
  tokens: z.int(),
  perResponse: spread,
  perToken: spread,
});

/** Responses that are enough to tell how far a quantized model is off. */
const HANDFUL = 16;

/** A prompt with one of its responses. */
export interface DrawnResponse {
  readonly prompt: Prompt;
  readonly response: Response;
}

/** At most `HANDFUL` of many, evenly spread. */
export function handfulOf<T>(items: readonly T[]): readonly T[] {
  const step = Math.max(1, items.length / HANDFUL);
  return Array.from({ length: Math.min(HANDFUL, items.length) }, (_, i) => items[Math.floor(i * step)]!);
}

/**
 * Scores the tokens of responses that a quantized model drew by the float model, and compares.
 * @param drawn at least one response with at least one token.
 */
export async function quantizationError(
  quantization: string,
  float: Pick<Policy, "logProb">,
  drawn: readonly DrawnResponse[],
): Promise<QuantizationError> {
  const theirs = await float.logProb(
    drawn.map(({ prompt, response }) => ({ prompt, tokens: response.tokens })),
  );
  const differences = drawn.map(({ response }, i) =>
    response.logProbs.map((logProb, t) => logProb - theirs[i]![t]!),
  );
  const tokens = differences.flat();
  const wholes = differences.map((each) => each.reduce((sum, value) => sum + value, 0));
  return {
    quantization,
    responses: drawn.length,
    tokens: tokens.length,
    perResponse: spreadOf(wholes),
    perToken: spreadOf(tokens),
  };
}

function spreadOf(differences: readonly number[]): Spread {
  const sizes = differences.map(Math.abs);
  const sum = sizes.reduce((total, size) => total + size, 0);
  return {
    mean: sum / Math.max(1, sizes.length),
    max: sizes.reduce((most, size) => Math.max(most, size), 0),
  };
}
