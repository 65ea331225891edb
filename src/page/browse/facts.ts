import type { CompactPrompt, PromptFacts } from "./data.js";

/**
 * What is said of a prompt in one line. Refers to nothing outside itself: pages that stand alone hold its source.
 * @param firstReward which chooser is the first self-reward; those before it are greedy decoding of each policy.
 * @param rewards how many self-rewards there are.
 */
export function factsOf(prompt: CompactPrompt, firstReward: number, rewards: number): PromptFacts {
  const { texts } = prompt;
  type Text = (typeof texts)[number];
  const takenBy = (chooser: number): Text | undefined => texts.find((text) => text[7]?.includes(chooser));
  const mark = (text: Text | undefined): 1 | 0 | -1 => (text ? text[6] : -1);
  const answer = (text: Text): string => (text[5] < 0 ? `text ${text[0]}` : `answer ${text[5]}`);
  const drawn = texts.filter((text) => (text[1][0] ?? 0) > 0);
  const times = (some: readonly Text[]): number => some.reduce((sum, text) => sum + text[1][0]!, 0);
  const chosen = Array.from({ length: rewards }, (_, at) => takenBy(firstReward + at));
  const known = drawn.flatMap((text) => (text[3] === null ? [] : [text[3]]));
  return {
    greedy: mark(takenBy(0)),
    choices: chosen.map(mark),
    total: times(drawn),
    right: times(drawn.filter((text) => text[6] === 1)),
    answers: new Set(drawn.map(answer)).size,
    chosenAnswers: new Set(chosen.flatMap((text) => (text ? [answer(text)] : []))).size,
    best: known.length === 0 ? null : Math.max(...known),
  };
}
