import { UsageError } from "../core/errors.js";
import type { Draw, DrawSettings, Unfinished } from "../transformer/decode/draw-request.js";
import type { Model as WholeModel } from "../transformer/model.js";
import type { LikelyToken } from "../transformer/decode/likeliest.js";
import { gained, piecesIn } from "./pieces.js";
import type {
  DrawnSoFar,
  FirstToken,
  Prompt,
  RequestOptions,
  Response,
  SampleRequest,
  SamplingOptions,
} from "./policy.js";
import { checkPrefix, cutAtStop, narrows, tailTokens } from "./sampling-limits.js";

/** Why a model is not trained as it is. */
export const QUANTIZED_TRAINING =
  "A model in int8 or int4 is for sampling and scoring: an adapter is trained on the float weights, or on those that are kept as they are stored, from responses that these have drawn";

/** What helps. */
export const TO_TRAIN = 'load it without `quantize`, or with "keep", to train';

/** What narrows or ends a response. */
export type Limits = Pick<SamplingOptions, "topP" | "minP" | "stop">;

/** What is needed of a model to say what was drawn. */
type Model = Pick<WholeModel, "tokenizer" | "config">;

type Settings = DrawSettings<SampleRequest>;

/** The same as the sampler is told. */
export function limitsOf(
  model: Model,
  { topP = 1, minP = 0, stop = [] }: Limits,
): Pick<Settings, "narrowing" | "ends"> {
  return {
    narrowing: narrows({ topP, minP }) ? { topP, minP } : undefined,
    ends: stop.length > 0 ? endsAt(model, stop) : undefined,
  };
}

/** A request's own options as the sampler is told. @param call the limits of all requests that have none of their own. */
export function settingsOf(model: Model, options: RequestOptions, call: Limits): Partial<Settings> {
  const { abandon, watcher, topP, minP, stop, branches: _, ...settings } = options;
  const own = (topP ?? minP ?? stop) !== undefined;
  return {
    ...settings,
    ...(own && limitsOf(model, { ...call, ...options })),
    ...(abandon && { abandon: asked(abandon) }),
    ...(watcher?.drawn && { watch: (request, row) => watcher.drawn?.(soFarOf(model, request, row)) }),
  };
}

/** The request for each prompt's greedy response. */
export function* asGreedy(prompts: Iterable<Prompt>): Generator<SampleRequest> {
  for (const prompt of prompts) yield { prompt, index: -1 };
}

/** Prompts as tokens: samples of one prompt are tokenized once, and those that are drawn side by side come in any order. */
export function tokenizedOnce(
  encode: (prompt: Prompt) => readonly number[],
): (prompt: Prompt) => readonly number[] {
  const known = new WeakMap<Prompt, readonly number[]>();
  return (prompt) => {
    const tokens = known.get(prompt) ?? encode(prompt);
    known.set(prompt, tokens);
    return tokens;
  };
}

/** A rule of partial responses, as the sampler asks it. */
export function asked(abandon: NonNullable<SamplingOptions["abandon"]>): NonNullable<Settings["abandon"]> {
  return ({ prompt, index }, length, logProb, drawnLogProb) =>
    abandon({ promptId: prompt.id, index, length, logProb, drawnLogProb });
}

function soFarOf({ tokenizer }: Model, request: SampleRequest, row: Unfinished): DrawnSoFar {
  const { prompt, index, prefix = [] } = request;
  const { tokens, logProb, logProbs } = row;
  return {
    promptId: prompt.id,
    index,
    length: tokens.length,
    logProb,
    logProbs,
    get text() {
      return tokenizer.decode([...prefix, ...tokens]);
    },
  };
}

/** Whether what was drawn ends with one of these texts, or has it near its end. */
function endsAt({ tokenizer }: Model, stop: readonly string[]): NonNullable<Settings["ends"]> {
  const tail = tailTokens(stop);
  return ({ prefix = [] }, { tokens }) =>
    cutAtStop(tokenizer.decode([...prefix, ...tokens].slice(-tail)), stop) !== undefined;
}

/** What was drawn, as a response. @param stop texts that it ends before. */
export function toResponse(
  { tokenizer, config }: Model,
  { tag, tokens, logProbs, certainties, drawnLogProbs, finish }: Draw<SampleRequest>,
  stop: readonly string[] = [],
): Response {
  const whole = [...(tag.prefix ?? []), ...tokens];
  const ended = finish === "stop" && config.eosTokenIds.includes(tokens.at(-1)!);
  const full = tokenizer.decode(ended ? whole.slice(0, -1) : whole);
  const text = cutAtStop(full, stop) ?? full;
  return {
    ...{ promptId: tag.prompt.id, index: tag.index, text, tokens, logProbs, certainties },
    ...(drawnLogProbs && { drawnLogProbs }),
    finish,
  };
}

/** What each token of a response gives to its text. */
export function piecesOf({ tokenizer, config }: Model, { text, tokens }: Response): readonly string[] {
  const ended = config.eosTokenIds.includes(tokens.at(-1)!);
  const own = ended ? tokens.slice(0, -1) : tokens;
  const soFar = own.map((_, at) => tokenizer.decode(own.slice(0, at + 1)));
  return piecesIn(text, ended ? [...soFar, text] : soFar);
}

/** Tokens before one that it is decoded with: some tokenizers write a word at the start of a text otherwise than within it. */
const BEFORE = 8;

/** The likeliest tokens of each position as text: what each would add there, and of the one that was drawn what it did add. */
export function likeliestOf(
  model: Model,
  response: Response,
  found: readonly (readonly LikelyToken[])[],
  count: number,
): FirstToken[][] {
  const { tokenizer } = model;
  const { tokens, logProbs } = response;
  const pieces = piecesOf(model, response);
  return found.map((likeliest, at) => {
    const before = tokens.slice(Math.max(0, at - BEFORE), at);
    const text = tokenizer.decode(before);
    return likeliest.slice(0, count).map(({ token, logProb }) => {
      if (token === tokens[at]) return { text: pieces[at]!, logProb: logProbs[at]! };
      return { text: gained(text, tokenizer.decode([...before, token])), logProb };
    });
  });
}

/** Refuses a prefix that the model cannot read or that ends the response. @throws UsageError where it does. */
export function checkGiven(
  { name }: { readonly name: string },
  { config }: Pick<Model, "config">,
  request: SampleRequest,
  maxTokens: number,
): void {
  const { vocabSize, eosTokenIds } = config;
  checkPrefix(request, maxTokens, (prefix) => prefix.some((token) => eosTokenIds.includes(token)));
  const unknown = request.prefix?.find((token) => !(token >= 0 && token < vocabSize));
  if (unknown !== undefined) {
    throw new UsageError(
      `A response to the prompt "${request.prompt.id}" is to go on after the token ${unknown}, but ${name} has ` +
        `only ${vocabSize} tokens: give it tokens of its own.`,
    );
  }
}
