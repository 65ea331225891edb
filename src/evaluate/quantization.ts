import { z } from "zod";
import type { Policy, Prompt, Response, Unrounded } from "../policy/policy.js";
import { drawResamples, estimateMean } from "./bootstrap.js";
import type { Estimate } from "./metrics.js";

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
  /**
   * KL(π_rounded ‖ π) of a token in nats, and the total variation between the two, on average over the responses with intervals over these:
   * of draws from π_rounded as it is, w = π/π_rounded of a token has mean 1, so that w − 1 − log w has the first as its mean, and |w − 1|/2 the second. Absent
   * where responses were drawn otherwise, or are fewer than eight.
   */
  readonly divergence?: { readonly kl: Estimate; readonly totalVariation: Estimate };
  /** By reward, what choosing by the rounded log π does; where the choice was exact. */
  readonly choices?: Readonly<Record<string, RoundedChoices>>;
}

/** Choices by what a rounded model says, against exact ones from the same responses. */
export interface RoundedChoices {
  /** The share of prompts for which both are the same. */
  readonly same: Estimate;
  /** How much more often the exact ones are right, paired by prompt; absent without labels. */
  readonly accuracyGain?: Estimate;
}

const estimate = z.object({ value: z.number(), low: z.number(), high: z.number() });
const spread = z.object({ mean: z.number(), max: z.number() });

/** What a run's quantization.json holds. */
export const quantizationErrorSchema: z.ZodType<QuantizationError> = z.object({
  quantization: z.string(),
  responses: z.int(),
  tokens: z.int(),
  perResponse: spread,
  perToken: spread,
  divergence: z.object({ kl: estimate, totalVariation: estimate }).exactOptional(),
  choices: z
    .record(z.string(), z.object({ same: estimate, accuracyGain: estimate.exactOptional() }))
    .exactOptional(),
});

/** Fewer responses have no interval worth the name. */
const FEWEST_FOR_INTERVALS = 8;
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
 * @param drawn at least one response with at least one token. @param asItIs whether they are samples of the quantized model at temperature 1,
 * with nothing left out.
 */
export async function quantizationError(
  quantization: string,
  float: Pick<Policy | Unrounded, "logProb">,
  drawn: readonly DrawnResponse[],
  asItIs: boolean,
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
    ...(asItIs && drawn.length >= FEWEST_FOR_INTERVALS && { divergence: divergenceOf(differences) }),
  };
}

function divergenceOf(
  differences: readonly (readonly number[])[],
): NonNullable<QuantizationError["divergence"]> {
  const resamples = drawResamples(differences.length, { seed: 0 });
  const ofTokens = (value: (difference: number) => number): Estimate =>
    estimateMean(
      Float64Array.from(differences, (each) => each.reduce((sum, d) => sum + value(d), 0) / each.length),
      resamples,
    );
  return {
    // With w = π/π_rounded, whose mean is 1: E[w − 1 − log w] is KL like E[−log w], and never below 0.
    kl: ofTokens((difference) => Math.expm1(-difference) + difference),
    totalVariation: ofTokens((difference) => Math.abs(Math.expm1(-difference)) / 2),
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
