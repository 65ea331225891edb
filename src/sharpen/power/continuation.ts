import { UsageError } from "../../core/errors.js";
import type { Policy, Response, Prompt, SampleRequest } from "../../policy/policy.js";

/** A response to draw, or to go on with after some of its tokens. */
export interface Continuation {
  readonly prompt: Prompt;
  /** Distinct among all draws of its prompt with the same seed: it keys the randomness of the new tokens. */
  readonly index: number;
  /** What the first `keep` tokens are taken from; absent: the response starts anew. */
  readonly from?: Response | undefined;
  /** At least 0, and less than what is a whole response. */
  readonly keep: number;
  readonly maxTokens: number;
  /** That of the new tokens. Where it is not 1, the policy tells what they were drawn under. */
  readonly temperature: number;
  /** Asked after each new token: true drops the continuation. The sums are those of the new tokens: log π, and log q of what they were drawn under. */
  readonly hopeless?: ((newTokens: number, logProb: number, drawnLogProb: number) => boolean) | undefined;
}

/** Draws a continuation and gives the whole response; undefined where `hopeless` dropped it. It depends on its prompt, index and first tokens alone. */
export type Continue = (continuation: Continuation) => Promise<Response | undefined>;

/**
 * The temperature of proposals for π^α: 1/α, at which a step's law is that of π^α if all that follows were alike, so that the weights vary
 * least (arXiv 2602.10273); 1 of a policy that does not tell what it drew under.
 */
export function proposalTemperature({ can }: Pick<Policy, "can">, alpha: number): number {
  return can.proposals ? 1 / alpha : 1;
}

/** log q of the probability that each token was drawn under, in nats. */
const drawnLogProbs = (response: Response): readonly number[] => response.drawnLogProbs ?? response.logProbs;

function sumFrom(values: readonly number[], start: number): number {
  let sum = 0;
  for (let t = start; t < values.length; t++) sum += values[t]!;
  return sum;
}

/** The sum of the log-probabilities from `start` on, in nats: log π of the tokens there, and log q of what they were drawn under. */
export function sumsFrom(
  response: Response,
  start: number,
): { readonly logProb: number; readonly drawnLogProb: number } {
  return {
    logProb: sumFrom(response.logProbs, start),
    drawnLogProb: sumFrom(drawnLogProbs(response), start),
  };
}

/** A response as records have it: what it was drawn under left out. */
export function withoutDrawn({ drawnLogProbs: _, ...response }: Response): Response {
  return response;
}

/** The whole response of a continuation. @param end its new tokens. */
export function joined({ from, keep }: Continuation, end: Response): Response {
  if (from === undefined || keep === 0) return end;
  return {
    ...end,
    tokens: [...from.tokens.slice(0, keep), ...end.tokens],
    logProbs: [...from.logProbs.slice(0, keep), ...end.logProbs],
    ...(end.certainties &&
      from.certainties && { certainties: [...from.certainties.slice(0, keep), ...end.certainties] }),
    ...((end.drawnLogProbs ?? from.drawnLogProbs) && {
      drawnLogProbs: [...drawnLogProbs(from).slice(0, keep), ...drawnLogProbs(end)],
    }),
  };
}

/** What a policy is asked for. @param ended is told the new tokens, or undefined where they were dropped. */
export function requestOf(
  { prompt, index, from, keep, maxTokens, temperature, hopeless }: Continuation,
  ended: (end: Response | undefined) => void,
): SampleRequest {
  return {
    ...{ prompt, index },
    ...(from !== undefined && keep > 0 && { prefix: from.tokens.slice(0, keep) }),
    options: {
      ...{ temperature, maxTokens, branches: true, watcher: { ended } },
      ...(temperature !== 1 && { tellsDrawn: true }),
      ...(hopeless && {
        abandon: ({ length, logProb, drawnLogProb = logProb }) => hopeless(length, logProb, drawnLogProb),
      }),
    },
  };
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
