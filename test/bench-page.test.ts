import { describe, expect, it } from "vitest";
import {
  acceptanceOf,
  agreementOf,
  boundsOf,
  pruningOf,
  saysOfAcceptance,
  saysOfBounds,
} from "../bench/compare-extras.mjs";
import { figure, judge, pageOf, ratios, verdict } from "../bench/compare-page.mjs";
import type { Promised, Row } from "../bench/compare-rows.mjs";
import type { Printed } from "../bench/processes.mjs";

/** What the bench's page concludes from figures; the figures themselves are measured, not tested. */

const MACHINE = "2 cores of a processor (avx512f)";

describe("ratios", () => {
  it("are of each repeat, above 1 where ours is better", () => {
    expect(ratios([300, 100], [100, 200], true)).toEqual([3, 0.5]);
    expect(ratios([2, 4], [8, 2], false)).toEqual([4, 0.5]);
  });

  it("take the last of what was measured fewer times, and are none beside nothing", () => {
    expect(ratios([300, 100, 50], [100], true)).toEqual([3, 1, 0.5]);
    expect(ratios([300], [], true)).toEqual([]);
  });
});

describe("a verdict", () => {
  it.each([
    [[2.5, 2.6, 2.7], { atLeast: 2.5 }, "met"],
    [[2.4, 2.3, 2.45], { atLeast: 2.5 }, "missed"],
    [[2.4, 2.6, 2.7], { atLeast: 2.5 }, "met, but noise swallows it"],
    [[2.4, 2.3, 2.7], { atLeast: 2.5 }, "missed, but noise swallows it"],
    [[0.9], { atMost: 1 }, "met"],
    [[1.1, 1.2], { atMost: 1 }, "missed"],
    [[0.9, 1.2, 1.1], { atMost: 1 }, "missed, but noise swallows it"],
    [[], { atMost: 1 }, "not measured"],
    [[NaN], { atLeast: 1 }, "not measured"],
  ])("of %j, held against %j, is %s", (values, limit, expected) => {
    expect(verdict(values, limit)).toBe(expected);
  });
});

describe("a promise", () => {
  const values = {
    "ours, float32": [250, 260, 270],
    "ours, kept": [310, 300, 290],
    "llama.cpp": [100, 100, 100],
  };
  const promise: Promised = {
    ...{ text: "50 rows", atLeast: 2.5, against: "llama.cpp" },
    needs: "AVX-512",
    of: ["ours, float32", "ours, kept"],
  };

  it("is judged by the better of ours, which is named", () => {
    expect(judge(promise, "tokensPerSecond", { machine: MACHINE, values })).toEqual({
      promised: "≥ 2.5 ×",
      measured: "3.00 × (2.90 to 3.10), kept",
      verdict: "met",
    });
  });

  it("of seconds is judged by the fewer", () => {
    const seconds = { text: "first token", atMost: 1, of: ["ours, kept", "ours, float32"] };
    const found = { machine: MACHINE, values: { "ours, float32": [4], "ours, kept": [1.5] } };
    expect(judge(seconds, "firstTokenSeconds", found)).toEqual({
      promised: "≤ 1 s",
      measured: "1.50 s, kept",
      verdict: "missed",
    });
  });

  it("has a figure but no verdict on a processor that it was not made for", () => {
    const found = { machine: "2 cores of a processor (avx2)", values };
    expect(judge(promise, "tokensPerSecond", found)).toMatchObject({
      measured: "3.00 × (2.90 to 3.10), kept",
      verdict: "a processor without AVX-512",
    });
  });

  it("of what a row found besides is judged by that", () => {
    const share = { text: "pruning", atLeast: 0.9, extra: "share" };
    const found = { machine: MACHINE, values, extras: { share: [0.5, 0.6, 0.7] } };
    expect(judge(share, "secondsEach", found)).toEqual({
      promised: "≥ 0.9",
      measured: "0.60 (0.50 to 0.70)",
      verdict: "missed",
    });
  });

  it("that nobody measured says so", () => {
    expect(judge(promise, "tokensPerSecond", undefined).verdict).toBe("not measured");
    expect(judge(promise, "tokensPerSecond", { machine: MACHINE, values: {} }).verdict).toBe("not measured");
  });
});

it.each([
  [[752.4, 740.2, 760], "752 (740 to 760)"],
  [[12.34], "12.3"],
  [[0.0029], "0.0029"],
])("figures %j read %s", (values, expected) => {
  expect(figure(values)).toBe(expected);
});

