import type { BrowserHead, CompactPrompt, PromptFacts } from "../browse/data.js";

/** What a run is doing: somebody draws, trains or measures; it has all that it was made for; or nobody works on what is not whole. */
export type RunState = "drawing" | "training" | "measuring" | "done" | "stopped";

/** A run in the list. */
export interface RunLine {
  /** Its folder, below the one that is looked at; a dot where it is that one. */
  readonly id: string;
  readonly task: string;
  readonly model: string;
  /** Responses a prompt. */
  readonly n: number;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly state: RunState;
  /** Responses that are drawn, of those that were asked for; absent where all are. */
  readonly drawn?: number;
  readonly asked?: number;
  /** What was measured, in words: "greedy 34.8 %". */
  readonly figures: readonly string[];
}

/** `GET /api/runs/list`. */
export interface RunList {
  readonly folder: string;
  readonly runs: readonly RunLine[];
  /** Folders of suites that have their results. */
  readonly suites: readonly string[];
  /** Folders that cannot be read as runs, and why. */
  readonly unread: readonly { readonly id: string; readonly reason: string }[];
}

/** How a run stands, and what has changed since a cursor: `GET /api/runs/changes?run=…&after=…`. */
export interface RunChanges {
  /** Where to go on from. */
  readonly cursor: string;
  readonly state: RunState;
  readonly drawn: number;
  readonly asked: number;
  /** Prompts that have gained records, by their positions; "all" where there is nothing to go on from. */
  readonly changed: readonly number[] | "all";
  /** Each adapter's iterates that are measured. */
  readonly training: readonly { readonly name: string; readonly iterates: number }[];
  /** Changes whenever the run is measured anew; absent before. */
  readonly measured?: string;
}

/** What does not change while a run is drawn: `GET /api/runs/head?run=…`. */
export interface RunHead extends BrowserHead {
  readonly task: string;
  readonly model: string;
  readonly n: number;
  /** Prompts that are measured. */
  readonly prompts: number;
  /** Why nothing is said of answers and of what is right, where nothing is. */
  readonly remark?: string;
}

/** A prompt in the list: `GET /api/runs/prompts?run=…&at=0,1,2`. */
export interface PromptLine extends PromptFacts {
  readonly at: number;
  readonly label: string;
}

/** `GET /api/runs/prompt?run=…&at=…`. */
export interface PromptWhole {
  readonly prompt: CompactPrompt;
  readonly facts: PromptFacts;
}

/** A figure of two runs, and what the second has more than the first on the prompts that both have. */
export interface ComparedFigure {
  readonly name: string;
  readonly first: string;
  readonly second: string;
  readonly difference: string;
  readonly interval: string;
  readonly side: "up" | "down" | "unclear" | "few";
}

/** `GET /api/runs/compare?first=…&second=…`. */
export interface Comparison {
  /** Prompts that both have. */
  readonly prompts: number;
  /** Settings in which they differ. */
  readonly settings: readonly { readonly name: string; readonly first: string; readonly second: string }[];
  readonly figures: readonly ComparedFigure[];
  readonly remark?: string;
}
