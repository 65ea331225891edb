import type { FirstToken, Message } from "../../policy.js";
import type { ServerKind } from "../server-kinds.js";

/** What a model goes on from: a text as it is, a conversation, or tokens. */
export type Asked =
  { readonly text: string } | { readonly messages: readonly Message[] } | { readonly ids: readonly number[] };

/** What is asked of a server, whatever its dialect. */
export interface Ask {
  readonly prompt: Asked;
  readonly maxTokens: number;
  /** 0: the likeliest token each time. */
  readonly temperature: number;
  readonly seed: number;
  /** As of `SamplingOptions`; `minP` only of a kind of server that knows it. */
  readonly topP?: number;
  readonly minP?: number;
  readonly stop?: readonly string[];
  /** The likeliest tokens to be told at each position, at most what the kind of server allows. Default: `usualTop` of its kind. */
  readonly top?: number;
  /** Ask for several choices; only the probe does. */
  readonly n?: number;
  /** Ask for the prompt back, with its log-probabilities; only of a dialect that `echoes`. */
  readonly echo?: boolean;
}

/** A token of a response, as a server tells it. */
export interface Entry {
  readonly piece: string;
  readonly logProb: number | null;
  readonly id: number | undefined;
  /** The likeliest tokens at its position, the likeliest first. */
  readonly top: readonly FirstToken[];
}

/** A response as a server tells it, not yet checked. */
export interface Choice {
  readonly text: string | undefined;
  readonly finish: string | undefined;
  /** Undefined where there are no log-probabilities. */
  readonly entries: readonly Entry[] | undefined;
  /** Where ids do not stand with the entries. */
  readonly ids?: readonly number[] | undefined;
}

/** Puts the events of a stream together. */
export interface StreamReader {
  /** Whether an event has named a finish reason. */
  readonly finished: boolean;
  /** The log-probabilities so far; those that are no numbers are left for the reply's check. */
  readonly logProbs: readonly number[];
  /** The text so far. */
  readonly text: string;
  /** Adds an event; what is no event of the dialect is left out, and missed at the end. */
  add(event: unknown): void;
  /** The body that the same reply would have had as a whole. */
  body(): unknown;
}

/** Prompt and response tokens by a server's own count; 0 where it counts none. */
export interface TokensUsed {
  readonly prompt: number;
  readonly completion: number;
}

/** A protocol by which servers draw: how a request is said, and how its reply and its stream are read. */
export interface Dialect {
  /** As `--api` has it. */
  readonly name: string;
  /** One sentence for `--help`. */
  readonly description: string;
  /** What prompts are to it: a text as it is, or a conversation in the model's own template. */
  readonly takes: "text" | "messages";
  /** Whether it can give a prompt back with its log-probabilities, and take one as token ids. */
  readonly echoes: boolean;
  /** What stands behind the base URL. */
  readonly path: string;
  /** What a request for a stream says besides. */
  readonly streaming: Readonly<Record<string, unknown>>;
  /**
   * The body of a request. Everything that shapes the distribution is said, because servers differ in what they assume:
   * nothing but what is asked may change it.
   */
  body(model: string, kind: ServerKind, ask: Ask): Record<string, unknown>;
  /** The choices of a reply. @throws ServerFault for what is not so formed. */
  choices(body: object): readonly Choice[];
  /** How many choices a reply holds, however they are formed. */
  count(body: unknown): number;
  /** The model that a reply names; undefined if it names none. */
  model(body: unknown): string | undefined;
  /** What the server said when it should have answered; undefined if it says nothing of an error. */
  error(body: unknown): string | undefined;
  tokensUsed(body: unknown): TokensUsed;
  /** The token ids of the prompt, where a reply tells them. */
  promptIds(body: unknown): readonly number[] | undefined;
  stream(): StreamReader;
}
