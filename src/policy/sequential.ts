import { createHash } from "node:crypto";
import { InterruptedError, UsageError } from "../core/errors.js";
import { hash32, tokenUniform } from "../core/random.js";
import { capabilities } from "./capabilities.js";
import { arriving, isAsync, type Source } from "../core/source.js";
import { failOf, optionsOf } from "./request-options.js";
import { EMPTY_BEAM, extendBeam, found, type Hypothesis } from "../transformer/decode/hypotheses.js";
import { drawToken, type Picked } from "./draw-token.js";
import { checkLimits, checkPrefix, checkWidth, cutAtStop } from "./sampling-limits.js";
import type {
  BeamSearchOptions,
  DrawnSoFar,
  GreedyOptions,
  Policy,
  Prompt,
  RequestOptions,
  Response,
  SampleRequest,
  SamplingOptions,
} from "./policy.js";

/**
 * An autoregressive policy given by its conditionals, π(y | x) = Π_h π_h(y_h | x, y_<h) (paper §1): small enough that
 * each conditional is a plain array. Tabular and linear-softmax policies are such, and every exact check uses them.
 */
export interface Conditionals {
  /**
   * log π_h(· | x, y_<h) in nats over the vocabulary, or undefined when `prefix` is already a whole response (a fixed
   * horizon is reached; the last token then counts as the end token).
   * @throws UsageError for an unknown prompt.
   */
  next(promptId: string, prefix: readonly number[]): Float64Array | undefined;
}

/** What `sequentialPolicy` needs. */
export interface SequentialOptions extends Conditionals {
  readonly name: string;
  /** Everything that fixes the probabilities, as text; hashed into `Policy.digest`. */
  readonly fingerprint: string;
  /** The token that ends a response, where the length is not fixed. */
  readonly endToken?: number;
  /** The text of a token; its id by default. Tokens are joined by one space, the end token left out. */
  readonly word?: (token: number) => string;
}

/** KL(uniform ‖ p) in nats; infinite where p has a zero. */
function certainty(logProbs: Float64Array): number {
  const mean = logProbs.reduce((sum, value) => sum + value, 0) / logProbs.length;
  return -Math.log(logProbs.length) - mean;
}

/** −Σ p·log p in nats; a token of probability zero adds nothing. */
function entropy(logProbs: Float64Array): number {
  return logProbs.reduce((sum, value) => (value === -Infinity ? sum : sum - Math.exp(value) * value), 0);
}

function argmax(values: Float64Array): Picked {
  let token = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[token]!) token = i;
  return { token, drawnLogProb: 0 };
}

interface Drawing {
  readonly prompt: Prompt;
  readonly index: number;
  /** The response's first tokens, as given. */
  readonly prefix?: readonly number[] | undefined;
  readonly maxTokens: number;
  readonly pick: (logProbs: Float64Array, position: number) => Picked;
  /** Whether it is told what tokens were drawn under. */
  readonly tells?: boolean;
  readonly options?: Pick<RequestOptions, "abandon" | "signal" | "watcher">;
  readonly stop?: readonly string[] | undefined;
}

/** The tokens as text, the end token left out. */
function textOf({ word = String, endToken }: SequentialOptions, tokens: readonly number[]): string {
  return tokens
    .filter((token) => token !== endToken)
    .map(word)
    .join(" ");
}

