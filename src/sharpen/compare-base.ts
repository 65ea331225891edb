import { UsageError } from "../core/errors.js";
import type { Policy, Response } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";

/** Responses that are compared, at most. */
const COMPARED = 32;
/** Fewer tokens tell nothing. */
export const FEWEST_TOKENS = 8;
/** The largest mean |Δ log π| a token, in nats, of the same model computed in another way: bfloat16, other kernels. */
const SAME_MODEL = 0.1;

/** How far two policies are apart on responses that one of them drew. */
export interface Distance {
  /** Mean |Δ log π| a token, in nats. */
  readonly mean: number;
  readonly tokens: number;
  readonly responses: number;
  /** Responses whose tokens do not line up, and which are left out. */
  readonly unlike: number;
}

/**
 * log π of drawn responses as they were drawn, beside that of who is to train on them.
 * @param pools of the base's responses; the first of each prompt are compared.
 */
export async function compareBase(scorer: Policy, pools: readonly Pool[]): Promise<Distance> {
  const rounds = Math.max(1, Math.ceil(COMPARED / Math.max(1, pools.length)));
  const drawn = pools.flatMap(({ prompt, responses }) =>
    responses.slice(0, rounds).map((response) => ({ prompt, response })),
  );
  const chosen = drawn.slice(0, COMPARED).filter(({ response }) => response.tokens.length > 0);
  const scored = await scorer.logProb(
    chosen.map(({ prompt, response }) => ({ prompt, tokens: response.tokens })),
  );
  let [sum, tokens, unlike] = [0, 0, 0];
  chosen.forEach(({ response }, i) => {
    const row = scored[i]!;
    if (!linesUp(response, row.length)) {
      unlike++;
      return;
    }
    response.logProbs.forEach((value, t) => (sum += Math.abs(value - row[t]!)));
    tokens += response.logProbs.length;
  });
  return { mean: sum / tokens, tokens, responses: chosen.length - unlike, unlike };
}

/** A server may leave out the end token's log-probability. */
const linesUp = ({ logProbs, finish }: Response, length: number): boolean =>
  logProbs.length === length || (finish === "stop" && logProbs.length + 1 === length);

/**
 * Refuses to train where what trains is not the model that drew.
 * @returns the distance in a sentence, and in nats a token; 0 where too little was drawn to tell.
 * @throws UsageError beyond `most` nats a token, with the likely causes.
 */
export async function checkSameModel(
  scorer: Policy,
  pools: readonly Pool[],
  most: number = SAME_MODEL,
): Promise<{ readonly sentence: string; readonly mean: number }> {
  const { mean, tokens, responses, unlike } = await compareBase(scorer, pools);
  if (tokens < FEWEST_TOKENS)
    return {
      sentence: "Too few tokens were drawn to compare the trainer's base with the model that drew them.",
      mean: 0,
    };
  const left = unlike > 0 ? `, ${unlike} left out whose tokens are others` : "";
  const found = `On ${responses} drawn responses the trainer's log-probabilities differ by ${mean.toPrecision(2)} nats a token on average${left}`;
  if (mean <= most) return { sentence: `${found}: the same model.`, mean };
  throw new UsageError(
    `${found}, more than ${most}: what trains is not the model that drew. Likely causes: another revision or model, a server ` +
      "with quantized weights, another chat template, or a server whose log-probabilities are processed (after temperature or top-p)",
    { reason: "trainer-differs", remedy: "give the base that the server has, or allow a larger difference" },
  );
}
