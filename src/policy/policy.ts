import type { Capabilities } from "./capabilities.js";
import type { ServerUsage } from "./remote/usage.js";
import type { Source } from "../core/source.js";

/** A turn of a conversation. */
export interface Message {
  /** `system`, `user`, `assistant`, or what else the model's template knows. */
  readonly role: string;
  readonly content: string;
}

/** A prompt x. */
export interface Prompt {
  /** Unique within a task; it keys the randomness of the prompt's samples. */
  readonly id: string;
  /**
   * What people and rewards are shown; without `messages` also the exact text that the model goes on from, the task's own template
   * applied.
   */
  readonly text: string;
  /**
   * A conversation that the model is to go on with, at least one turn, the last not the assistant's. The policy puts it into the
   * model's form: by the chat template, or through a server's chat route. Absent: the model goes on from `text` as it is.
   */
  readonly messages?: readonly Message[];
}

/** What a prompt is to a model, as one text: prompts in which it is the same are the same, whatever their ids. */
export function promptIdentity({ text, messages }: Pick<Prompt, "text" | "messages">): string {
  return messages ? JSON.stringify(messages.map(({ role, content }) => [role, content])) : text;
}

/** A prompt's conversation, for people: the content of a single turn, or each turn after its role. */
export function conversationText(messages: readonly Message[]): string {
  if (messages.length === 1) return messages[0]!.content;
  return messages.map(({ role, content }) => `${role}: ${content}`).join("\n\n");
}

/** A response y to a prompt, with what the base model says of it. */
export interface Response {
  readonly promptId: string;
  /** The number of this sample among those of its prompt: 0, 1, …; -1 for the greedy response. */
  readonly index: number;
  /** The decoded text, without the end token. */
  readonly text: string;
  /**
   * Token ids, the end token included when `finish` is `stop`; none at all where a server does not tell them. A response's
   * length in tokens is that of `logProbs`.
   */
  readonly tokens: readonly number[];
  /**
   * log π(y_t | x, y_<t) in nats, **at temperature 1** whatever temperature sampled; as long as `tokens`, if there are any. A
   * server may leave out the end token's (docs/servers.md).
   */
  readonly logProbs: readonly number[];
  /**
   * KL(uniform ‖ p_t) per token in nats, p_t at temperature 1; as long as `tokens`. Absent where the policy cannot
   * see the whole distribution.
   */
  readonly certainties?: readonly number[];
  /**
   * log of the probability under which each token was drawn, at the request's temperature, in nats; as long as `logProbs`. Only where the
   * request asked for it (`tellsDrawn`) and the temperature is not 1; no record has it.
   */
  readonly drawnLogProbs?: readonly number[];
  /** `stop`: the end token was drawn; `length`: cut at `maxTokens`. */
  readonly finish: "stop" | "length";
}

/**
 * A response that another policy than the base drew, an adapter of it: `own` is what that policy says of it. It has no
 * `logProbs` of its own, so that nothing takes it for a `Response`, whose log-probabilities are the base's; `scoreUnder` makes
 * one of it. On disk it lies as it was drawn, in adapters/<drawnBy>.
 */
export interface AdapterDraw extends Omit<Response, "logProbs" | "certainties"> {
  /** The adapter's name in the run. */
  readonly drawnBy: string;
  /** log π and certainties under the adapter, at temperature 1, in nats. */
  readonly own: Pick<Response, "logProbs" | "certainties">;
}

/** What an adapter drew, named as its. */
export function drawnBy(name: string, responses: readonly Response[]): AdapterDraw[] {
  return responses.map(({ logProbs, certainties, ...response }) => ({
    ...response,
    drawnBy: name,
    own: { logProbs, ...(certainties && { certainties }) },
  }));
}

/** One response to draw: the `index`-th sample of `prompt`. */
export interface SampleRequest {
  readonly prompt: Prompt;
  readonly index: number;
  /**
   * The response's first tokens, as given: the sample goes on after them. What comes back has the `tokens`, `logProbs` and
   * `certainties` of the new tokens alone, and the `text` of the whole response. `maxTokens` and the positions that key the
   * randomness count from the response's start, so that a sample's own beginning, given back, has the same continuation.
   * Only for a policy that `can` go on (`continues`); never a whole response. Default: none.
   */
  readonly prefix?: readonly number[];
  /** What is otherwise for this request than for the call. */
  readonly options?: RequestOptions;
}

/** Options of one request, in place of the call's. */
export interface RequestOptions extends Partial<
  Pick<SamplingOptions, "temperature" | "maxTokens" | "seed" | "topP" | "minP" | "stop" | "abandon">
