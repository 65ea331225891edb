import { describe, expect, it } from "vitest";
import { compareWays, type Way } from "./compare.js";

const ids = Array.from({ length: 40 }, (_, i) => `p${i}`);
const way = (name: string, of: Way["of"], value: (i: number) => number, from = 0): Way => ({
  ...{ name, of },
  values: new Map(ids.slice(from).map((id, i) => [id, value(i + from)] as const)),
});

describe("compareWays", () => {
  it("pairs by prompt on those that both have, whatever their order", () => {
    // Prompt i has −i in the first run and −i + 1 + (i mod 2) in the second: 1.5 more on average, never less than 1.
    const first = [way("greedy", "log-likelihood", (i) => -i)];
    const more = way("greedy", "log-likelihood", (i) => -i + 1 + (i % 2), 10);
    const second = [{ ...more, values: new Map([...more.values].reverse()) }];
    const [compared, ...others] = compareWays(first, second, 0);
    expect(others).toEqual([]);
    expect(compared!.prompts).toBe(30);
    expect(compared!.first.value).toBeCloseTo(-24.5, 12);
    expect(compared!.difference.value).toBeCloseTo(1.5, 12);
    // The standard deviation of the differences is 0.5; unpaired it would be that of i, 8.7.
    expect(compared!.difference.low).toBeGreaterThan(1.25);
    expect(compared!.difference.high).toBeLessThan(1.75);
    expect(compared!.side).toBe("up");
  });

  it("leaves out ways that only one has, or that share no prompt", () => {
    const a = [way("greedy", "accuracy", () => 1), way("SFT", "accuracy", () => 1)];
    const apart = { ...way("greedy", "accuracy", () => 1), values: new Map([["other", 1]]) };
    expect(compareWays(a, [way("greedy", "log-likelihood", () => -1), apart], 0)).toEqual([]);
  });

  it("claims a side only where it is clear among all ways together", () => {
    // Seven prompts won, one lost of 40: clear of 0 by itself, not among twenty.
    const gain = (i: number): number => (i < 8 ? 1 : 0);
    const before = (i: number): number => (i === 7 ? 1 : 0);
    const after = (i: number): number => (i < 7 ? 1 : 0);
    const alone = compareWays([way("w", "accuracy", before)], [way("w", "accuracy", after)], 0)[0]!;
    expect(alone.difference.value).toBeCloseTo(6 / 40, 12);
    expect(alone.side).toBe("up");
    const many = (of: (i: number) => number): Way[] =>
      Array.from({ length: 20 }, (_, k) => way(`w${k}`, "accuracy", k === 0 ? of : gain));
    const among = compareWays(many(before), many(after), 0)[0]!;
    expect(among.difference).toEqual(alone.difference);
    expect(among.simultaneous.low).toBeLessThan(0);
    expect(among.side).toBe("unclear");
  });

  it("claims nothing on few prompts", () => {
    const few = (value: number): Way => ({
      ...way("w", "accuracy", () => value),
      values: new Map(ids.slice(0, 5).map((id) => [id, value])),
    });
    expect(compareWays([few(0)], [few(1)], 0)[0]!.side).toBe("few");
  });
});
