/** What a race is asked with; the defaults are the server's. */
export interface RaceRequest {
  readonly prompt: string;
  /** N. */
  readonly best_of: number;
  readonly temperature: number;
  readonly reward: string;
  readonly seed?: number;
  readonly max_tokens?: number;
  /**
   * Whether candidates that can no longer be chosen are dropped. Otherwise they are told to be out of it all the same, and drawn to
   * their end, so that every other reward can be asked which it would have chosen.
   */
  readonly early_stop: boolean;
}

/** The race begins: what was asked for, with every default filled in. */
export interface StartFrame {
  readonly reward: string;
  readonly best_of: number;
  readonly temperature: number;
  readonly seed: number;
  readonly max_tokens: number;
}

/** A candidate has gained tokens. */
export interface TokenFrame {
  readonly c: number;
  /** Its tokens so far. */
  readonly i: number;
  /** What its text gains, after the first `keep` characters of what it had. */
  readonly text: string;
  readonly keep: number;
  /** log π of the new tokens at temperature 1, in nats; as a rule one. */
  readonly lp: readonly number[];
  /** Σ log π so far, in nats. */
  readonly sum: number;
}

/** A candidate can no longer be chosen. */
export interface PrunedFrame {
  readonly c: number;
  /** After so many tokens. */
  readonly at: number;
  readonly sum: number;
  /** The most that it could still have scored (or had of votes), below the bound that candidate `by` has set. */
  readonly most?: number;
  readonly bound?: number;
  readonly by?: number;
}

/** A candidate is whole. */
export interface FinishedFrame {
  readonly c: number;
  readonly sum: number;
  readonly tokens: number;
  /** As of a token: the end of its text, and log π of the tokens that were not told yet. */
  readonly text: string;
  readonly keep: number;
  readonly lp: readonly number[];
  readonly finish: string;
  /** The one that would be chosen of those that are whole, and its score, where the reward can tell. */
  readonly leader?: { readonly c: number; readonly score: number };
}

/** What another reward would have chosen among the candidates that are whole. */
export interface OtherChoice {
  readonly reward: string;
  readonly c: number;
  /** Its score by that reward, and what the chosen one has. */
  readonly score: number;
  readonly chosen: number;
}

/** The choice, and why it is this one. */
export interface ChosenFrame {
  readonly c: number;
  readonly why: {
    readonly reward: string;
    readonly score: number;
    /** The best of the others that are whole. */
    readonly runnerUp?: { readonly c: number; readonly score: number };
    readonly scores: readonly { readonly c: number; readonly score: number }[];
    /** Candidates that are whole; fewer than N where some were dropped. */
    readonly whole: number;
    readonly others: readonly OtherChoice[];
  };
  readonly tokens: { readonly drawn: number; readonly chosen: number };
}

/** What `POST /api/race` streams, as server-sent events named by `kind`. */
export type RaceFrame =
  | ({ readonly kind: "start" } & StartFrame)
  | ({ readonly kind: "token" } & TokenFrame)
  | ({ readonly kind: "pruned" } & PrunedFrame)
  | ({ readonly kind: "finished" } & FinishedFrame)
  | ({ readonly kind: "chosen" } & ChosenFrame)
  | { readonly kind: "error"; readonly message: string };

/** What the page has to know of its server before anything is asked. */
export interface RaceSettings {
  readonly model: string;
  readonly bestOf: number;
  /** The largest N. */
  readonly mostBestOf: number;
  readonly reward: string;
  /** The rewards that the model can give. */
  readonly rewards: readonly { readonly name: string; readonly description: string }[];
  readonly needsKey: boolean;
  /** Whether the server shows runs as well. */
  readonly runs: boolean;
  /** Prompts to begin with. */
  readonly examples: readonly string[];
}
