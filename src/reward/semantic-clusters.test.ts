import { describe, expect, it } from "vitest";
import { majority } from "./majority.js";
import { semanticClusters, type SemanticClustersOptions } from "./semantic-clusters.js";
import { choose, type Pool } from "./self-reward.js";

const poolOf = (texts: readonly string[], extract: Pool["extract"] = () => undefined): Pool => ({
  prompt: { id: "p", text: "?" },
  responses: texts.map((text, index) => ({
    promptId: "p",
    index,
    text,
    tokens: [index],
    logProbs: [-1],
    finish: "stop",
  })),
  extract,
});
const scores = (texts: readonly string[], options?: SemanticClustersOptions): Promise<readonly number[]> =>
  semanticClusters(options).score(poolOf(texts));

describe("semantic clusters", () => {
  it("is majority wherever a response has an answer", async () => {
    const pool = poolOf(["= a", "= b", "b it is", "= b", "= a", "= b"], (text) => /^= (\w)/.exec(text)?.[1]);
    expect(await semanticClusters().score(pool)).toEqual(await majority.score(pool));
    for (const n of [1, 2, 3, 6]) {
      const exact = majority.chosenProbabilities!(pool, n);
      // Majority shares an answer's choice among all of its responses in the pool; by answer both are the same.
      const byAnswer = (shares: readonly number[], letter: string): number =>
        shares.reduce(
          (sum, share, i) => sum + (pool.responses[i]!.text.startsWith(`= ${letter}`) ? share : 0),
          0,
        );
      const own = semanticClusters().chosenProbabilities!(pool, n);
      for (const letter of ["a", "b"]) expect(byAnswer(own, letter)).toBeCloseTo(byAnswer(exact, letter), 12);
    }
  });

  it("puts open answers together whose words are alike, in any order, case and punctuation", async () => {
    const texts = ["The sky is blue.", "Blue is the sky!", "I like cheese", "the sky: blue"];
    // Cosine of "the sky blue" with "the sky is blue": 3/(2·√3) = 0.87.
    expect(await scores(texts)).toEqual([0.75, 0.75, 0.25, 0.75]);
    expect(await scores(texts, { threshold: 0.9 })).toEqual([0.5, 0.5, 0.25, 0.25]);
  });

  it("chains texts that mean the same, as far as they are in the subset", async () => {
    // Neighbours are alike: 1-2 and 2-3, never 1-3.
    const same = (a: string, b: string): boolean => Math.abs(Number(a) - Number(b)) === 1;
    const texts = ["3", "1", "2", "9"];
    expect(await scores(texts, { same })).toEqual([0.75, 0.75, 0.75, 0.25]);
    // Of the six pairs two are neighbours, and tie within; the other four are four ties of two strangers.
    expect(semanticClusters({ same }).chosenProbabilities!(poolOf(texts), 2)).toEqual(
      [3, 3, 3, 3].map((pairs) => pairs / 2 / 6),
    );
    expect(semanticClusters({ same }).chosenProbabilities!(poolOf(texts), 4)).toEqual([
      1 / 3,
      1 / 3,
      1 / 3,
      0,
    ]);
  });

  it("counts empty texts as one meaning, and chooses the first of equals", async () => {
    expect(choose(await scores(["", "...", "yes"]))).toBe(0);
    expect(await scores(["", "...", "yes"])).toEqual([2 / 3, 2 / 3, 1 / 3]);
  });

  it("refuses a threshold out of range", () => {
    expect(() => semanticClusters({ threshold: 0 })).toThrow(/must be above 0 and at most 1, not 0\.$/);
  });
});
