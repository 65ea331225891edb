import type { FirstToken } from "../policy.js";
import type { Choice, Dialect, Entry } from "./dialects/dialect.js";
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
  /** The names that this server gives the model in its replies; undefined while they are still to be found out, or vary. */
  readonly models?: readonly string[] | undefined;
  /** Whether token ids, as many as log-probabilities, must be there, may be there, or are not to be taken. */
  readonly ids: "required" | "optional" | "none";
  /** The reply begins with the prompt, whose first token has no log-probability. */
  readonly echo?: boolean;
}

/**
 * Reads the one response of a reply.
 * @throws ServerFault for everything that is not a whole response with a log-probability for each token.
 */
export function readReply(dialect: Dialect, body: unknown, expected: Expected): Reply {
  if (typeof body !== "object" || body === null)
    throw new ServerFault("not JSON", "a reply that is not JSON");
  const error = dialect.error(body);
  if (error !== undefined)
    throw new ServerFault("error in a 200", `an error in a reply of status 200: ${error}`);
  const model = dialect.model(body);
  // A reply that names no model is not of another one.
  if (expected.models !== undefined && model !== undefined && !expected.models.includes(model)) {
    throw new ServerFault(
      "wrong model",
      `a reply of the model ${model}, not ${expected.models.join(" or ")}`,
    );
  }
  const choices = dialect.choices(body);
  if (choices.length !== 1)
    throw new ServerFault("no choice", `${choices.length} choices where one was asked for`);
  const choice = choices[0]!;
  const { text } = choice;
  if (text === undefined) throw new ServerFault("no text", "a choice without text");
  const finish = finishOf(choice.finish);
  return { text, finish, ...tokensOf(choice, text, finish, expected) };
}

/** What servers call the end of a response that the model ended. */
const STOPPED = new Set(["stop", "eos", "eos_token", "stop_sequence", "stop_token", "end_turn", "complete"]);
/** And of one that was cut at its longest length. */
const CUT = new Set(["length", "max_tokens", "max_length", "model_length"]);

function finishOf(reason: string | undefined): Reply["finish"] {
  if (reason === undefined || reason === "")
    throw new ServerFault("no finish reason", "a response without a finish reason: it was cut off");
  if (STOPPED.has(reason.toLowerCase())) return "stop";
  if (CUT.has(reason.toLowerCase())) return "length";
  throw new ServerFault("other finish reason", `a response that ended for another reason: ${reason}`);
}

function tokensOf(
  choice: Choice,
  text: string,
  finish: Reply["finish"],
  expected: Expected,
): Pick<Reply, "pieces" | "tokens" | "logProbs" | "top"> {
  const { entries } = choice;
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

function idsOf({ ids }: Choice, entries: readonly Entry[]): readonly number[] {
  return ids ?? entries.flatMap(({ id }) => (id === undefined ? [] : [id]));
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
