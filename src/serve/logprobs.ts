import type { Policy, Response } from "../policy/policy.js";

/** A token of a choice: the piece of the text that it gives, and log π of it at temperature 1, in nats. */
export interface TokenEntry {
  readonly piece: string;
  readonly logProb: number;
}

/** The tokens that make up a response's text; neither the end token nor what stands behind a stop text is among them. */
export function entriesOf(policy: Policy, response: Response): TokenEntry[] {
  const { logProbs, finish } = response;
  const pieces = policy.pieces?.(response) ?? [];
  const entries = pieces.flatMap((piece, at) => {
    const logProb = logProbs[at];
    return logProb === undefined ? [] : [{ piece, logProb }];
  });
  while (finish === "stop" && entries.at(-1)?.piece === "") entries.pop();
  return entries;
}

/** As chat has them; of each token its UTF-8 bytes, which are none where a later one completes its character. */
export function chatLogprobs(entries: readonly TokenEntry[] | undefined): object | null {
  if (!entries) return null;
  return {
    content: entries.map(({ piece, logProb }) => ({
      ...{ token: piece, logprob: logProb, bytes: [...Buffer.from(piece)] },
      // Some clients cannot do without.
      top_logprobs: [],
    })),
    refusal: null,
  };
}

/** As completions have them. */
export function completionLogprobs(entries: readonly TokenEntry[] | undefined): object | null {
  if (!entries) return null;
  let offset = 0;
  return {
    tokens: entries.map(({ piece }) => piece),
    token_logprobs: entries.map(({ logProb }) => logProb),
    top_logprobs: null,
    text_offset: entries.map(({ piece }) => (offset += piece.length) - piece.length),
  };
}
