/** A response that a beam search is at work on, or has finished. */
export interface Hypothesis {
  readonly tokens: readonly number[];
  /** log π of each token at temperature 1, in nats. */
  readonly logProbs: readonly number[];
  /** KL(uniform ‖ p) at each token at temperature 1, in nats. */
  readonly certainties: readonly number[];
  /** Sum of `logProbs`: what hypotheses are ranked by; their lengths are of no account. */
  readonly logProb: number;
  /** Absent while it can go on. */
  readonly finish?: "stop" | "length";
}

/** The beam that every search begins with: nothing is drawn yet. */
export const EMPTY_BEAM: readonly Hypothesis[] = [{ tokens: [], logProbs: [], certainties: [], logProb: 0 }];

/** What may follow a hypothesis. */
export interface Continuations {
  /** The likeliest tokens, at least as many as the beam is wide where there are as many, the likeliest first. */
  readonly next: readonly { readonly token: number; readonly logProb: number }[];
  /** KL(uniform ‖ p) of the distribution that they are of, in nats. */
  readonly certainty: number;
}

/** Where a search ends and how many hypotheses it keeps. */
export interface BeamRules {
  /** At least 1. */
  readonly width: number;
  /** A hypothesis of so many tokens is finished. */
  readonly maxTokens: number;
  /** Whether a hypothesis ends with its last token. */
  readonly ends: (tokens: readonly number[]) => boolean;
}

/** A hypothesis of the next beam, and its place in the beam that it comes from. */
export interface Extended {
  readonly hypothesis: Hypothesis;
  readonly parent: number;
}

/**
 * One step of a beam search: of the finished hypotheses, and of the unfinished ones with each token that may follow, the `width` with
 * the highest log π; on ties those whose parent, and then whose token, came first. Finished ones keep their place for as long as
 * nothing likelier takes it. With width 1 that is greedy decoding; with a width that no beam fills up it visits every response.
 * @param continuationsOf of an unfinished hypothesis, by its place.
 */
export function extendBeam(
  beam: readonly Hypothesis[],
  continuationsOf: (place: number) => Continuations,
  { width, maxTokens, ends }: BeamRules,
): Extended[] {
  const candidates = beam.flatMap((from, parent) => {
    if (from.finish) return [{ parent, logProb: from.logProb, make: () => from }];
    const { next, certainty } = continuationsOf(parent);
    return next
      .filter(({ logProb }) => logProb > -Infinity)
      .map(({ token, logProb }) => ({
        parent,
        logProb: from.logProb + logProb,
        make: (): Hypothesis => {
          const tokens = [...from.tokens, token];
          const stops = ends(tokens);
          return {
            tokens,
            logProbs: [...from.logProbs, logProb],
            certainties: [...from.certainties, certainty],
            logProb: from.logProb + logProb,
            ...((stops || tokens.length >= maxTokens) && { finish: stops ? "stop" : "length" }),
          };
        },
      }));
  });
  return candidates
    .sort((a, b) => b.logProb - a.logProb)
    .slice(0, width)
    .map(({ parent, make }) => ({ parent, hypothesis: make() }));
}

/**
 * What a search has found, once nothing can change it: the likeliest hypothesis, finished. Others only lose likelihood as they go on, so
 * that they need not be.
 */
export function found(beam: readonly Hypothesis[]): Hypothesis | undefined {
  return beam[0]?.finish ? beam[0] : undefined;
}
