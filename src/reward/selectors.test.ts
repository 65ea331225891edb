import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import type { Response } from "../policy/policy.js";
import { bestOfMajority } from "./best-of-majority.js";
import { bestOfFrequentShares } from "./best-of-majority-probabilities.js";
import { borda } from "./borda.js";
import { chosenByEnumeration, contractViolations } from "./contract.js";
import { majority } from "./majority.js";
import { pessimism, pessimismThreshold } from "./pessimism.js";
import { rewardNamed } from "./registry.js";
import { choose, type Pool } from "./self-reward.js";
import { chosenOverSubsets, fewSubsets, shareOfBest } from "./subset-choice.js";
import { weightedMajority } from "./weighted-majority.js";

/** A response of one token that answers with the text after "=". */
const response = (index: number, text: string, logProb: number, certainty = -logProb): Response => ({
  promptId: "p",
  index,
  text,
  tokens: [1],
  logProbs: [logProb],
  certainties: [certainty],
  finish: "stop",
});

const pool = (responses: readonly Response[], id = "p"): Pool => ({
  prompt: { id, text: "?" },
  responses,
  extract: (text) => (text.startsWith("=") ? text.slice(1) : undefined),
});

const p = Math.log;
const five = pool([
  response(0, "=a", p(0.1), 3),
  response(1, "=a", p(0.2), 1),
  response(2, "=b", p(0.25), 5),
  response(3, "none", p(0.9), 4),
  response(4, "=a", p(0.05), 2),
]);

