import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream } from "../core/random.js";
import type { Response } from "../policy/policy.js";
import { filteredMajority } from "./filtered-majority.js";
import { majority } from "./majority.js";
import { rewards } from "./registry.js";
import { choose, type Pool } from "./self-reward.js";

const response = (text: string, certainties: readonly number[], index = 0): Response => ({
  promptId: "p",
  index,
  text,
  tokens: certainties.map((_, t) => t),
  logProbs: certainties.map((value) => -1 / (1 + value)),
  certainties,
  finish: "stop",
});

const pool = (...responses: readonly Response[]): Pool => ({
  prompt: { id: "p", text: "?" },
  responses: responses.map((one, index) => ({ ...one, index })),
  extract: (text) => (text.startsWith("=") ? text.slice(1) : undefined),
});

describe("the least confident group", () => {
  it("is the least mean of neighbours, by brute force", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 14 }),
        async (values, window) => {
          const length = Math.min(window, values.length);
          const groups = values
            .slice(0, values.length - length + 1)
            .map((_, at) => values.slice(at, at + length).reduce((a, b) => a + b, 0) / length);
          // Beside a response that is certain by 1 throughout, its share is c/(c + 1).
          const [share] = await filteredMajority({ keep: 1, window }).score(
            pool(response("=a", values), response("=b", [1])),
          );
          const confidence = Math.min(...groups);
          expect(share).toBeCloseTo(confidence / (confidence + 1), 12);
        },
      ),
      { seed: 1 },
    );
  });
});

describe("filtered majority", () => {
  // By their least confident two tokens: 4, 1, 2, 3; the last has no answer.
  const five = pool(
    response("=a", [4, 4, 9]),
    response("=b", [9, 1, 1]),
    response("=b", [2, 2, 9]),
    response("=b", [9, 3, 3]),
    response("none", [9, 9, 9]),
  );

  it("lets the most confident vote, each with its confidence", async () => {
    // Half of four answered: a with 4, b with 3.
    const half = await filteredMajority({ keep: 0.5, window: 2 }).score(five);
    expect(half.map((score) => Math.round(score * 1e9) / 1e9)).toEqual(
      [4 / 7, 3 / 7, 3 / 7, 3 / 7, 0].map((score) => Math.round(score * 1e9) / 1e9),
    );
    // All: a with 4 against b with 6.
    const all = await filteredMajority({ keep: 1, window: 2 }).score(five);
    expect(all[0]).toBeCloseTo(0.4, 12);
    expect(all[1]).toBeCloseTo(0.6, 12);
    // One: the surest alone.
    expect(choose(await filteredMajority({ keep: 0.01, window: 2 }).score(five))).toBe(0);
    // Over whole responses b's first is as sure as the mean of 9, 1 and 1.
    const whole = await filteredMajority({ keep: 1, window: 3 }).score(five);
    expect(whole[1]).toBeCloseTo((11 / 3 + 13 / 3 + 5) / (17 / 3 + 11 / 3 + 13 / 3 + 5), 12);
  });

  it("is majority where all are equally confident and all vote", async () => {
    const equal = pool(...["=a", "=b", "=b", "no", "=c"].map((text) => response(text, [2, 2])));
    const votes = await majority.score(equal);
    const shares = await filteredMajority({ keep: 1 }).score(equal);
    const answered = votes.map((vote) => (vote * 5) / 4);
    shares.forEach((share, i) => expect(share).toBeCloseTo(answered[i]!, 12));
  });

  it("has every answer above none, also where nobody is confident", async () => {
    const unsure = pool(response("no", [0]), response("=a", [0]), response("=b", [0]), response("=b", [0]));
    expect(choose(await filteredMajority().score(unsure))).toBe(2);
    const late = pool(response("no", [9]), response("=a", [1]), response("=b", [5]));
    expect((await filteredMajority().score(late))[1]).toBeGreaterThan(0);
  });

  it("refuses shares and windows out of range, and responses without certainties", async () => {
    expect(() => filteredMajority({ keep: 0 })).toThrow(/must be above 0 and at most 1, not 0\.$/);
    expect(() => filteredMajority({ window: 1.5 })).toThrow(/whole number of at least 1, not 1\.5\.$/);
    const { certainties: _, ...without } = response("=a", [1]);
    await expect(filteredMajority().score(pool(without))).rejects.toThrow(
      /^The reward filtered-majority needs the certainty of every token/,
    );
  });
});

describe("the order of the responses", () => {
  it("changes no reward's choice in 1,000 pools", async () => {
    const stream = randomStream(7, "shuffled pools");
    const below = (n: number): number => Math.floor(stream.next() * n);
    for (let round = 0; round < 1000; round++) {
      const given = pool(
        ...Array.from({ length: 2 + below(7) }, (_, i) => {
          const tokens = Array.from({ length: 1 + below(4) }, () => stream.next() * 3);
          return {
            ...response(`${below(4) === 0 ? "none" : `=${below(3)}`}`, tokens, i),
            logProbs: tokens.map((value) => -value),
          };
        }),
      );
      const order = given.responses.map((_, i) => i);
      for (let i = order.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      const shuffled = { ...given, responses: order.map((i) => given.responses[i]!) };
      for (const reward of Object.values(rewards)) {
        if (reward.needs.includes("policy")) continue;
        const scores = await reward.score(given);
        const again = await reward.score(shuffled);
        // The same response wins; among equals the same set of them.
        const winners = (all: readonly number[]): number[] => {
          const best = Math.max(...all);
          return all.flatMap((score, i) => (score === best ? [i] : []));
        };
        expect(
          winners(again)
            .map((i) => order[i]!)
            .sort(),
          reward.name,
        ).toEqual(winners(scores));
      }
    }
  });
});
