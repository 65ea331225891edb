import { UsageError } from "../core/errors.js";

/** What some policies can do and others cannot. */
export interface Abilities {
  /** `sample` goes on after a given `prefix`. */
  readonly continues: boolean;
  /** Responses have `certainties`. */
  readonly certainties: boolean;
  /** There is `entropies`. */
  readonly entropies: boolean;
  /** There is `beam`. */
  readonly beams: boolean;
  /** `logProb` scores given tokens. */
  readonly scores: boolean;
  /** There is `firstTokens`. */
  readonly firstTokens: boolean;
  /** There is `encode`. */
  readonly encodes: boolean;
  /** Its weights can be trained (`trainersOf`). */
  readonly trains: boolean;
  /** `greedy` responses have log-probabilities at temperature 1. */
  readonly greedy: boolean;
  /** Samples at every temperature have log-probabilities at temperature 1. */
  readonly temperatures: boolean;
  /** Samples tell under what probabilities their tokens were drawn (`tellsDrawn`), whatever temperature draws. */
  readonly proposals: boolean;
  /** Prompts may hold `messages`. */
  readonly messages: boolean;
}

/** The name of something that a policy may be able to do. */
export type Ability = keyof Abilities;

/** Everything that callers may ask of a policy beyond drawing; asked before anything is drawn. */
export interface Capabilities extends Abilities {
  /** The longest sequence that it holds, prompt and response, in tokens; Infinity where that is not known. */
  readonly longest: number;
  /** The most of the likeliest tokens at each position of what it drew that `likeliest` tells; 0 where there is no such method. */
  readonly likeliest: number;
  /** How its weights are held where not as they came, such as `int8`; absent for those, and where that is not known. */
  readonly quantization?: string;
  /** What a person can do about something that is missing, as the end of a sentence. */
  readonly remedies: Readonly<Partial<Record<Ability, string>>>;
}

/** A policy, as far as its abilities are concerned. */
interface Able {
  readonly name: string;
  readonly can: Capabilities;
}

const NOTHING: Abilities = {
  continues: false,
  certainties: false,
  entropies: false,
  beams: false,
  scores: false,
  firstTokens: false,
  encodes: false,
  trains: false,
  greedy: false,
  temperatures: false,
  proposals: false,
  messages: false,
};

/** What is needed, and what to do where it is not there. */
const WORDS: Readonly<Record<Ability, readonly [needed: string, remedy: string]>> = {
  continues: ["a model that goes on after given tokens", "use a local model, or best-of-N"],
  certainties: ["the certainty of every token", "leave it out, or use a local model"],
  entropies: ["the entropy of every token's distribution", "leave it out, or use a local model"],
  beams: ["the likeliest next tokens of many beginnings", "leave it out, or use a local model"],
  scores: ["log-probabilities of given text", "use a local model"],
  firstTokens: ["the likeliest first tokens of a response", "use a model behind a server"],
  encodes: ["text turned into tokens", "use a local model"],
  trains: ["weights that can be trained", "use a model on this machine"],
  greedy: ["log-probabilities at temperature 1 of greedy responses", "use another model"],
  temperatures: [
    "log-probabilities at temperature 1 whatever temperature draws",
    "draw at temperature 1, or use another model",
  ],
  proposals: [
    "the probabilities that tokens were drawn under",
    "draw at temperature 1, or use a local model",
  ],
  messages: ["a chat template or a chat route", "use a chat model, or give the prompt as plain text"],
};

/** The record of a policy that can do what is named and nothing else; its longest sequence is unknown unless it is given. */
export function capabilities(some: Partial<Capabilities>): Capabilities {
  return { ...NOTHING, longest: Infinity, likeliest: 0, remedies: {}, ...some };
}

/** @throws UsageError with who needs it, what is missing, and what to do, where the policy is not able to do it. */
export function requireAbility({ name, can }: Able, ability: Ability, who: string): void {
  if (can[ability]) return;
  const [needed, remedy] = WORDS[ability];
  throw new UsageError(
    `${who} needs ${needed}, which ${name} does not have: ${can.remedies[ability] ?? remedy}.`,
  );
}

/** @throws UsageError where log-probabilities at temperature 1 cannot be had of samples at a temperature, and of greedy responses. */
export function checkDrawing(policy: Able, temperature: number): void {
  checkTemperature(policy, temperature);
  requireAbility(policy, "greedy", "The greedy response");
}

/** @throws UsageError where log-probabilities at temperature 1 cannot be had of samples at a temperature. */
export function checkTemperature(policy: Able, temperature: number): void {
  if (temperature !== 1) requireAbility(policy, "temperatures", `Drawing at temperature ${temperature}`);
}