/** Small pools of three answers with ties of every kind. */
const small = fc
  .array(
    fc.record({
      text: fc.constantFrom("=a", "=b", "=c", "none"),
      logProb: fc.constantFrom(-1, -2, -3, -4.5),
      certainty: fc.constantFrom(1, 2, 3),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .map((drawn) =>
    pool(drawn.map(({ text, logProb, certainty }, i) => response(i, text, logProb, certainty))),
  );

describe("weighted majority", () => {
  it("scores the log of an answer's share of likelihood", async () => {
    const scores = await weightedMajority().score(five);
    expect(scores[0]).toBeCloseTo(p(0.35 / 0.6), 12);
    expect(scores[2]).toBeCloseTo(p(0.25 / 0.6), 12);
    expect([scores[1], scores[4], scores[3]]).toEqual([scores[0], scores[0], -1e9]);
  });

  it("is between the likeliest answer (β → 0) and majority (β → ∞)", async () => {
    expect(choose(await weightedMajority({ beta: 0.01 }).score(five))).toBe(2);
    await fc.assert(
      fc.asyncProperty(small, async (given) => {
        const flat = await weightedMajority({ beta: 1e9 }).score(given);
        const votes = await majority.score(given);
        const best = Math.max(...votes);
        expect(votes[choose(flat)]).toBe(best);
      }),
      { numRuns: 100, seed: 4 },
    );
  });

  it("estimates the answers' probabilities under π², normalized", async () => {
    // Answers of probability 0.6 (two texts) and 0.4 (one): under π² they have 0.2 + 0.01·… of the mass.
    const texts = [
      ["=a", 0.3],
      ["=a", 0.3],
      ["=b", 0.4],
    ] as const;
    const stream = randomStream(8, "draws");
    const drawn = Array.from({ length: 20000 }, (_, i) => {
      const uniform = stream.next();
      const [text, mass] = texts[uniform < 0.3 ? 0 : uniform < 0.6 ? 1 : 2];
      return response(i, text, p(mass));
    });
    const scores = await weightedMajority().score(pool(drawn));
    const b = drawn.findIndex(({ text }) => text === "=b");
    expect(Math.exp(scores[b]!)).toBeCloseTo(0.16 / (0.16 + 0.09 + 0.09), 1);
  });
});

describe("Borda voting", () => {
  it("gives the r-th most certain of N (N − r + 1)^p votes; an answerless response keeps its rank", async () => {
    // Certainties 5 (b), 4 (none), 3 (a), 2 (a), 1 (a) have 5, 4, 3, 2, 1 votes.
    expect(await borda({ power: 1 }).score(five)).toEqual([6 / 15, 6 / 15, 5 / 15, 0, 6 / 15]);
    expect(choose(await borda({ power: 2 }).score(five))).toBe(2);
    const roots = [1, 2, 3, 4, 5].map(Math.sqrt);
    const all = roots.reduce((a, b) => a + b, 0);
    const scores = await rewardNamed("borda").score(five);
    expect(scores[0]).toBeCloseTo((roots[0]! + roots[1]! + roots[2]!) / all, 12);
  });

  it("shares the votes of equals, and is majority for p = 0", async () => {
    const equals = pool([response(0, "=a", -1, 7), response(1, "=b", -1, 7), response(2, "=b", -1, 1)]);
    expect(await borda({ power: 1 }).score(equals)).toEqual([2.5 / 6, 3.5 / 6, 3.5 / 6]);
    await fc.assert(
      fc.asyncProperty(small, async (given) => {
        expect(await borda({ power: 0 }).score(given)).toEqual(await majority.score(given));
      }),
      { numRuns: 100, seed: 5 },
    );
  });

  it("names the response that has no certainties", async () => {
    const { certainties: _, ...blind } = response(4, "=a", -1);
    await expect(borda().score(pool([blind]))).rejects.toThrow(
      /reward borda needs .* response 4 to prompt "p"/,
    );
  });
});

describe("pessimism", () => {
  it("finds λ with mean relu((r − λ)/β) = 1", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -40, max: 0, noNaN: true }), { minLength: 1, maxLength: 30 }),
        fc.double({ min: 0.01, max: 5, noNaN: true }),
        (rewards, beta) => {
          const lambda = pessimismThreshold(rewards, beta);
          const sum = rewards.reduce((total, r) => total + Math.max(0, (r - lambda) / beta), 0);
          expect(sum / rewards.length).toBeCloseTo(1, 9);
        },
      ),
      { numRuns: 300, seed: 6 },
    );
    // By hand: (−1 − λ) + (−2 − λ) = 3·0.5 and −5 < λ.
    expect(pessimismThreshold([-2, -5, -1], 0.5)).toBeCloseTo(-2.25, 12);
  });

  it("chooses with density relu((r − λ)/β) against the pool: nearer to the best as β falls", () => {
    const three = pool([response(0, "=a", -2), response(1, "=b", -5), response(2, "=c", -1)]);
    const at = (beta: number) => pessimism({ beta }).chosenProbabilities!(three, 3);
    expect(at(0.5).map((value) => Number(value.toFixed(12)))).toEqual([
      Number((0.25 / 1.5).toFixed(12)),
      0,
      Number((1.25 / 1.5).toFixed(12)),
    ]);
    expect(at(1e-3)).toEqual([0, 0, 1]);
    for (const value of at(1e6)) expect(value).toBeCloseTo(1 / 3, 5);
  });

  it("draws just so: the highest score falls on each response with that probability", async () => {
    const copies = [-2, -2, -1.5, -1, -7].map((logProb, i) => response(i, i < 2 ? "=a" : `=${i}`, logProb));
    const reward = pessimism({ beta: 0.4 });
    const law = reward.chosenProbabilities!(pool(copies), 5);
    const counts = copies.map(() => 0);
    for (let i = 0; i < 6000; i++) counts[choose(await reward.score(pool(copies, `prompt ${i}`)))]!++;
    // Of equals the first is taken: it stands for both.
    const wanted = [law[0]! + law[1]!, 0, ...law.slice(2)];
    counts.forEach((count, i) => {
      expect(Math.abs(count / 6000 - wanted[i]!)).toBeLessThan(0.025);
    });
    expect(wanted[0]).toBeGreaterThan(0.05);
  });

  it("draws otherwise with another seed, and the same with the same", async () => {
    const many = pool(Array.from({ length: 20 }, (_, i) => response(i, `=${i}`, -1 - i / 100)));
    const choices = await Promise.all(
      Array.from({ length: 10 }, async (_, seed) => choose(await pessimism({ beta: 1, seed }).score(many))),
    );
    expect(new Set(choices).size).toBeGreaterThan(4);
    expect(choose(await pessimism({ beta: 1, seed: 3 }).score(many))).toBe(choices[3]);
  });
});

