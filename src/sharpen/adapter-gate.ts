import { ServerError } from "../core/errors.js";
import type { EncodingPolicy, Policy, Prompt, Response } from "../policy/policy.js";
import { writtenTokens, type Scorer } from "../policy/scored-by.js";
import type { Pool } from "../reward/self-reward.js";
import { compareBase, FEWEST_TOKENS } from "./compare-base.js";
import { firstOf } from "./draw.js";

/** Responses that each server draws to be looked at. */
const LOOKED_AT = 8;
/** Tokens of each. */
const LONGEST = 64;
/** Times the noise of the base between server and trainer that an adapter may be apart. */
const MOST_TIMES = 2;
/** What that noise is taken to be at least, in nats a token: rounding alone. */
const LEAST_NOISE = 1e-3;

/** Who says what an adapter ought to be. */
export interface GateScorers {
  /** The trainer's adapter; it has the tokens of text. */
  readonly adapter: Scorer;
  /** The trainer's base. */
  readonly base: EncodingPolicy;
}

/** What the gate looks at. */
export interface GateLook {
  /** Of the server, for the error. */
  readonly url: string;
  readonly prompts: readonly Prompt[];
  readonly maxTokens: number;
  /** Mean |Δ log π| a token between server and trainer without an adapter, in nats. */
  readonly noise: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lets an adapter on one server through if what it draws there has the log-probabilities that the trainer's adapter gives it, to within
 * twice the noise of the base. Eight responses are drawn.
 * @returns a sentence where it cannot be told whether the adapter does anything; undefined where it can.
 * @throws ServerError for a server whose adapter does nothing, or is another.
 */
export async function passGate(
  served: Policy,
  { adapter, base }: GateScorers,
  { url, prompts, maxTokens, noise, signal }: GateLook,
): Promise<string | undefined> {
  const pools = await drawnBy(served, adapter, { prompts, maxTokens, signal });
  const limit = MOST_TIMES * Math.max(noise, LEAST_NOISE);
  const own = await compareBase(adapter.policy, pools);
  if (own.tokens < FEWEST_TOKENS)
    return `${url} drew too few tokens with the adapter to tell whether it is the right one.`;
  const without = await compareBase(base, pools);
  if (own.mean > limit) {
    const found = `On ${own.responses} responses that ${url} drew with the adapter, its log-probabilities and the trainer's differ by ${own.mean.toPrecision(2)} nats a token on average, more than ${limit.toPrecision(2)}`;
    throw new ServerError(
      without.mean <= limit
        ? `${found}: they are those of the base, and the adapter does nothing there.`
        : `${found}: another adapter answers there, such as an earlier one of the same name.`,
      { where: url },
    );
  }
  if (without.mean > limit) return undefined;
  return `The adapter changes ${url}'s log-probabilities by no more than the noise between server and trainer: whether it is there cannot be told.`;
}

/** What a server draws with an adapter, by prompt, with its own log-probabilities, whatever the trainer says of them. */
async function drawnBy(
  served: Policy,
  scorer: Scorer,
  { prompts, maxTokens, signal }: Pick<GateLook, "prompts" | "maxTokens" | "signal">,
): Promise<Pool[]> {
  const chosen = prompts.slice(0, LOOKED_AT);
  const each = Math.ceil(LOOKED_AT / Math.max(1, chosen.length));
  const requests = firstOf(chosen, each);
  const options = { temperature: 1, maxTokens: Math.min(maxTokens, LONGEST), seed: 0 };
  const drawn = new Map<string, Response[]>(chosen.map(({ id }) => [id, []]));
  for await (const response of served.sample(requests, { ...options, ...(signal && { signal }) }))
    drawn.get(response.promptId)!.push({ ...response, tokens: writtenTokens(response, scorer) });
  return chosen.map((prompt) => ({
    prompt,
    responses: drawn.get(prompt.id)!,
    policy: served,
    extract: () => undefined,
  }));
}
