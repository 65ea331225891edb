import { randomStream, type RandomStream } from "../../core/random.js";
import type { Policy, Prompt, Response } from "../../policy/policy.js";
import { blockEnds, continueResponses, logProbFrom, type Continuation } from "./continuation.js";

/** A move from y to y' that keeps the first t tokens, as the acceptance rule sees it. */
export interface Move {
  readonly alpha: number;
  /** log π(y_t.. | y_<t) of the tokens that would go, in nats. */
  readonly logProb: number;
  /** log π(y'_t.. | y_<t) of the tokens that would come, in nats. */
  readonly proposedLogProb: number;
  /** |y| and |y'| in tokens, the end token included. */
  readonly length: number;
  readonly proposedLength: number;
}

/** log of the acceptance ratio; must not rise when the proposal gains a token, nor with a lower log-probability. */
export type AcceptanceRule = (move: Move) => number;

/**
 * log of π(y')^α·P(t | y')·π(y_t..|y_<t) / (π(y)^α·P(t | y)·π(y'_t..|y_<t)), where the cut point t is uniform over the |y| positions
 * of the response, P(t | y) = 1/|y|, and the end is drawn from π itself. What the two responses share cancels:
 * (α − 1)·(log π(y'_t..) − log π(y_t..)) + log |y| − log |y'|. Each cut point by itself leaves π^α in detailed balance, for it is
 * possible both ways: y' has at least one token after the kept ones.
 */
export const exactAcceptance: AcceptanceRule = ({
  alpha,
  logProb,
  proposedLogProb,
  length,
  proposedLength,
}) => (alpha - 1) * (proposedLogProb - logProb) + Math.log(length) - Math.log(proposedLength);

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

/** A chain's proposal, before it is drawn. */
interface Proposal {
  readonly chain: Chain;
  /** y. */
  readonly from: Response;
  readonly cut: number;
  /** log π(y_t.. | y_<t). */
  readonly logProb: number;
  /** log of the uniform that decides. */
  readonly threshold: number;
}

/** A chain proposes to keep a uniform number of its tokens, fewer than all. */
function propose(chain: Chain): Proposal {
  const { stream } = chain;
  const from = chain.response!;
  const cut = stream.integer(from.tokens.length);
  return { chain, from, cut, logProb: logProbFrom(from, cut), threshold: Math.log(1 - stream.next()) };
}

/** One move of every chain. `index` keys the randomness of a chain's proposal. */
async function moveAll(
  policy: Policy,
  chains: readonly Chain[],
  index: (chain: Chain) => number,
  block: number,
  maxTokens: number,
  options: ChainOptions,
  rule: AcceptanceRule,
): Promise<void> {
  const { alpha, seed, signal, earlyRejection } = options;
  const proposals = chains.map(propose);
  const ratio = ({ from, logProb }: Proposal, proposedLogProb: number, proposedLength: number): number =>
    rule({ alpha, logProb, proposedLogProb, length: from.tokens.length, proposedLength });
  const hopeless = (place: number, newTokens: number, sum: number): boolean => {
    const proposal = proposals[place]!;
    // The end is still to come: the proposal has at least one token more, and no token raises its probability.
    const best = ratio(proposal, sum + ROUNDING_NATS, proposal.cut + newTokens + 1);
    if (best >= proposal.threshold) return false;
    proposal.chain.tokens += newTokens;
    return true;
  };
  const drawn = await continueResponses(
    policy,
    proposals.map(({ chain, from, cut }) => ({ prompt: chain.prompt, index: index(chain), from, keep: cut })),
    { maxTokens, seed, signal, ...(earlyRejection && { hopeless }) },
  );
  drawn.forEach((response, place) => {
    if (response === undefined) return;
    const proposal = proposals[place]!;
    const { chain, cut } = proposal;
    chain.tokens += response.tokens.length - cut;
    if (ratio(proposal, logProbFrom(response, cut), response.tokens.length) < proposal.threshold) return;
    chain.response = response;
    chain.accepted[block]!++;
  });
}

/** Draws the first block of every chain, or the next of those that have not ended. */
async function growAll(
  policy: Policy,
  chains: readonly Chain[],
  index: (chain: Chain) => number,
  maxTokens: number,
  { seed, signal }: ChainOptions,
): Promise<void> {
  const open = chains.filter((chain) => chain.response?.finish !== "stop");
  const drawn = await continueResponses(
    policy,
    open.map((chain): Continuation => {
      const { prompt, response } = chain;
      return { prompt, index: index(chain), from: response, keep: response?.tokens.length ?? 0 };
    }),
    { maxTokens, seed, signal },
  );
  open.forEach((chain, i) => {
    const response = drawn[i]!;
    chain.tokens += response.tokens.length - (chain.response?.tokens.length ?? 0);
    chain.response = response;
  });
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
  const { moves, maxTokens } = options;
  const ends = blockEnds(maxTokens, options.blocks);
  const draws = ends.length * (moves + 1);
  // Other draws with the same seed and the same indices must not be these.
  const seed = randomStream(options.seed, "power sampling").integer(2 ** 32);
  const seeded = { ...options, seed };
  const chains = prompts.flatMap((prompt) =>
    Array.from({ length: options.chains }, (_, number): Chain => {
      const stream = randomStream(options.seed, `power chain ${number} of ${prompt.id}`);
      return { prompt, number, response: undefined, stream, accepted: ends.map(() => 0), tokens: 0 };
    }),
  );
  for (const [block, end] of ends.entries()) {
    const first = block * (moves + 1);
    await growAll(policy, chains, ({ number }) => number * draws + first, end, seeded);
    for (let move = 1; move <= moves; move++) {
      await moveAll(policy, chains, ({ number }) => number * draws + first + move, block, end, seeded, rule);
    }
  }
  return chains;
}