describe("best of majority", () => {
  it("chooses the likeliest of the frequent, and the most frequent if none is", async () => {
    expect(choose(await bestOfMajority({ share: 0 }).score(five))).toBe(2);
    expect(choose(await bestOfMajority({ share: 0.5 }).score(five))).toBe(1);
    // No answer has four of five.
    expect(choose(await bestOfMajority({ share: 0.8 }).score(five))).toBe(1);
    const scores = await bestOfMajority({ share: 0.5 }).score(five);
    expect([scores[2], scores[3]]).toEqual([-1e9, -1e9]);
  });

  it("expects exactly what all subsets give, at every share", async () => {
    await fc.assert(
      fc.asyncProperty(small, fc.constantFrom(0, 0.2, 0.34, 0.5, 0.75, 1), async (given, share) => {
        expect(await contractViolations(bestOfMajority({ share }), given)).toEqual([]);
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  it("is exact for pools of 50, too: against many subsets drawn at random", () => {
    const stream = randomStream(9, "pools");
    const classOf = Array.from({ length: 50 }, () => stream.integer(9) - 1);
    const values = Array.from({ length: 50 }, () => -stream.integer(40));
    for (const n of [5, 10, 25, 49, 50]) {
      const { answered, none } = bestOfFrequentShares(classOf, values, n, Math.ceil(n / 10));
      expect(answered.reduce((a, b) => a + b, none)).toBeCloseTo(1, 11);
    }
    const { answered } = bestOfFrequentShares(classOf, values, 20, 4);
    const counts = classOf.map(() => 0);
    const positions = classOf.map((_, i) => i);
    for (let draw = 0; draw < 4000; draw++) {
      const subset = stream.shuffle(positions).slice(0, 20);
      const size = (i: number): number => subset.filter((j) => classOf[j] === classOf[i]).length;
      const named = subset.filter((i) => classOf[i]! >= 0);
      const needed = Math.min(4, Math.max(...named.map(size)));
      const candidates = named.filter((i) => size(i) >= needed);
      const best = Math.max(...candidates.map((i) => values[i]!));
      const winners = candidates.filter((i) => values[i] === best);
      for (const i of winners) counts[i]! += 1 / winners.length;
    }
    counts.forEach((count, i) => {
      expect(Math.abs(count / 4000 - answered[i]!)).toBeLessThan(0.04);
    });
  });
});

describe("what has no closed form", () => {
  const all = [weightedMajority(), borda(), pessimism()];

  it.each(all)(
    "$name is measured over every subset where they are few, over drawn ones elsewhere",
    async (reward) => {
      expect(reward.measurable).toBeUndefined();
      const wanted = await chosenByEnumeration(reward, five, 3);
      reward.chosenProbabilities!(five, 3).forEach((value, i) => {
        expect(value).toBeCloseTo(wanted[i]!, 12);
      });
      const large = pool(Array.from({ length: 50 }, (_, i) => response(i, `=${i % 7}`, -i)));
      const drawn = reward.chosenProbabilities!(large, 10);
      expect(drawn.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 11);
      expect(reward.chosenProbabilities!(large, 10)).toEqual(drawn);
      expect(() => reward.chosenProbabilities!(large, 51)).toThrow(/cannot choose among 51 of 50 responses/);
      expect(() => reward.chosenProbabilities!(large, 0)).toThrow(UsageError);
    },
  );

  it.each([5, 10, 25, 40])("is near the closed form where there is one: the best of %d of 50", (n) => {
    const drawn = chosenOverSubsets(50, n, "best", (positions) => shareOfBest(positions.map((i) => -i)));
    // The best of all is chosen if it is drawn, the next if it is and the best is not, and so on.
    let left = 1;
    for (let rank = 0; rank < 50; rank++) {
      const remaining = 50 - rank;
      const exact = remaining >= n ? left * (n / remaining) : 0;
      expect(Math.abs(drawn[rank]! - exact)).toBeLessThan(0.08);
      left -= exact;
    }
  });

  it("counts subsets without overflow", () => {
    expect(fewSubsets(100000, 50000)).toBe(false);
    expect(fewSubsets(20000, 1)).toBe(true);
    expect(fewSubsets(20001, 20000)).toBe(false);
  });
});

it.each([
  [() => weightedMajority({ beta: 0 }), /β of the reward weighted-majority must be positive, not 0/],
  [() => borda({ power: -1 }), /power of the reward borda must be at least 0/],
  [() => pessimism({ beta: Number.NaN }), /β of the reward pessimism must be positive/],
  [() => bestOfMajority({ share: 1.5 }), /share of the reward best-of-majority must be between 0 and 1/],
])("refuses options out of range: %o", (make, message) => {
  expect(make).toThrow(message);
});