> {
  /** The greedy response in place of a sample; temperature and seed are of no account then. */
  readonly greedy?: boolean;
  /**
   * Whether other requests of the same call go on from this response, or it goes on from another: what a policy has computed of a response is
   * then kept for those, as far as memory allows, and is the same to the bit where it is computed again. `maxTokens` of the call is what
   * the longest of them will have. For requests that come in time. Default: false.
   */
  readonly branches?: boolean;
  /** Whether `drawnLogProbs` are told, and `abandon` of their sum, by a policy that `can` (`proposals`). Default: false. */
  readonly tellsDrawn?: boolean;
  /**
   * Cancels this request alone: it yields nothing, and what it holds (a row of the batch, a connection) is free at the next
   * step. Nothing is thrown: who fires the signal knows, and `watcher.ended` tells when it is done. The call's own signal
   * still ends everything.
   */
  readonly signal?: AbortSignal;
  readonly watcher?: RequestWatcher;
}

/** Is told how a request fares, beside what `sample` yields: for whoever shares a call with others. */
export interface RequestWatcher {
  /**
   * After each token of an unfinished response, before `abandon` is asked, where the policy sees tokens as they are drawn (a
   * server that does not stream shows none). What it is given counts during the call alone.
   */
  drawn?(soFar: DrawnSoFar): void;
  /**
   * Once, when the request is over: with its response, just before it is yielded, or undefined where it was abandoned or
   * cancelled. Not told where the whole call ends with an error.
   */
  ended?(response: Response | undefined): void;
  /** What a server counted for a reply to this request; told for each reply, also where it was no response after all. */
  used?(tokens: { readonly prompt: number; readonly completion: number }): void;
  /** Takes an error that concerns this request alone, such as a prompt that is too long; absent: it ends the whole call. */
  failed?(error: unknown): void;
}

/** A response that is still being drawn, as an `abandon` rule sees it. */
export interface PartialResponse {
  readonly promptId: string;
  readonly index: number;
  /** Tokens drawn so far, a given prefix not counted. */
  readonly length: number;
  /** Σ log π of these tokens, at temperature 1, in nats. */
  readonly logProb: number;
  /** Σ log of the probabilities that they were drawn under, where the request has these told. */
  readonly drawnLogProb?: number;
}

/** An unfinished response, as a watcher sees it. */
export interface DrawnSoFar extends PartialResponse {
  /** log π of each token so far at temperature 1, in nats, a given prefix not counted. */
  readonly logProbs: readonly number[];
  /** The whole text so far, decoded when it is read; its last character may be only begun (U+FFFD). */
  readonly text: string;
}

export interface SamplingOptions {
  /** > 0; the tokens are drawn from softmax(logits / temperature). */
  readonly temperature: number;
  /** ≥ 1; a response that reaches it without an end token has `finish: "length"`. */
  readonly maxTokens: number;
  /** A non-negative safe integer; with the prompt's id, the index and the position it fixes every token. */
  readonly seed: number;
  /**
   * In (0, 1]: tokens are drawn from the fewest of the likeliest that have this probability together, at the temperature. What a response
   * says of its tokens stays that of the whole distribution at temperature 1. Default 1.
   */
  readonly topP?: number;
  /** In [0, 1): tokens are drawn from those at least this share as likely as the likeliest, at the temperature. Default 0. */
  readonly minP?: number;
  /**
   * Texts that end a response where one first occurs: its text ends before it, its tokens include it, and it has `finish: "stop"`. Default:
   * none.
   */
  readonly stop?: readonly string[];
  /** Asked after each token of an unfinished response: `true` drops it, and it is never yielded. */
  readonly abandon?: (partial: PartialResponse) => boolean;
  readonly signal?: AbortSignal;
}

/**
 * π(y | x). Implementations: tabular, linear softmax, local transformer, remote server.
 * A sample is a function of (seed, prompt id, index) alone: not of batching, order or what else runs.
 */
