import { requireAbility } from "../../policy/capabilities.js";
import type { Policy, Prompt, Response } from "../../policy/policy.js";
import { runChains, type Chain } from "./chains.js";
import { blockEnds, checkAlpha, checkWhole } from "./continuation.js";

/** How to sample from π_base^α. */
export interface PowerOptions {
  /** α ≥ 1. For α = 1 + 1/β the target is π*_β, the optimum of RLHF-sharpening (paper eq. 3). Default 4 (arXiv 2510.14901). */
  readonly alpha?: number;
  /** Independent chains per prompt, one response each. Default 1. */
  readonly chains?: number;
  /** Moves after each block, ≥ 0. Default 10 (arXiv 2510.14901). */
  readonly moves?: number;
  /** Parts in which a response grows, each followed by its moves. Default 4. */
  readonly blocks?: number;
  readonly maxTokens: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  /**
   * Default true: a proposal is dropped as soon as it is sure to be rejected. The responses are the very same, with fewer
   * tokens drawn; false is for measuring that.
   */
  readonly earlyRejection?: boolean;
}

/** The responses of a prompt, and how its chains moved. */
export interface PowerSamples {
  readonly prompt: Prompt;
  /** One a chain; `index` is the chain's number. */
  readonly responses: readonly Response[];
  /** Accepted proposals as a share of all, in [0, 1]: over all moves, and by block. NaN without moves. */
  readonly acceptance: number;
  readonly blockAcceptance: readonly number[];
  /** Tokens drawn, those of rejected proposals included. */
  readonly tokens: number;
}

/**
 * Power sampling (paper §7; arXiv 2510.14901): Metropolis–Hastings whose stationary distribution is π_base^α, normalized over
 * the responses that end by themselves or are cut at `maxTokens`. A move keeps a uniform number of tokens and draws the rest
 * anew from the policy. It is exact for responses of variable length: the acceptance ratio counts the law of
 * the cut point under both lengths (`exactAcceptance`), and a proposal may be longer than the response it replaces. How near a
 * chain is after a finite number of moves is a matter of mixing; acceptance rates tell of it.
 *
 * Proposals are at temperature 1/α, of a policy that tells what it drew under (`proposals`); at temperature 1 otherwise, where fewer are
 * accepted. A chain moves on as soon as its own proposal is decided, and what is computed of its kept tokens is kept with them.
 * @throws UsageError for options out of range, or a policy that cannot go on after a given prefix.
 */
export async function powerSample(
  policy: Policy,
  prompts: readonly Prompt[],
  options: PowerOptions,
): Promise<PowerSamples[]> {
  const {
    alpha = 4,
    chains = 1,
    moves = 10,
    blocks = 4,
    maxTokens,
    seed,
    signal,
    earlyRejection = true,
  } = options;
  checkAlpha(alpha);
  checkWhole("The number of chains", chains, 1);
  checkWhole("The number of moves", moves, 0);
  checkWhole("The number of blocks", blocks, 1);
  checkWhole("The number of tokens", maxTokens, 1);
  requireAbility(policy, "continues", "Power sampling");
  const run = { alpha, chains, moves, blocks, maxTokens, seed, signal, earlyRejection };
  const finished = await runChains(policy, prompts, run);
  return prompts.map((prompt, p) =>
    summary(prompt, finished.slice(p * chains, (p + 1) * chains), moves, blockEnds(maxTokens, blocks).length),
  );
}

function summary(prompt: Prompt, chains: readonly Chain[], moves: number, blocks: number): PowerSamples {
  const sum = (of: (chain: Chain) => number): number => chains.reduce((total, chain) => total + of(chain), 0);
  const rates = Array.from(
    { length: blocks },
    (_, block) => sum(({ accepted }) => accepted[block]!) / (moves * chains.length),
  );
  return {
    prompt,
    responses: chains.map(({ response, number }) => ({ ...response!, index: number })),
    acceptance: rates.reduce((a, b) => a + b, 0) / blocks,
    blockAcceptance: rates,
    tokens: sum(({ tokens }) => tokens),
  };
}