/** The response, or undefined if it was abandoned or cancelled. */
function drawResponse(policy: SequentialOptions, drawing: Drawing): Response | undefined {
  const { prompt, index, prefix = [], stop = [], options: { abandon, signal, watcher } = {} } = drawing;
  const tokens = [...prefix];
  const logProbs: number[] = [];
  const certainties: number[] = [];
  const drawnLogProbs: number[] = [];
  const sums = { logProb: 0, drawnLogProb: 0 };
  let finish: Response["finish"] = "length";
  while (tokens.length < drawing.maxTokens) {
    if (signal?.aborted) return undefined;
    const conditional = policy.next(prompt.id, tokens);
    if (conditional === undefined) break;
    const { token, drawnLogProb } = drawing.pick(conditional, tokens.length);
    tokens.push(token);
    logProbs.push(conditional[token]!);
    certainties.push(certainty(conditional));
    drawnLogProbs.push(drawnLogProb);
    sums.logProb += conditional[token]!;
    sums.drawnLogProb += drawnLogProb;
    const ends = token === policy.endToken || policy.next(prompt.id, tokens) === undefined;
    if (ends || cutAtStop(textOf(policy, tokens), stop) !== undefined) {
      finish = "stop";
      break;
    }
    if (tokens.length === drawing.maxTokens) break;
    const soFar: DrawnSoFar = {
      ...{ promptId: prompt.id, index, length: logProbs.length, logProb: sums.logProb, logProbs },
      ...(drawing.tells && { drawnLogProb: sums.drawnLogProb }),
      get text() {
        return textOf(policy, tokens);
      },
    };
    watcher?.drawn?.(soFar);
    if (abandon?.(soFar)) return undefined;
  }
  const text = textOf(policy, tokens);
  return {
    promptId: prompt.id,
    index,
    text: cutAtStop(text, stop) ?? text,
    tokens: tokens.slice(prefix.length),
    logProbs,
    certainties,
    ...(drawing.tells && { drawnLogProbs }),
    finish,
  };
}

/** One request's response, or undefined if it was abandoned or cancelled. @throws UsageError as `checkPrefix`. */
function drawRequest(
  options: SequentialOptions,
  request: SampleRequest,
  sampling: SamplingOptions,
): Response | undefined {
  const { prompt, index, prefix } = request;
  const own = optionsOf(request, sampling);
  checkLimits(own);
  const { maxTokens, seed, temperature, greedy = false, stop, tellsDrawn = false } = own;
  checkPrefix(
    request,
    maxTokens,
    (given) =>
      (options.endToken !== undefined && given.includes(options.endToken)) ||
      options.next(prompt.id, given) === undefined,
  );
  const key = hash32(prompt.id);
  return drawResponse(options, {
    ...{ prompt, index, prefix, maxTokens, options: own, stop },
    tells: tellsDrawn && temperature !== 1 && !greedy,
    pick: (row, position) =>
      greedy ? argmax(row) : drawToken(row, tokenUniform(seed, key, index, position), temperature, own),
  });
}

/**
 * A `Policy` over explicit conditionals; sampling is exact and every log-probability is in float64.
 * @throws UsageError (from its methods) for an unknown prompt, a token outside the vocabulary, or after `dispose`.
 */
export function sequentialPolicy(options: SequentialOptions): Policy {
  let disposed = false;
  const check = (signal?: AbortSignal): void => {
    if (disposed) throw new UsageError(`policy ${options.name} is used after dispose(); make a new one`);
    if (signal?.aborted) throw new InterruptedError("sampling was interrupted");
  };
  async function* sample(
    requests: Source<SampleRequest>,
    sampling: SamplingOptions,
  ): AsyncIterable<Response> {
    check();
    checkLimits(sampling);
    for await (const request of arriving(requests, sampling.signal)) {
      check(sampling.signal);
      let response: Response | undefined;
      try {
        response = drawRequest(options, request, sampling);
      } catch (error) {
        failOf(request, error);
        continue;
      }
      await Promise.resolve();
      request.options?.watcher?.ended?.(response);
      if (response !== undefined) yield response;
    }
    if (isAsync(requests)) check(sampling.signal);
  }
  return {
    name: options.name,
    digest: createHash("sha256").update(options.fingerprint).digest("hex"),
    can: capabilities({
      continues: true,
      certainties: true,
      entropies: true,
      beams: true,
      scores: true,
      greedy: true,
      temperatures: true,
      proposals: true,
    }),
    sample,
    greedy: (prompts, asked) => greedily(options, prompts, asked, check),
    beam: (prompts, asked) => searched(options, prompts, asked, check),
    logProb: async (examples) => {
      check();
      return Promise.resolve(examples.map(({ prompt, tokens }) => scoreTokens(options, prompt.id, tokens)));
    },
    entropies: async (examples) => {
      check();
      return Promise.resolve(examples.map(({ prompt, tokens }) => entropiesOf(options, prompt.id, tokens)));
    },
    dispose: async () => {
      disposed = true;
      return Promise.resolve();
    },
  };
}

