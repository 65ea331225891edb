import { describe, expect, it } from "vitest";
import type { CompactPrompt, CompactText } from "../browse/data.js";
import { factsOf } from "../browse/facts.js";
import { groupsOf } from "../browse/groups.js";
import { isLeft } from "../browse/narrowing.js";
import { addressOf, placeOf, type Place } from "./place.js";
import { PromptStore } from "./prompt-store.js";
import type { PromptLine } from "./told.js";

/** Of two policies; chooser 0 is greedy, 2 and 3 are self-rewards. */
const text = (
  words: string,
  times: number[],
  answer: number,
  correct: 1 | 0 | -1,
  by?: number[],
): CompactText => {
  const told = [words, times, 3, -times[0]!, null, answer, correct] as const;
  return by ? [...told, by] : told;
};
const prompt: CompactPrompt = {
  id: "p",
  text: "?",
  answers: ["7", "", "8"],
  texts: [
    text("it is 7", [2], 0, 1, [3]),
    text("its own", [3, 1], 1, 0, [0, 2]),
    text("7!", [4, 2], 0, 1),
    text("who knows", [1], -1, 0),
    text("8", [0, 5], 2, 0),
  ],
};

describe("a prompt", () => {
  it("is said in one line by what greedy and rewards took and the base drew", () => {
    const facts = factsOf(prompt, 2, 2);
    expect(facts).toEqual({
      ...{ greedy: 0, choices: [0, 1], total: 10, right: 6, answers: 3, chosenAnswers: 2, best: -1 },
    });
    const left = (["gain", "loss", "disagree", "none"] as const).filter((to) => isLeft(facts, to));
    expect(left).toEqual(["gain", "disagree"]);
    expect(factsOf({ ...prompt, texts: [] }, 2, 2)).toMatchObject({ greedy: -1, total: 0, best: null });
  });

  it("is grouped by distinct answer, the most drawn by the base first", () => {
    const groups = groupsOf(prompt, 2);
    expect(groups.map(({ answer, times, correct, by }) => [answer, times, correct, by])).toEqual([
      ["7", [6, 2], 1, [3]],
      ["its own", [3, 1], 0, [0, 2]],
      [undefined, [1, 0], 0, []],
      ["8", [0, 5], 0, []],
    ]);
    expect(groups[0]!.texts.map(([words]) => words)).toEqual(["7!", "it is 7"]);
  });
});

it("a place survives its address", () => {
  const places: Place[] = [
    {},
    { run: "a/b & c" },
    { run: "a", show: "prompts", prompt: 0 },
    { run: "a", beside: "b" },
  ];
  for (const place of places) expect(placeOf(addressOf(place).replace("/runs", ""))).toEqual(place);
  expect(placeOf("?run=a&show=x&prompt=-1")).toEqual({ run: "a" });
  expect(placeOf("?prompt=3")).toEqual({});
});

describe("the lines that are kept", () => {
  const line = (at: number): PromptLine => ({
    ...{ at, label: "", greedy: 0, choices: [], total: at, right: 0, answers: 0, chosenAnswers: 0, best: 0 },
  });
  const versions = (store: PromptStore, at: number[]) =>
    new Map(at.map((one) => [one, store.versionOf(one)]));

  it("are fetched once, and again where they have changed", () => {
    const store = new PromptStore();
    expect(store.missing([1, 2])).toEqual([1, 2]);
    store.put([line(1), line(2)], versions(store, [1, 2]));
    expect(store.missing([1, 2, 3])).toEqual([3]);
    store.take({ changed: [2, 3] });
    expect(store.missing([1, 2])).toEqual([2]);
    expect(store.get(2)).toBeDefined();
    store.take({ changed: "all" });
    expect(store.missing([1, 2])).toEqual([1, 2]);
  });

  it("stay to be fetched where they changed while they were", () => {
    const store = new PromptStore();
    store.put([line(1)], versions(store, [1]));
    store.take({ changed: [1] });
    const asked = versions(store, [1]);
    store.take({ changed: [1] });
    store.put([line(1)], asked);
    expect(store.missing([1])).toEqual([1]);
  });

  it("are not kept without end", () => {
    const store = new PromptStore();
    const many = Array.from({ length: 5000 }, (_, at) => line(at));
    store.put(
      many,
      versions(
        store,
        many.map(({ at }) => at),
      ),
    );
    expect(store.get(0)).toBeUndefined();
    expect(store.get(4999)).toBeDefined();
    expect(many.filter(({ at }) => store.get(at))).toHaveLength(2000);
  });
});
