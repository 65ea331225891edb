import { z } from "zod";
import type { FirstToken } from "../policy.js";
import { ServerFault } from "./fault.js";

/** A response as a server gave it, checked: whatever is wrong with it has become a fault. */
export interface Reply {
  readonly text: string;
  /** The tokens as text; as long as `logProbs`. */
  readonly pieces: readonly string[];
  /** None where the server tells none. */
  readonly tokens: readonly number[];
  /** In nats, each at most 0. */
  readonly logProbs: readonly number[];
  /** The likeliest tokens at each position, where they were asked for. */
  readonly top: readonly (readonly FirstToken[])[];
  readonly finish: "stop" | "length";
}

/** What a reply has to be. */
export interface Expected {
  readonly maxTokens: number;
  /** The model as this server names it in its replies; undefined while that is still to be found out. */
  readonly model?: string | undefined;
  /** Whether token ids, as many as log-probabilities, must be there, may be there, or are not to be taken. */
  readonly ids: "required" | "optional" | "none";
  /** The reply begins with the prompt, whose first token has no log-probability. */
  readonly echo?: boolean;
}

const count = z.number().nullish();
const usageSchema = z.object({ prompt_tokens: count, completion_tokens: count, total_tokens: count });
const topEntry = z.object({ token: z.string(), logprob: z.number() });
const contentEntry = z.object({
  token: z.string(),
  logprob: z.number().nullable(),
  id: z.int().min(0).nullish(),
  top_logprobs: z.array(topEntry).nullish(),
});
const logProbsSchema = z.object({
  content: z.array(contentEntry).nullish(),
  tokens: z.array(z.string()).nullish(),
  token_logprobs: z.array(z.number().nullable()).nullish(),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish(),
});
const choiceSchema = z.object({
  text: z.string().nullish(),
  message: z.object({ content: z.string().nullish() }).nullish(),
  finish_reason: z.string().nullish(),
  logprobs: logProbsSchema.nullish(),
  token_ids: z.array(z.int().min(0)).nullish(),
});
type LogProbs = z.infer<typeof logProbsSchema>;
type Choice = z.infer<typeof choiceSchema>;

/** What a server said when it should have answered; undefined if it says nothing of an error. */
function errorText(body: unknown): string | undefined {
  const parsed = z.object({ error: z.unknown() }).safeParse(body);
  if (!parsed.success || parsed.data.error === undefined || parsed.data.error === null) return undefined;
  const { error } = parsed.data;
  const message = z.object({ message: z.string() }).safeParse(error);
  return message.success ? message.data.message : JSON.stringify(error);
}

/** Prompt and response tokens by the server's own count; 0 where it counts none. */
export function tokensUsed(body: unknown): { readonly prompt: number; readonly completion: number } {
  const parsed = z.object({ usage: usageSchema }).safeParse(body);
  if (!parsed.success) return { prompt: 0, completion: 0 };
  const { prompt_tokens, completion_tokens, total_tokens } = parsed.data.usage;
  const completion = completion_tokens ?? 0;
  return { prompt: prompt_tokens ?? Math.max(0, (total_tokens ?? 0) - completion), completion };
}

/** How many choices a reply holds. */
export function choicesIn(body: unknown): number {
  const parsed = z.object({ choices: z.array(z.unknown()) }).safeParse(body);
  return parsed.success ? parsed.data.choices.length : 0;
}

/** The token ids of the prompt, where a reply tells them (vLLM). */
export function promptTokensIn(body: unknown): readonly number[] | undefined {
  const ids = z.object({ prompt_token_ids: z.array(z.int().min(0)) });
  const parsed = z.union([ids, z.object({ choices: z.tuple([ids]) })]).safeParse(body);
  if (!parsed.success) return undefined;
  return "choices" in parsed.data ? parsed.data.choices[0].prompt_token_ids : parsed.data.prompt_token_ids;
}

/** The model that a reply names; undefined if it names none. */
export function modelIn(body: unknown): string | undefined {
  const parsed = z.object({ model: z.string() }).safeParse(body);
  return parsed.success ? parsed.data.model : undefined;
}

/**
 * Reads the one response of a reply, of either route, in OpenAI's form or llama-server's.
 * @throws ServerFault for everything that is not a whole response with a log-probability for each token.
 */
export function readReply(body: unknown, expected: Expected): Reply {
  if (typeof body !== "object" || body === null)
    throw new ServerFault("not JSON", "a reply that is not JSON");
  const error = errorText(body);
  if (error !== undefined)
    throw new ServerFault("error in a 200", `an error in a reply of status 200: ${error}`);
  const model = modelIn(body);
  if (expected.model !== undefined && model !== expected.model) {
    throw new ServerFault("wrong model", `a reply of the model ${model ?? "(none)"}, not ${expected.model}`);
  }
  const choice = onlyChoice(body);
  const text = choice.text ?? choice.message?.content;
  if (text === undefined || text === null) throw new ServerFault("no text", "a choice without text");
  const finish = finishOf(choice.finish_reason);
  return { text, finish, ...tokensOf(choice, text, finish, expected) };
}