/**
 * log π_h(y_h | x, y_<h) for each token of a response.
 * @throws UsageError for a token outside the vocabulary or beyond the end of the response.
 */
function scoreTokens(policy: Conditionals, promptId: string, tokens: readonly number[]): Float64Array {
  return Float64Array.from(tokens, (token, position) => {
    const value = policy.next(promptId, tokens.slice(0, position))?.[token];
    if (value === undefined) {
      throw new UsageError(
        `token ${token} at position ${position} of a response to ${promptId} does not exist`,
      );
    }
    return value;
  });
}

async function* greedily(
  policy: SequentialOptions,
  prompts: Iterable<Prompt>,
  { maxTokens, signal }: GreedyOptions,
  check: (signal?: AbortSignal) => void,
): AsyncIterable<Response> {
  for (const prompt of prompts) {
    check(signal);
    await Promise.resolve();
    yield drawResponse(policy, { prompt, index: -1, maxTokens, pick: argmax }) as Response;
  }
}

async function* searched(
  policy: SequentialOptions,
  prompts: Iterable<Prompt>,
  { width, maxTokens, signal }: BeamSearchOptions,
  check: (signal?: AbortSignal) => void,
): AsyncIterable<Response> {
  check(signal);
  checkWidth(width);
  for (const { id } of prompts) {
    check(signal);
    await Promise.resolve();
    const ends = (tokens: readonly number[]): boolean =>
      tokens.at(-1) === policy.endToken || policy.next(id, tokens) === undefined;
    let beam: readonly Hypothesis[] = EMPTY_BEAM;
    while (found(beam) === undefined) {
      const from = beam;
      const extended = extendBeam(from, (place) => rankedTokens(policy.next(id, from[place]!.tokens)!), {
        ...{ width, maxTokens, ends },
      });
      beam = extended.map(({ hypothesis }) => hypothesis);
    }
    const { tokens, logProbs, certainties, finish } = found(beam)!;
    const text = textOf(policy, tokens);
    yield { promptId: id, index: -1, text, tokens, logProbs, certainties, finish: finish! };
  }
}

/** All tokens, the likeliest first; on ties the lowest. */
function rankedTokens(logProbs: Float64Array) {
  const next = Array.from(logProbs, (logProb, token) => ({ token, logProb }));
  return { next: next.sort((a, b) => b.logProb - a.logProb), certainty: certainty(logProbs) };
}

/** H(p_h) of what each token of a response was drawn from. @throws as `scoreTokens`. */
function entropiesOf(policy: Conditionals, promptId: string, tokens: readonly number[]): Float64Array {
  return scoreTokens(policy, promptId, tokens).map((_, position) =>
    entropy(policy.next(promptId, tokens.slice(0, position))!),
  );
}

/** A whole response with its log-probability in nats. */
export interface EnumeratedResponse {
  readonly tokens: readonly number[];
  readonly logProb: number;
}

/**
 * Every response of a prompt with its exact log-probability, in lexicographic order: responses end at the end token,
 * at the horizon, or at `maxTokens`. Responses of probability 0 are left out.
 */
export function enumerateResponses(
  policy: Conditionals & { readonly endToken?: number },
  promptId: string,
  maxTokens: number,
): EnumeratedResponse[] {
  const found: EnumeratedResponse[] = [];
  const visit = (prefix: readonly number[], logProb: number): void => {
    const ended = prefix.length > 0 && prefix[prefix.length - 1] === policy.endToken;
    const row = ended || prefix.length === maxTokens ? undefined : policy.next(promptId, prefix);
    if (row === undefined) found.push({ tokens: prefix, logProb });
    else
      row.forEach((value, token) => {
        if (value > -Infinity) visit([...prefix, token], logProb + value);
      });
  };
  visit([], 0);
  return found;
}
