import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream, type RandomStream } from "../core/random.js";
import type { Response } from "../policy/policy.js";
import type { Pool, SelfReward } from "../reward/self-reward.js";
import type { Task } from "../task/task.js";
import { claims, pValue } from "./declared.js";
import { measure } from "./measure.js";
import { measureAdapter } from "./measure-adapter.js";
import type { Estimate, Metrics } from "./metrics.js";
import { studentQuantile } from "./student.js";

/** Best-of-4 by one reward for each lift over greedy. */
const page = (...lifts: readonly Estimate[]) =>
  ({
    prompts: 200,
    bestOfN: Object.fromEntries(lifts.map((liftPoints, i) => [String(i), { "4": { liftPoints } }])),
    adapters: {},
  }) as unknown as Metrics;

describe("Holm's procedure", () => {
  /** The estimate whose p-value on 200 prompts is `p`. */
  const withP = (p: number) => {
    const value = studentQuantile(1 - p, 199) / studentQuantile(0.95, 199) / 10;
    return { value, low: value - 0.1, high: value + 0.1 };
  };
  it.each([
    [
      [0.01, 0.04, 0.03, 0.005],
      [true, false, false, true],
    ],
    [
      [0.012, 0.02, 0.04],
      [true, true, true],
    ],
    [[0.2], [false]],
    [[], []],
  ])("rejects by the step-down rule, p = %j", (ps, clear) => {
    const found = claims(page(...ps.map(withP)));
    expect([...found.values()].map((claim) => claim.clear)).toEqual(clear);
  });
});

describe("the p-value of an interval", () => {
  it("is 5 % where the interval just touches 0, and falls as it moves away", () => {
    expect(pValue({ value: 1, low: 0, high: 3 }, 20)).toBeCloseTo(0.05, 8);
    expect(pValue({ value: -1, low: -9, high: 0 }, 20)).toBeCloseTo(0.05, 8);
    expect(pValue({ value: 0.75, low: 0.625, high: 0.9 }, 1e7, 0.5)).toBeCloseTo(8.9e-5, 5);
    expect(pValue({ value: 0, low: 0, high: 0 }, 20)).toBe(1);
    expect(pValue({ value: 1, low: 1, high: 1 }, 20)).toBe(0);
  });
});

const task = {
  name: "null",
  grade: (_: string, text: string) => text.startsWith("right"),
} as unknown as Task;

/** Rewards that know nothing: noise. */
const noise = (name: string, stream: RandomStream): SelfReward =>
  ({
    name,
    score: (pool: Pool) => pool.responses.map(() => stream.next()),
  }) as unknown as SelfReward;

/** A page on which nothing is true: rewards are noise, greedy and adapters draw from what the base draws from. */
async function nullPage(prompts: number, seed: number): Promise<Metrics> {
  const stream = randomStream(seed, "null page");
  const chances = Array.from({ length: prompts }, () => stream.next() ** 1.5);
  const answer = (p: number, i: number) => {
    const right = stream.next() < chances[p]!;
    return {
      promptId: String(p),
      index: i,
      text: right ? `right ${i}` : `wrong ${i}`,
      tokens: [1],
      logProbs: Array.from({ length: 1 + stream.integer(3) }, () => -5 * stream.next()),
      baseLogProb: -10 * stream.next(),
      own: { logProbs: [-1] },
    };
  };
  const some = (p: number) => Array.from({ length: 8 }, (_, i) => answer(p, i)) as unknown as Response[];
  const pools = chances.map((_, p) => ({
    prompt: { id: String(p), text: String(p) },
    responses: some(p),
    extract: (text: string) => text,
  })) as unknown as Pool[];
  const greedy = chances.map((_, p) => answer(p, 0)) as unknown as Response[];
  const baselines = [
    { name: "temperature 0.5", responses: chances.flatMap((_, p) => some(p)) },
    { name: "beam search of width 4", responses: chances.map((_, p) => answer(p, -1)) as never },
  ];
  const common = { task, pools, greedy, baselines, seed: 0, resamples: 200 };
  const rewards = ["a", "b", "c"].map((name) => noise(name, stream));
  const measured = await measure({ ...common, rewards, ns: [1, 2, 4, 8] });
  const responses = chances.flatMap((_, p) => some(p)) as never;
  const sft = measureAdapter({ ...common, runs: [{ responses, greedy: greedy as never }] });
  return { ...measured, adapters: { sft } } as unknown as Metrics;
}

describe("what may be claimed", () => {
  const at = (value: number, half: number) => ({ value, low: value - half, high: value + half });

  it("has an interval beside it that is clear of 0 exactly where it may", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 1, maxLength: 8 }), (tenths) => {
        const lifts = tenths.map((value) => at(value / 100, 0.1));
        for (const [, { clear, simultaneous, among }] of claims(page(...lifts))) {
          expect(simultaneous.low > 0 || simultaneous.high < 0).toBe(clear);
          expect(among).toBe(lifts.length);
        }
      }),
    );
  });

  it("is judged by an interval that is wider the more is compared, and never beyond what can be", () => {
    const [small, none, most] = [at(0.11, 0.1), at(0, 0.1), at(0.95, 0.04)];
    expect(claims(page(small)).get(small)!.clear).toBe(true);
    const { clear, simultaneous } = claims(page(small, none, none, none)).get(small)!;
    expect(clear).toBe(false);
    // t at 1 − 5 %/4 over t at 1 − 5 %, 199 degrees of freedom.
    expect(simultaneous.high).toBeCloseTo(0.11 + (0.1 * 2.5207) / 1.972, 4);
    expect(claims(page(most, none)).get(most)!.simultaneous.high).toBeLessThanOrEqual(1);
  });

  it("is nothing on too few prompts", () => {
    expect(claims({ ...page(at(0.5, 0.1)), prompts: 9 }).size).toBe(0);
  });
});

describe("a page on which nothing is true", () => {
  it.each([
    [32, 60],
    [256, 8],
  ])("on %i prompts makes a claim in hardly more than 5 %% of runs", async (prompts, runs) => {
    let false_ = 0;
    let compared = 0;
    for (let seed = 0; seed < runs; seed++) {
      const verdicts = [...claims(await nullPage(prompts, seed)).values()].map(({ clear }) => clear);
      compared += verdicts.length / runs;
      if (verdicts.includes(true)) false_++;
    }
    expect(compared).toBeGreaterThan(20);
    // 5 % and two standard errors of so few runs; scripts/false-claims.mjs counts 2,000.
    expect(false_ / runs).toBeLessThan(0.05 + 2 * Math.sqrt((0.05 * 0.95) / runs));
  });
});
