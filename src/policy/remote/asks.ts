import { sha256 } from "../../core/files.js";
import type { Response, SamplingOptions } from "../policy.js";
import { REMOTE_PREFIX } from "./base-urls.js";
import type { Ask, Asked, Dialect } from "./dialects/dialect.js";
import type { Reply } from "./reply.js";
import { sampleSeed } from "./sample-seed.js";

/** What a model of servers is called and told apart by, however it is asked: a run drawn by files is the one drawn online. */
export function identityOf(model: string, { name: api }: Dialect): { name: string; digest: string } {
  const name = REMOTE_PREFIX + model;
  return { name, digest: sha256(JSON.stringify([name, api])) };
}

/** What is asked for a greedy response. */
export function greedyAsk(
  prompt: Asked,
  { maxTokens, stop }: Pick<SamplingOptions, "maxTokens" | "stop">,
): Ask {
  return { prompt, maxTokens, temperature: 0, seed: 0, ...(stop && { stop }) };
}

/** What is asked for one sample, with the seed that is its own. */
export function sampleAsk(
  prompt: Asked,
  { promptId, index }: Pick<Response, "promptId" | "index">,
  { maxTokens, temperature, seed, topP, minP, stop }: SamplingOptions,
): Ask {
  return {
    ...{ prompt, maxTokens, temperature, seed: sampleSeed(seed, promptId, index) },
    ...(topP !== undefined && { topP }),
    ...(minP !== undefined && { minP }),
    ...(stop && { stop }),
  };
}

/** A reply as the response that it is. */
export function toResponse(
  promptId: string,
  index: number,
  { text, tokens, logProbs, finish }: Reply,
): Response {
  return { promptId, index, text, tokens, logProbs, finish };
}
