import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { agreement } from "./agreement.js";
import { rankingAuc } from "./auc.js";

const extract = (text: string): string | undefined => /= (\w+)/.exec(text)?.[1];

describe("agreement", () => {
  it("compares answers, not texts; without answers, texts", () => {
    const same = (a: string, b: string): number =>
      agreement(
        new Map([
          ["x", [a]],
          ["y", [b]],
        ]),
        (_, text) => extract(text),
      )["x|y"]!;
    expect(same("so = 4", "it is = 4")).toBe(1);
    expect(same("so = 4", "so = 5")).toBe(0);
    expect(same("so = 4", "no idea")).toBe(0);
    expect(same("no idea", "no idea")).toBe(1);
    expect(same("no idea", "none")).toBe(0);
  });

  it("is the share of prompts, for each pair once", () => {
    const chosen = new Map([
      ["x", ["= 1", "= 2", "= 3", "?"]],
      ["y", ["= 1", "= 2", "= 4", "?"]],
      ["z", ["is = 1", "= 0", "= 0", "!"]],
    ]);
    const seen: number[] = [];
    const result = agreement(chosen, (prompt, text) => {
      seen.push(prompt);
      return extract(text);
    });
    expect(result).toEqual({ "x|y": 0.75, "x|z": 0.25, "y|z": 0.25 });
    expect(new Set(seen)).toEqual(new Set([0, 1, 2, 3]));
  });
});

describe("rankingAuc", () => {
  it("equals counting all pairs", () => {
    const pair = fc.tuple(fc.integer({ min: -3, max: 3 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1, maxLength: 12 }), (pairs) => {
        const scores = pairs.map(([score]) => score);
        const correct = Uint8Array.from(pairs, ([, right]) => (right ? 1 : 0));
        let [won, all] = [0, 0];
        for (const [a, right] of pairs) {
          for (const [b, other] of pairs) {
            if (!right || other) continue;
            all++;
            won += a > b ? 1 : a === b ? 0.5 : 0;
          }
        }
        const area = rankingAuc(scores, correct);
        if (all === 0) expect(area).toBeUndefined();
        else expect(area).toBeCloseTo(won / all, 12);
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it("is 1, 0 and one half where it must be", () => {
    expect(rankingAuc([1, 2, 3], [0, 0, 1])).toBe(1);
    expect(rankingAuc([1, 2, 3], [1, 0, 0])).toBe(0);
    expect(rankingAuc([5, 5, 5], [1, 0, 0])).toBe(0.5);
    expect(rankingAuc([1, 2], [1, 1])).toBeUndefined();
  });
});
