import { randomStream, type RandomStream } from "../../core/random.js";
import { sequenceLogProb, type Policy, type Prompt, type Response } from "../../policy/policy.js";
import { UsageError } from "../../core/errors.js";
import { requireAbility } from "../../policy/capabilities.js";
import {
  checkAlpha,
  checkWhole,
  proposalTemperature,
  sumsFrom,
  withoutDrawn,
  type Continue,
} from "./continuation.js";
import { sideBySide } from "./side-by-side.js";

/** How to approximate π_base^α by weighted particles. */
export interface SmcOptions {
  /** α ≥ 1, as for `powerSample`. Default 4. */
  readonly alpha?: number;
  /** Particles per prompt. Default 32. */
  readonly particles?: number;
  /** Tokens that every particle gains between two looks at the weights. Default 8. */
  readonly blockTokens?: number;
  /** The exponent rises in equal steps from 1 to α over this many tokens. Default: half of `maxTokens`. */
  readonly rampTokens?: number;
  /** Resample when the effective sample size is below this share of the particles, in [0, 1]. Default 0.5. */
  readonly resampleBelow?: number;
  readonly maxTokens: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** The particles of a prompt. */
export interface SmcSamples {
  readonly prompt: Prompt;
  /** `index` is the particle's place; a copy made in resampling is a response of its own. */
  readonly particles: readonly Response[];
  /** A particle's share in the approximation of π^α; they sum to 1. */
  readonly weights: readonly number[];
  /** One of the particles, drawn by its weight: the answer, where one is wanted. */
  readonly chosen: Response;
  /** log of an estimate of Σ_y π(y|x)^α; the estimate itself is unbiased for every number of particles. */
  readonly logNormalizer: number;
  /** Effective sample size, 1 to the number of particles, after each block and before any resampling. */
  readonly effectiveSizes: readonly number[];
  /** How often the particles were resampled. */
  readonly resamplings: number;
  readonly tokens: number;
}

/** The particles of one prompt at work. */
interface Swarm {
  readonly prompt: Prompt;
  readonly stream: RandomStream;
  particles: (Response | undefined)[];
  /** log π of each particle so far, in nats. */
  logProbs: number[];
  /** log of each particle's weight. Their mean weight is 1 after every block. */
  logWeights: number[];
  logNormalizer: number;
  readonly effectiveSizes: number[];
  resamplings: number;
  tokens: number;
}

/** exp of the values as shares of their sum, and log of the mean of exp. */
function normalized(logWeights: readonly number[]): { readonly shares: number[]; readonly logMean: number } {
  const top = logWeights.reduce((a, b) => Math.max(a, b), -Infinity);
  const raw = logWeights.map((value) => Math.exp(value - top));
  const sum = raw.reduce((a, b) => a + b, 0);
  return { shares: raw.map((value) => value / sum), logMean: top + Math.log(sum / raw.length) };
}

/** Systematic resampling: place i gets the particle in whose share (i + u)/N falls; ascending, so that copies are neighbours. */
function systematic(shares: readonly number[], uniform: number): number[] {
  const ancestors: number[] = [];
  let cumulative = shares[0]!;
  let at = 0;
  for (let i = 0; i < shares.length; i++) {
    while (cumulative < (i + uniform) / shares.length && at < shares.length - 1) cumulative += shares[++at]!;
    ancestors.push(at);
  }
  return ancestors;
}

/**
 * Weighs the particles for the step from exponent `before` to `after`, and resamples them where few carry the weight.
 * @param drawn log q of each particle's new tokens: what they were drawn under.
 */
function weigh(
  swarm: Swarm,
  grown: readonly Response[],
  drawn: readonly number[],
  before: number,
  after: number,
  resampleBelow: number,
): void {
  const sums = grown.map(sequenceLogProb);
  // γ_k(y) / (γ_{k−1}(y so far)·q(new tokens)), with γ_k = π^(exponent of step k).
  swarm.logWeights = swarm.logWeights.map(
    (weight, i) => weight + after * sums[i]! - before * swarm.logProbs[i]! - drawn[i]!,
  );
  swarm.logProbs = sums;
  swarm.particles = [...grown];
  const { shares, logMean } = normalized(swarm.logWeights);
  swarm.logNormalizer += logMean;
  swarm.logWeights = swarm.logWeights.map((weight) => weight - logMean);
  const size = 1 / shares.reduce((sum, share) => sum + share * share, 0);
  swarm.effectiveSizes.push(size);
  if (size >= resampleBelow * shares.length) return;
  const ancestors = systematic(shares, swarm.stream.next());
  swarm.particles = ancestors.map((from) => grown[from]);
  swarm.logProbs = ancestors.map((from) => sums[from]!);
  swarm.logWeights = ancestors.map(() => 0);
  swarm.resamplings++;
}

/** How a block is drawn. */
interface Block {
  readonly number: number;
  /** The length that particles are cut at. */
  readonly maxTokens: number;
  readonly temperature: number;
}

/** Extends what has not ended to the end of a block. @returns the particles, and log q of the new tokens of each. */
async function grow(
  { prompt, particles }: Swarm,
  { number, maxTokens, temperature }: Block,
  draw: Continue,
): Promise<{ readonly grown: Response[]; readonly drawn: number[]; readonly tokens: number }> {
  const grown = await Promise.all(
    particles.map(async (from, i) => {
      if (from?.finish === "stop") return from;
      const [index, keep] = [number * particles.length + i, from?.tokens.length ?? 0];
      return (await draw({ prompt, index, from, keep, maxTokens, temperature }))!;
    }),
  );
  const before = particles.map((from) => from?.tokens.length ?? 0);
  const drawn = grown.map((response, i) => sumsFrom(response, before[i]!).drawnLogProb);
  const tokens = grown.reduce((sum, response, i) => sum + response.tokens.length - before[i]!, 0);
  return { grown, drawn, tokens };
}

/**
 * Sequential Monte Carlo for π_base^α (paper §7's target; the method of arXiv 2602.10273): particles grow block by block from
 * the policy at temperature 1/α_k, are weighed by π^(α_k) of what they have so far over what they were drawn under, while α_k rises from 1
 * to α, and are resampled (systematically) when the effective sample size is low. The weighted
 * particles approach π^α as their number grows; for a finite number they are biased, unlike the estimate of its normalizer.
 * @throws UsageError for options out of range, or a policy that cannot go on after a given prefix.
 */
export async function sequentialMonteCarlo(
  policy: Policy,
  prompts: readonly Prompt[],
  options: SmcOptions,
): Promise<SmcSamples[]> {
  const { alpha = 4, particles = 32, blockTokens = 8, maxTokens, resampleBelow = 0.5, signal } = options;
  const { rampTokens = Math.ceil(maxTokens / 2) } = options;
  checkAlpha(alpha);
  checkWhole("The number of particles", particles, 1);
  checkWhole("The number of tokens of a block", blockTokens, 1);
  checkWhole("The number of tokens", maxTokens, 1);
  checkWhole("The length of the ramp", rampTokens, 1);
  if (!(resampleBelow >= 0 && resampleBelow <= 1))
    throw new UsageError(`The share below which to resample must be between 0 and 1, not ${resampleBelow}.`);
  requireAbility(policy, "continues", "Sequential Monte Carlo");
  const seed = randomStream(options.seed, "sequential Monte Carlo").integer(2 ** 32);
  const swarms = prompts.map((prompt) => newSwarm(prompt, particles, options.seed));
  const task = (swarm: Swarm) => async (draw: Continue) => {
    let before = 1;
    for (let block = 0; before < alpha || block * blockTokens < maxTokens; block++) {
      const end = Math.min(maxTokens, (block + 1) * blockTokens);
      // However long the ramp, the last block ends at α.
      const after = end === maxTokens ? alpha : 1 + (alpha - 1) * Math.min(1, end / rampTokens);
      const temperature = proposalTemperature(policy, after);
      const { grown, drawn, tokens } = await grow(
        swarm,
        { number: block, maxTokens: end, temperature },
        draw,
      );
      swarm.tokens += tokens;
      weigh(swarm, grown, drawn, before, after, resampleBelow);
      before = after;
    }
  };
  await sideBySide(policy, swarms.map(task), { maxTokens, seed, signal });
  return swarms.map(toSamples);
}

function newSwarm(prompt: Prompt, particles: number, seed: number): Swarm {
  return {
    prompt,
    stream: randomStream(seed, `particles of ${prompt.id}`),
    particles: Array.from({ length: particles }, () => undefined),
    logProbs: Array.from({ length: particles }, () => 0),
    logWeights: Array.from({ length: particles }, () => 0),
    logNormalizer: 0,
    effectiveSizes: [],
    resamplings: 0,
    tokens: 0,
  };
}

function toSamples(swarm: Swarm): SmcSamples {
  const { prompt, logNormalizer, effectiveSizes, resamplings, tokens } = swarm;
  const particles = swarm.particles.map((response, index) => ({ ...withoutDrawn(response!), index }));
  const { shares: weights } = normalized(swarm.logWeights);
  const uniform = swarm.stream.next();
  let chosen = 0;
  for (let sum = weights[0]!; sum <= uniform && chosen < weights.length - 1;) sum += weights[++chosen]!;
  return {
    prompt,
    particles,
    weights,
    chosen: particles[chosen]!,
    logNormalizer,
    effectiveSizes,
    resamplings,
    tokens,
  };
}
