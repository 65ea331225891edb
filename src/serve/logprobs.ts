import type { FirstToken, Policy, Prompt, Response } from "../policy/policy.js";

/** A token of a choice: the piece of the text that it gives, and log π of it at temperature 1, in nats. */
export interface TokenEntry {
  readonly piece: string;
  readonly logProb: number;
  /** The likeliest tokens at its position, the likeliest first: as many as were asked for. */
  readonly likeliest: readonly FirstToken[];
}

/**
 * All tokens of a response, in order; those that give nothing to its text, such as the end token, have empty pieces.
 * @param count of the likeliest tokens at each position, at most what the policy tells.
 */
export async function entriesOf(
  policy: Policy,
  prompt: Prompt,
  response: Response,
  count: number,
): Promise<TokenEntry[]> {
  const pieces = policy.pieces?.(response) ?? [];
  const likeliest = count === 0 ? undefined : await policy.likeliest?.(prompt, response, count);
  return response.logProbs.map((logProb, at) => ({
    ...{ piece: pieces[at] ?? "", logProb, likeliest: likeliest?.[at] ?? [] },
  }));
}

/** As chat has them; of each token its UTF-8 bytes, which are none where a later one completes its character. */
export function chatLogprobs(entries: readonly TokenEntry[] | undefined): object | null {
  if (!entries) return null;
  const told = (token: string, logprob: number): object => ({
    token,
    logprob,
    bytes: [...Buffer.from(token)],
  });
  return {
    content: entries.map(({ piece, logProb, likeliest }) => ({
      ...told(piece, logProb),
      // Some clients cannot do without, even where there are none.
      top_logprobs: likeliest.map(({ text, logProb: value }) => told(text, value)),
    })),
    refusal: null,
  };
}

/** As completions have them: at each position the token that was drawn, and the likeliest that were asked for. */
export function completionLogprobs(entries: readonly TokenEntry[] | undefined): object | null {
  if (!entries) return null;
  let offset = 0;
  return {
    tokens: entries.map(({ piece }) => piece),
    token_logprobs: entries.map(({ logProb }) => logProb),
    top_logprobs: entries.map(byText),
    text_offset: entries.map(({ piece }) => (offset += piece.length) - piece.length),
  };
}

/** Of tokens with the same text the likeliest; the one that was drawn in any case. */
function byText({ piece, logProb, likeliest }: TokenEntry): Record<string, number> {
  const least = [{ text: piece, logProb }, ...likeliest].reverse();
  return Object.fromEntries(least.map(({ text, logProb: value }) => [text, value]));
}
