import { decimal } from "./findings-words.js";
import type { AdapterMetrics } from "./metrics.js";

/** A difference is told from this many standard errors on, and from this many nats. */
const CLEAR = 3;
const LARGE = 0.25;

/** Mean and variance of the mean; undefined for fewer than two values. */
function meanOf(values: readonly number[]): { readonly mean: number; readonly variance: number } | undefined {
  const n = values.length;
  if (n < 2) return undefined;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, variance: squares / (n * (n - 1)) };
}

/**
 * How much likelier under the base what was chosen is on training than on validation prompts, with its standard error (of two independent
 * samples); nothing where either has fewer than two prompts.
 * @param train log π_base of the choice by prompt, in nats.
 */
export function memorized(
  train: readonly number[],
  validation: readonly number[],
): Pick<AdapterMetrics, "memorized"> {
  const [own, other] = [meanOf(train), meanOf(validation)];
  if (!own || !other) return {};
  return {
    memorized: { difference: own.mean - other.mean, error: Math.sqrt(own.variance + other.variance) },
  };
}

/** Says that the base knows the training prompts by heart, where what is chosen there is clearly likelier; else nothing. */
export function memorizedFinding(
  name: string,
  { memorized: known }: Pick<AdapterMetrics, "memorized">,
): string[] {
  if (known === undefined) return [];
  const { difference, error } = known;
  if (difference < LARGE || difference < CLEAR * error) return [];
  return [
    `What ${name} learned is likelier under the base than what is chosen on validation prompts, by ${decimal(difference, 2)} nats (standard error ` +
      `${decimal(error, 2)}): the base seems to know the training prompts by heart, and learning from them says little of others. Prompts that it has ` +
      `not seen would teach more; sharpening needs no labels.`,
  ];
}
