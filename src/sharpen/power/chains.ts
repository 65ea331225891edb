import { randomStream, type RandomStream } from "../../core/random.js";
import type { Policy, Prompt, Response } from "../../policy/policy.js";
import { blockEnds, proposalTemperature, sumsFrom, withoutDrawn, type Continue } from "./continuation.js";
import { sideBySide } from "./side-by-side.js";

/** A move from y to y' that keeps the first t tokens, as the acceptance rule sees it. */
export interface Move {
  readonly alpha: number;
  /** log π(y_t.. | y_<t) of the tokens that would go, in nats. */
  readonly logProb: number;
  /** log π(y'_t.. | y_<t) of the tokens that would come, in nats. */
  readonly proposedLogProb: number;
  /** log q of both: what proposals are drawn under. */
  readonly drawnLogProb: number;
  readonly proposedDrawnLogProb: number;
  /** |y| and |y'| in tokens, the end token included. */
  readonly length: number;
  readonly proposedLength: number;
}

/** log of the acceptance ratio; must not rise when the proposal gains a token. */
export type AcceptanceRule = (move: Move) => number;

/**
 * log of π(y')^α·P(t | y')·q(y_t..|y_<t) / (π(y)^α·P(t | y)·q(y'_t..|y_<t)), where the cut point t is uniform over the |y| positions
 * of the response, P(t | y) = 1/|y|, and the end is drawn from q: π at temperature 1/α, or π itself. Of what the two responses share nothing
 * is left. Each cut point by itself leaves π^α in detailed balance, for it is possible both ways: y' has at least one token after the kept
 * ones. A further token changes it by α·log π − log q ≤ 0: by log Σ_v π(v)^α at temperature 1/α, by (α − 1)·log π at temperature 1.
 */
export const exactAcceptance: AcceptanceRule = ({
  alpha,
  logProb,
  proposedLogProb,
  drawnLogProb,
  proposedDrawnLogProb,
  length,
  proposedLength,
}) =>
  alpha * (proposedLogProb - logProb) -
  (proposedDrawnLogProb - drawnLogProb) +
  Math.log(length) -
  Math.log(proposedLength);

/** What the chains are run with. */
export interface ChainOptions {
  readonly alpha: number;
  /** Chains per prompt. */
  readonly chains: number;
  /** Moves after each block. */
  readonly moves: number;
  readonly blocks: number;
  readonly maxTokens: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether a proposal is dropped as soon as it cannot be accepted any more. */
  readonly earlyRejection: boolean;
}

/** One chain: its state and what it did. */
export interface Chain {
  readonly prompt: Prompt;
  readonly number: number;
  /** The state y; undefined before the first block. */
  response: Response | undefined;
  readonly stream: RandomStream;
  /** Proposals accepted, by block. */
  readonly accepted: number[];
  /** Tokens drawn, those of rejected and dropped proposals included. */
  tokens: number;
}

/**
 * Log-probabilities of a transformer are float32: a sum of them may differ from its parts by rounding, so that a proposal is
 * dropped early only where it fails by more than this many nats.
 */
const ROUNDING_NATS = 1e-3;

/** What all chains have in common. */
interface Run {
  readonly options: ChainOptions;
  readonly rule: AcceptanceRule;
  readonly temperature: number;
  readonly draw: Continue;
}

/**
 * One move: the chain proposes to keep a uniform number of its tokens, fewer than all.
 * @param index keys the randomness of the proposal.
 */
async function move(chain: Chain, { options, rule, temperature, draw }: Run, at: MoveAt): Promise<void> {
  const { alpha, earlyRejection } = options;
  const { prompt, stream } = chain;
  const from = chain.response!;
  const cut = stream.integer(from.tokens.length);
  const threshold = Math.log(1 - stream.next());
  const ratio = (proposed: ReturnType<typeof sumsFrom>, proposedLength: number): number =>
    rule({
      ...{ alpha, ...sumsFrom(from, cut), length: from.tokens.length, proposedLength },
      ...{ proposedLogProb: proposed.logProb, proposedDrawnLogProb: proposed.drawnLogProb },
    });
  const hopeless = (newTokens: number, logProb: number, drawnLogProb: number): boolean => {
    // The end is still to come: the proposal has at least one token more, and no token raises the ratio.
    const best = ratio({ logProb, drawnLogProb }, cut + newTokens + 1) + alpha * ROUNDING_NATS;
    if (best >= threshold) return false;
    chain.tokens += newTokens;
    return true;
  };
  const response = await draw({
    ...{ prompt, index: at.index, from, keep: cut, maxTokens: at.maxTokens, temperature },
    ...(earlyRejection && { hopeless }),
  });
  if (response === undefined) return;
  chain.tokens += response.tokens.length - cut;
  if (ratio(sumsFrom(response, cut), response.tokens.length) < threshold) return;
  chain.response = response;
  chain.accepted[at.block]!++;
}

/** Where in a chain's course something is drawn. */
interface MoveAt {
  readonly index: number;
  readonly block: number;
  readonly maxTokens: number;
}

/** Draws the first block of a chain, or the next if it has not ended. */
async function grow(chain: Chain, { temperature, draw }: Run, { index, maxTokens }: MoveAt): Promise<void> {
  const { prompt, response: from } = chain;
  if (from?.finish === "stop") return;
  const keep = from?.tokens.length ?? 0;
  chain.response = (await draw({ prompt, index, from, keep, maxTokens, temperature }))!;
  chain.tokens += chain.response.tokens.length - keep;
}

/**
 * Runs the chains of all prompts side by side, each a function of (seed, prompt, chain) alone: after each block has been drawn
 * the given number of Metropolis–Hastings moves on π^α over responses cut at that length.
 * @param rule for tests, which show that a wrong one is found out.
 */
export async function runChains(
  policy: Policy,
  prompts: readonly Prompt[],
  options: ChainOptions,
  rule: AcceptanceRule = exactAcceptance,
): Promise<Chain[]> {
  const { moves, maxTokens, signal } = options;
  const ends = blockEnds(maxTokens, options.blocks);
  const draws = ends.length * (moves + 1);
  // Other draws with the same seed and the same indices must not be these.
  const seed = randomStream(options.seed, "power sampling").integer(2 ** 32);
  const temperature = proposalTemperature(policy, options.alpha);
  const chains = prompts.flatMap((prompt) =>
    Array.from({ length: options.chains }, (_, number): Chain => {
      const stream = randomStream(options.seed, `power chain ${number} of ${prompt.id}`);
      return { prompt, number, response: undefined, stream, accepted: ends.map(() => 0), tokens: 0 };
    }),
  );
  const task = (chain: Chain) => async (draw: Continue) => {
    const run: Run = { options, rule, temperature, draw };
    for (const [block, end] of ends.entries()) {
      const first = chain.number * draws + block * (moves + 1);
      await grow(chain, run, { index: first, block, maxTokens: end });
      for (let m = 1; m <= moves; m++) await move(chain, run, { index: first + m, block, maxTokens: end });
    }
    chain.response = withoutDrawn(chain.response!);
  };
  await sideBySide(policy, chains.map(task), { maxTokens, seed, signal });
  return chains;
}