export interface Policy {
  /** What a person would call it. */
  readonly name: string;
  /** Digest of everything that fixes its probabilities (weights, adapter, tokenizer). */
  readonly digest: string;
  /** What it can do beyond drawing. */
  readonly can: Capabilities;
  /** Of a policy that draws from servers; absent for every other. */
  readonly served?: Served;
  /** The model as it was before its weights were rounded, where these are and it was asked for: what it says of a response is exact. */
  readonly unrounded?: Unrounded | undefined;
  /**
   * Draws one response a request; yields in order of completion. Requests are pulled lazily, as rows become free; they may come
   * in time, and a new one then joins those that are being drawn. The options are those of all requests without their own.
   * @throws InterruptedError when `signal` fires.
   */
  sample(requests: Source<SampleRequest>, options: SamplingOptions): AsyncIterable<Response>;
  /** The greedy response (token-level argmax, lowest id on ties) to each prompt, with `index` -1. */
  greedy(prompts: Iterable<Prompt>, options: GreedyOptions): AsyncIterable<Response>;
  /**
   * The likeliest response to each prompt that beam search of a width finds (`extendBeam`), with `index` -1: the rules of `greedy`, which
   * is width 1. Where the policy `beams`.
   * @throws UsageError for a width that is no whole number of at least 1.
   */
  beam?(prompts: Iterable<Prompt>, options: BeamSearchOptions): AsyncIterable<Response>;
  /**
   * log π(y_t | x, y_<t) for given responses, in the order given; where the policy `scores`.
   * @param examples each with the prompt and the token ids of y (the end token included if it is to be scored).
   */
  logProb(examples: readonly ScoreRequest[]): Promise<Float64Array[]>;
  /**
   * As `logProb`, with KL(uniform ‖ p_t) of each token beside it: all that a response has that was drawn. Absent where
   * `logProb` is all there is.
   */
  score?(examples: readonly ScoreRequest[]): Promise<readonly TokenScores[]>;
  /**
   * The entropy H(p_t) = −Σ_v p_t(v)·log p_t(v) of the distribution that each token of given responses was drawn from, at temperature 1,
   * in nats; where the policy tells `entropies`.
   */
  entropies?(examples: readonly ScoreRequest[]): Promise<Float64Array[]>;
  /**
   * The likeliest first tokens of a response, as text with log π at temperature 1 in nats, the likeliest first: for a policy
   * that cannot score text of one's own.
   */
  firstTokens?(prompt: Prompt): Promise<readonly FirstToken[]>;
  /** The policy's own token ids of a text, without special tokens. */
  encode?(text: string): readonly number[];
  /**
   * What each token of a response that this policy drew gives to its text: one piece a log-probability, which make up the text together.
   * Undefined where that is not known any more. Absent where tokens have no text of their own.
   */
  pieces?(response: Response): readonly string[] | undefined;
  /**
   * The likeliest tokens at each position of a response that this policy drew, as text with log π at temperature 1 in nats, the likeliest
   * first: one list a log-probability. What gives no text, such as the end token, is "". The token that was drawn has the text and the
   * log-probability that `pieces` and the response have, where it is among them. Undefined where that is not known any more.
   * @param count from 1 to `can.likeliest`.
   */
  likeliest?(
    prompt: Prompt,
    response: Response,
    count: number,
  ): Promise<readonly (readonly FirstToken[])[] | undefined>;
  /**
   * The token ids that a response to a prompt goes on from, start token and chat template included; where the policy encodes. What it has to
   * do for a prompt is done with that: before a `sample` whose requests are made as they are read.
   * @throws UsageError for a prompt that the model cannot read.
   */
  promptTokens?(prompt: Prompt): Promise<readonly number[]>;
  /** What it keeps of prompts for later ones, in bytes, and tokens that were found there, or computed, so far. Absent where it keeps none. */
  readonly prefixCounts?:
    { readonly bytes: number; readonly found: number; readonly computed: number } | undefined;
  /** Frees the model; further calls throw. */
  dispose(): Promise<void>;
}

/** A model that says what it thinks of given responses, and draws none. */
export type Unrounded = Required<Pick<Policy, "score" | "logProb">>;

/** What a policy tells of its servers. */
export interface Served {
  /** What was found out about them, for the record: a run that is resumed must find the same. */
  readonly settings: Readonly<Record<string, string | boolean>>;
  /** The same in a sentence, for people. */
  readonly summary: string;
  /** What has been asked of them so far. */
  readonly usage: ServerUsage;
}

/** A policy that turns text into its own token ids. */
export type EncodingPolicy = Policy & Required<Pick<Policy, "encode">>;

/** Whether `encode` is there to be called. */
export function canEncode(policy: Policy): policy is EncodingPolicy {
  return policy.can.encodes;
}

/** Whether `firstTokens` is there to be called. */
export function tellsFirstTokens(policy: Policy): policy is Policy & Required<Pick<Policy, "firstTokens">> {
  return policy.can.firstTokens;
}

/** Whether `beam` is there to be called. */
export function searchesBeams(policy: Policy): policy is Policy & Required<Pick<Policy, "beam">> {
  return policy.can.beams;
}

/** Whether `entropies` is there to be called. */
export function tellsEntropies(policy: Policy): policy is Policy & Required<Pick<Policy, "entropies">> {
  return policy.can.entropies;
}

/** What a policy says of each token of a response, at temperature 1, in nats. */
export interface TokenScores {
  readonly logProbs: ArrayLike<number>;
  /** KL(uniform ‖ p_t). */
  readonly certainties: ArrayLike<number>;
}

/** One of the likeliest tokens at a position, the first of a response mostly. */
export interface FirstToken {
  readonly text: string;
  readonly logProb: number;
}

export type GreedyOptions = Pick<SamplingOptions, "maxTokens" | "signal">;

export interface BeamSearchOptions extends GreedyOptions {
  /** Hypotheses kept at each step, at least 1. */
  readonly width: number;
}

export interface ScoreRequest {
  readonly prompt: Prompt;
  readonly tokens: readonly number[];
}

/** log π(y | x): the sum of a response's per-token log-probabilities, in nats (paper eq. 2). */
export function sequenceLogProb(response: Pick<Response, "logProbs">): number {
  let sum = 0;
  for (const logProb of response.logProbs) sum += logProb;
  return sum;
}