const printed = (some: Partial<Printed>): Printed => some as Printed;

it("pruning's share of the time is told beside its share of the tokens, and choices are compared by prompt", () => {
  const full = printed({ tokens: 1000, secondsEach: 10, chosen: { a: 3, b: 4 } });
  const pruned = printed({ tokens: 600, secondsEach: 7, chosen: { a: 3, b: 5 } });
  const { tokens, time, share, same } = pruningOf({ "ours, pruned": [pruned], "ours, all drawn": [full] });
  expect(tokens[0]).toBeCloseTo(0.4, 12);
  expect(time[0]).toBeCloseTo(0.3, 12);
  expect(share[0]).toBeCloseTo(0.75, 12);
  expect(same).toEqual([1, 0]);
});

it("log π of two is compared by response, and the likeliest by prompt", () => {
  const own = printed({ sums: [-1, -2, -3], best: [0, 2] });
  const theirs = printed({ sums: [-1, -2.5, -3], best: [0, 1] });
  expect(agreementOf({ "ours, float32": [own], "transformers, float32": [theirs] })).toEqual({
    difference: [0.5],
    same: [1, 0],
  });
});

it("a step stands beside its bound, and what is accepted beside the length", () => {
  const steps = [printed({ stepMs: 120, boundMs: 60 }), printed({ stepMs: 110.04, boundMs: 61 })];
  expect(saysOfBounds(boundsOf({ "ours, float32": steps }))).toBe(
    "ours, float32: a step takes 120.0, 110.0 ms, by repeat, its bound 60.0, 61.0 ms.",
  );
  const accepted = acceptanceOf({ "ours, power": [printed({ accepted: { 32: 0.8, 128: 0.594 } })] });
  expect(saysOfAcceptance(accepted)).toBe("Accepted of all moves: 80 % at 32 tokens, 59 % at 128 tokens.");
});

describe("the page", () => {
  const row: Row = {
    ...{ name: "rows", title: "Fifty rows", contenders: [] },
    measures: "tokensPerSecond",
    promises: [{ text: "50 rows", atLeast: 2.5, of: ["ours, kept"], against: "llama.cpp", first: true }],
    bound: "four rows a step",
  };
  const page = (values: Record<string, number[]>): string => {
    const found = { machine: MACHINE, date: "2026-11-29", minutes: 4, values, peaks: { "ours, kept": 0.9 } };
    return pageOf({ rows: found }, { rows: [row], growths: [], memories: [] });
  };

  it("says what bounds a row that falls short, and only of such a row", () => {
    const bound = "What bounds it: four rows a step.";
    expect(page({ "ours, kept": [200], "llama.cpp": [100] })).toContain(bound);
    expect(page({ "ours, kept": [300], "llama.cpp": [100] })).not.toContain(bound);
  });

  it("compares no ways with each other of which each has a bound of its own", () => {
    const limit: Row = {
      ...{ name: "limit", title: "A step", contenders: [], measures: "times" },
      promises: [{ text: "a step", atMost: 2, of: ["ours, float32"] }],
    };
    const values = { "ours, float32": [1.5], "ours, kept": [3] };
    const peaks = { "ours, float32": 2, "ours, kept": 1 };
    const found = { machine: MACHINE, values, peaks };
    const text = pageOf({ limit: found }, { rows: [limit], growths: [], memories: [] });
    expect(text).toContain("| who | × its bound | peak |");
    expect(text).toContain("| ours, kept | 3.00 | 1.00 GB |");
    expect(text).toContain("| a step | ≤ 2 × | 1.50 × | met |");
  });

  it("names noise where the ratio's spread reaches over 1, and the row's command, machine and date", () => {
    const text = page({ "ours, kept": [90, 100, 110], "llama.cpp": [100, 100, 100] });
    expect(text).toContain("| llama.cpp | 100 (100 to 100) | 1.00 × (0.90 to 1.10), noise |");
    expect(text).toContain("`npm run bench -- --peers --only rows` (machine 1, 2026-11-29; 4.0 minutes)");
    expect(page({ "ours, kept": [200], "llama.cpp": [100] })).not.toContain("noise |");
    const of7 = { rows: { machine: MACHINE, prompts: 7, values: { "ours, kept": [200] } } };
    expect(pageOf(of7, { rows: [row], growths: [], memories: [] })).toContain(
      "--peers --prompts 7 --only rows`",
    );
  });
});
