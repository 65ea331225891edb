import type { Policy, Prompt, Response } from "../../policy/policy.js";
import { enumerateResponses, sequentialPolicy, type SequentialOptions } from "../../policy/sequential.js";

export const prompt: Prompt = { id: "x", text: "x" };
export const MAX_TOKENS = 5;
export const ALPHA = 4;

/**
 * Two words and an end token (2): most responses end at once or are cut at the longest length, about as often. So whoever
 * forgets the lengths is far off, while chains, whose proposals are the policy's own, soon visit both.
 */
export const lengths: SequentialOptions = {
  name: "lengths",
  fingerprint: "lengths",
  endToken: 2,
  next: (_promptId, prefix) => {
    const step = prefix.length;
    const ones = prefix.filter((token) => token === 1).length;
    const end = [0.42, 0.02, 0.02, 0.02, 0.9][step]!;
    const first = 0.97 - 0.2 * ones;
    return Float64Array.of(first * (1 - end), (1 - first) * (1 - end), end).map(Math.log);
  },
};

export const lengthsPolicy = (): Policy => sequentialPolicy(lengths);

/** A policy that does not tell what tokens were drawn under, so that proposals are at temperature 1. */
export const plainly = (policy: Policy): Policy => ({ ...policy, can: { ...policy.can, proposals: false } });

/** π^α of every response, by its tokens, and its normalizer Σ π^α. */
export function powerLaw(alpha: number): {
  readonly law: ReadonlyMap<string, number>;
  readonly normalizer: number;
} {
  const all = enumerateResponses(lengths, prompt.id, MAX_TOKENS);
  const raw = all.map(({ logProb }) => Math.exp(alpha * logProb));
  const normalizer = raw.reduce((a, b) => a + b, 0);
  return { law: new Map(all.map(({ tokens }, i) => [tokens.join(), raw[i]! / normalizer])), normalizer };
}

/** Total variation between a law and weighted responses. @param weights sum to 1; default: all alike. */
export function totalVariation(
  law: ReadonlyMap<string, number>,
  responses: readonly Response[],
  weights: readonly number[] = responses.map(() => 1 / responses.length),
): number {
  const left = new Map(law);
  responses.forEach(({ tokens }, i) => {
    const key = tokens.join();
    left.set(key, (left.get(key) ?? 0) - weights[i]!);
  });
  let sum = 0;
  for (const value of left.values()) sum += Math.abs(value);
  return sum / 2;
}
