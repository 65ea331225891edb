import type { Prompt, Response } from "../policy/policy.js";
import type { Ruling } from "../reward/pruning.js";
import type { AdaptiveBest } from "./adaptive-best-of-n.js";
import type { PowerRecord } from "./power/power-record.js";

/** What best-of-N chose for a prompt. */
export interface Best {
  readonly prompt: Prompt;
  readonly chosen: Response;
  /** Responses that were finished: all N when nothing was pruned, by index. */
  readonly finished: readonly Response[];
  /** The scores of `finished`. */
  readonly scores: readonly number[];
  /** Tokens drawn, those of dropped responses included. */
  readonly tokens: number;
}

/** A response, and its score. */
export interface Scored {
  readonly index: number;
  readonly score: number;
}

/** A response has gained tokens. Told where progress was asked for, and the policy shows tokens as it draws them. */
export interface DrawnEvent {
  readonly kind: "drawn";
  readonly promptId: string;
  readonly index: number;
  /** Tokens so far, and Σ log π of them at temperature 1, in nats. */
  readonly length: number;
  readonly logProb: number;
  /** log π of the tokens since this response's last event, in nats. */
  readonly logProbs: readonly number[];
  /** The text so far; its last character may be only begun (U+FFFD). */
  readonly text: string;
}

/** A response can no longer be chosen, whatever its remaining tokens are, and is not drawn to its end. */
export interface DroppedEvent {
  readonly kind: "dropped";
  readonly promptId: string;
  readonly index: number;
  /** Tokens it had, and Σ log π of them at temperature 1, in nats. */
  readonly length: number;
  readonly logProb: number;
  /** What ruled it out; absent where the reward's rule does not tell. */
  readonly ruling?: Ruling;
}

/** A response is whole. */
export interface FinishedEvent {
  readonly kind: "finished";
  readonly promptId: string;
  readonly response: Response;
  /**
   * The one that would be chosen of those finished so far, where progress was asked for and the reward can tell without asking
   * the model.
   */
  readonly leader?: Scored;
  /** Finished responses that can no longer be chosen from here on, by index. */
  readonly out: readonly number[];
}

/** The choice for a prompt, and why it is this one. */
export interface ChosenEvent extends Best {
  readonly kind: "chosen";
  readonly promptId: string;
  readonly score: number;
  /** The highest score among the others that were finished; absent where there is none. */
  readonly runnerUp?: Scored;
  /** Responses that were still unfinished when nothing could change the choice any more. */
  readonly open: number;
  /** How the responses came about, where they are of π^α. */
  readonly power?: Omit<PowerRecord, "promptId">;
  /** Where the adaptive rule said how many: N_μ or the cap, draws past the stop, and whether it was the cap that ended them. */
  readonly adaptive?: Pick<AdaptiveBest, "drawn" | "wasted" | "capped">;
}

/** What happens while the best of N responses is found; plain values. */
export type AnswerEvent = DrawnEvent | DroppedEvent | FinishedEvent | ChosenEvent;