function onlyChoice(body: object): Choice {
  const parsed = z.object({ choices: z.array(choiceSchema) }).safeParse(body);
  if (!parsed.success) {
    const path = parsed.error.issues[0]?.path.join(".") ?? "";
    if (path.includes("logprob"))
      throw new ServerFault("no log-probabilities", `malformed log-probabilities (${path})`);
    if (path.includes("token_ids") || path.endsWith(".id"))
      throw new ServerFault("counts differ", `malformed token ids (${path})`);
    throw new ServerFault("no choice", `a reply without usable choices (${path})`);
  }
  const { choices } = parsed.data;
  if (choices.length !== 1)
    throw new ServerFault("no choice", `${choices.length} choices where one was asked for`);
  return choices[0]!;
}

function finishOf(reason: string | null | undefined): Reply["finish"] {
  switch (reason) {
    case "stop":
    case "eos":
      return "stop";
    case "length":
      return "length";
    case undefined:
    case null:
    case "":
      throw new ServerFault("no finish reason", "a response without a finish reason: it was cut off");
    default:
      throw new ServerFault("other finish reason", `a response that ended for another reason: ${reason}`);
  }
}

interface Entry {
  readonly piece: string;
  readonly logProb: number | null;
  readonly id: number | undefined;
  readonly top: readonly FirstToken[];
}

function tokensOf(
  choice: Choice,
  text: string,
  finish: Reply["finish"],
  expected: Expected,
): Pick<Reply, "pieces" | "tokens" | "logProbs" | "top"> {
  const entries = entriesOf(choice.logprobs);
  // Where the end token has no log-probability, an empty response has none at all: an empty list, not a missing one.
  const empty = text === "" && finish === "stop";
  if (entries === undefined || (entries.length === 0 && !empty)) {
    throw new ServerFault("no log-probabilities", "a response without log-probabilities");
  }
  const all = entries;
  if (all.length > expected.maxTokens) {
    throw new ServerFault("too long", `${all.length} tokens where ${expected.maxTokens} were allowed`);
  }
  const tokens = idsOf(choice, all);
  if (expected.ids === "required" && tokens.length !== all.length) {
    throw new ServerFault("counts differ", `${tokens.length} token ids for ${all.length} log-probabilities`);
  }
  return {
    pieces: all.map(({ piece }) => piece),
    tokens: expected.ids !== "none" && tokens.length === all.length ? tokens : [],
    logProbs: all.map(({ logProb }, at) => checkedLogProb(logProb, expected.echo === true && at === 0)),
    top: all.map(({ top }) => top),
  };
}

function idsOf({ token_ids: ids }: Choice, entries: readonly Entry[]): number[] {
  if (ids) return ids;
  return entries.flatMap(({ id }) => (id === undefined ? [] : [id]));
}

function entriesOf(logProbs: LogProbs | null | undefined): Entry[] | undefined {
  if (logProbs?.content) {
    return logProbs.content.map(({ token, logprob, id, top_logprobs: top }) => ({
      piece: token,
      logProb: logprob,
      id: id ?? undefined,
      top: sorted((top ?? []).map((entry) => ({ text: entry.token, logProb: entry.logprob }))),
    }));
  }
  const { token_logprobs: values, tokens, top_logprobs: top } = logProbs ?? {};
  if (!values) return undefined;
  if (tokens && tokens.length !== values.length) {
    throw new ServerFault("counts differ", `${tokens.length} tokens for ${values.length} log-probabilities`);
  }
  return values.map((logProb, at) => ({
    piece: tokens?.[at] ?? "",
    logProb,
    id: undefined,
    top: sorted(Object.entries(top?.[at] ?? {}).map(([text, value]) => ({ text, logProb: value }))),
  }));
}

function sorted(tokens: FirstToken[]): FirstToken[] {
  return tokens.sort((a, b) => b.logProb - a.logProb);
}

/** Rounding may lift log 1 above 0. */
const ROUNDING = 1e-3;
/** vLLM and llama.cpp write −∞ as −9999 or the lowest float, which no token that was drawn can have. */
const IMPOSSIBLE = -9000;

function checkedLogProb(value: number | null, mayBeAbsent: boolean): number {
  if (value === null) {
    if (mayBeAbsent) return 0;
    throw new ServerFault("no log-probabilities", "a token without a log-probability");
  }
  if (!(value <= ROUNDING) || value <= IMPOSSIBLE) {
    throw new ServerFault("impossible log-probability", `a token with the log-probability ${value}`);
  }
  return Math.min(0, value);
}
