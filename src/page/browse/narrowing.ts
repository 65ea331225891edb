import type { PromptFacts } from "./data.js";

/** What a list of prompts can be narrowed to. */
export type Narrowing = "gain" | "loss" | "disagree" | "none";

/** Each in words, and whether it needs labels. */
export const NARROWINGS: readonly {
  readonly name: Narrowing;
  readonly words: string;
  readonly labelled: boolean;
}[] = [
  { name: "gain", words: "greedy wrong, a choice right", labelled: true },
  { name: "loss", words: "greedy right, a choice wrong", labelled: true },
  { name: "disagree", words: "rewards disagree", labelled: false },
  { name: "none", words: "no response right", labelled: true },
];

/** Whether a prompt is left. Refers to nothing outside itself: pages that stand alone hold its source. */
export function isLeft(facts: PromptFacts, to: Narrowing): boolean {
  switch (to) {
    case "gain":
      return facts.greedy === 0 && facts.choices.includes(1);
    case "loss":
      return facts.greedy === 1 && facts.choices.includes(0);
    case "disagree":
      return facts.chosenAnswers > 1;
    case "none":
      return facts.right === 0;
  }
}
