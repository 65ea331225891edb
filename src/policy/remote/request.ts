import { hash32, philox4x32 } from "../../core/random.js";
import type { Api, ServerKind } from "./server-kinds.js";

/** What is asked of a server, whatever its dialect. */
export interface Ask {
  /** A text, or token ids where the server takes them (`completions` alone). */
  readonly prompt: string | readonly number[];
  readonly maxTokens: number;
  /** 0: the likeliest token each time. */
  readonly temperature: number;
  readonly seed: number;
  /** The likeliest tokens to be told at each position; at least 1, at most what the kind of server allows. Default 1. */
  readonly top?: number;
  /** Ask for several choices; only the probe does. */
  readonly n?: number;
  /** Ask for the prompt back, with its log-probabilities. */
  readonly echo?: boolean;
}

/**
 * The body of a request. Everything that shapes the distribution is said, because servers differ in what they assume:
 * nothing but the temperature may change it.
 */
export function requestBody(
  api: Api,
  model: string,
  kind: ServerKind,
  { prompt, maxTokens, temperature, seed, top = 1, n, echo }: Ask,
): Record<string, unknown> {
  const shown = Math.min(top, kind.top[api]);
  const common = {
    model,
    max_tokens: maxTokens,
    temperature,
    top_p: 1,
    frequency_penalty: 0,
    presence_penalty: 0,
    seed,
    ...(n !== undefined && { n }),
    ...kind.neutral,
    ...kind.ids,
  };
  if (api === "chat") {
    return { ...common, messages: [{ role: "user", content: prompt }], logprobs: true, top_logprobs: shown };
  }
  return { ...common, prompt, logprobs: shown, ...(echo && { echo: true }) };
}

/** `seed` in ASCII: keeps these words apart from those of other purposes. */
const PURPOSE = 0x73656564;

/**
 * The seed of one sample, from 0 to 2^31 − 1, which every server takes: a function of the run's seed, the prompt and the
 * index alone, so that a sample that is asked for again is the same one where the server's seeds repeat.
 */
export function sampleSeed(seed: number, promptId: string, index: number): number {
  const [word] = philox4x32(
    0,
    index >>> 0,
    hash32(promptId),
    PURPOSE,
    seed >>> 0,
    Math.floor(seed / 2 ** 32),
  );
  return word >>> 1;
}
