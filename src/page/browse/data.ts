/**
 * A distinct text of a prompt: how often each policy drew it (without zeros at the end), its tokens, log π, self-certainty (null: not known),
 * position of its answer in `answers` (−1: none), correct (1, 0, −1: unknown), positions of the choosers that took it (absent: none).
 */
export type CompactText = readonly [
  text: string,
  times: readonly number[],
  tokens: number | null,
  logProb: number | null,
  certainty: number | null,
  answer: number,
  correct: 1 | 0 | -1,
  by?: readonly number[],
];

/** A prompt with what was drawn for it: equal texts and answers are stored once. */
export interface CompactPrompt {
  readonly id: string;
  readonly text: string;
  /** In one line, without what all prompts have alike; absent where it is the text. */
  readonly label?: string;
  /** 0, or beyond the end, where an answer says nothing that its only text does not. */
  readonly answers: readonly (string | 0)[];
  readonly texts: readonly CompactText[];
}

/** Who draws and who chooses, for all prompts of a run alike. */
export interface BrowserHead {
  /** The base and the adapters: whose draws are counted. */
  readonly policies: readonly string[];
  /** Who takes a text: greedy decoding of each policy first, then the self-rewards. */
  readonly choosers: readonly string[];
  readonly labelled: boolean;
}

/** What is said of a prompt in one line. */
export interface PromptFacts {
  /** Whether greedy decoding is right; −1: unknown, or not there yet. */
  readonly greedy: 1 | 0 | -1;
  /** The same of each self-reward's choice. */
  readonly choices: readonly (1 | 0 | -1)[];
  /** Responses that the base drew, and how many of them are right. */
  readonly total: number;
  readonly right: number;
  /** Distinct answers that were drawn, and that rewards chose. */
  readonly answers: number;
  readonly chosenAnswers: number;
  /** The highest log π of what was drawn, in nats; null where nothing was. */
  readonly best: number | null;
}
