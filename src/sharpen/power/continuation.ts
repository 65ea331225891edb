import { UsageError } from "../../core/errors.js";
import type { Policy, Prompt, Response, SampleRequest } from "../../policy/policy.js";

/** A response to draw, or to go on with after some of its tokens. */
export interface Continuation {
  readonly prompt: Prompt;
  /** Distinct among all draws of its prompt with the same seed: it keys the randomness of the new tokens. */
  readonly index: number;
  /** What the first `keep` tokens are taken from; absent: the response starts anew. */
  readonly from?: Response | undefined;
  /** At least 0, and less than what is a whole response. */
  readonly keep: number;
}

/** How responses are continued: always at temperature 1, whose log-probabilities are the ones a policy reports. */
export interface ContinuationOptions {
  readonly maxTokens: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  /** Asked after each new token of the continuation in that place: true drops it. The sum is that of the new tokens. */
  readonly hopeless?: (place: number, newTokens: number, logProb: number) => boolean;
}

const keyOf = (promptId: string, index: number): string => `${index} ${promptId}`;

/** The sum of the log-probabilities from `start` on, in nats. */
export function logProbFrom(response: Response, start: number): number {
  let sum = 0;
  for (let t = start; t < response.logProbs.length; t++) sum += response.logProbs[t]!;
  return sum;
}

function joined(from: Response | undefined, keep: number, end: Response): Response {
  if (from === undefined || keep === 0) return end;
  return {
    ...end,
    tokens: [...from.tokens.slice(0, keep), ...end.tokens],
    logProbs: [...from.logProbs.slice(0, keep), ...end.logProbs],
    ...(end.certainties &&
      from.certainties && { certainties: [...from.certainties.slice(0, keep), ...end.certainties] }),
  };
}

/**
 * The places of the continuations in the order in which to ask for them: those that share a beginning one after the other, so
 * that its keys and values are computed once, and the rarest beginnings first, by which a sampler sets the width of its groups.
 */
function askingOrder(continuations: readonly Continuation[]): number[] {
  const runs = new Map<string, number[]>();
  continuations.forEach(({ prompt, from, keep }, place) => {
    const key = `${from?.tokens.slice(0, keep).join(",") ?? ""} ${prompt.id}`;
    const run = runs.get(key);
    if (run) run.push(place);
    else runs.set(key, [place]);
  });
  return [...runs.values()].sort((a, b) => a.length - b.length).flat();
}

/**
 * Draws the continuations and returns whole responses, in their places; undefined where `hopeless` dropped one. Each depends on
 * its prompt, index and first tokens alone, not on the others.
 */
export async function continueResponses(
  policy: Policy,
  continuations: readonly Continuation[],
  { maxTokens, seed, signal, hopeless }: ContinuationOptions,
): Promise<(Response | undefined)[]> {
  const places = new Map(continuations.map(({ prompt, index }, place) => [keyOf(prompt.id, index), place]));
  const requests = askingOrder(continuations).map((place): SampleRequest => {
    const { prompt, index, from, keep } = continuations[place]!;
    return from === undefined || keep === 0
      ? { prompt, index }
      : { prompt, index, prefix: from.tokens.slice(0, keep) };
  });
  const results: (Response | undefined)[] = continuations.map(() => undefined);
  const samples = policy.sample(requests, {
    temperature: 1,
    maxTokens,
    seed,
    ...(signal && { signal }),
    ...(hopeless && {
      abandon: ({ promptId, index, length, logProb }) =>
        hopeless(places.get(keyOf(promptId, index))!, length, logProb),
    }),
  });
  for await (const end of samples) {
    const place = places.get(keyOf(end.promptId, end.index))!;
    const { from, keep } = continuations[place]!;
    results[place] = joined(from, keep, end);
  }
  return results;
}

/** Lengths at which a response of at most `maxTokens` tokens is cut into `blocks` parts, as equal as can be; the last is `maxTokens`. */
export function blockEnds(maxTokens: number, blocks: number): number[] {
  const count = Math.min(blocks, maxTokens);
  return Array.from({ length: count }, (_, b) => Math.ceil((maxTokens * (b + 1)) / count));
}

/** @throws UsageError unless `value` is a whole number of at least `least`. */
export function checkWhole(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least)
    throw new UsageError(`${name} must be a whole number of at least ${least}, not ${value}.`);
}

/** @throws UsageError unless α is a finite number of at least 1. */
export function checkAlpha(alpha: number): void {
  if (!(alpha >= 1 && alpha < Infinity))
    throw new UsageError(`α must be at least 1 (1 is the base policy itself), not ${alpha}.`);
}
