import { describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import type { Response } from "../policy/policy.js";
import { chooseByVoteLead } from "./vote-lead.js";

const responses = (count: number): Response[] =>
  Array.from({ length: count }, (_, index) => ({
    promptId: "p",
    index,
    text: `${index}`,
    tokens: [index],
    logProbs: [-1],
    finish: "stop",
  }));
const choose = (answers: string, delta = 0.1): { chosen: number; drawn: number; capped: boolean } => {
  const list = [...answers].map((letter) => (letter === "-" ? undefined : letter));
  const { chosen, drawn, capped } = chooseByVoteLead(responses(list.length), list, delta);
  return { chosen: chosen.index, drawn, capped };
};

/** After these votes, with a δ that never stops. */
function riskAfter(leader: number, runnerUp: number): number {
  const answers = [...Array<string>(leader).fill("a"), ...Array<string>(runnerUp).fill("b")];
  const none = answers.length === 0 ? [undefined] : answers;
  return chooseByVoteLead(responses(none.length), none, 1e-12).risk;
}

describe("the chance that the runner-up overtakes", () => {
  it.each([
    [0, 0, 1 / 2],
    [1, 0, 1 / 4],
    [3, 0, 1 / 16],
    [2, 1, 5 / 16],
    [5, 5, 1 / 2],
  ])("%i against %i votes: %d", (leader, runnerUp, expected) => {
    expect(riskAfter(leader, runnerUp)).toBeCloseTo(expected, 12);
  });

  it("is the Beta integral up to a half", () => {
    for (const [leader, runnerUp] of [
      [4, 2],
      [20, 11],
    ] as const) {
      const steps = 20_000;
      const density = (p: number): number => p ** leader * (1 - p) ** runnerUp;
      const integral = (to: number): number => {
        let sum = 0;
        for (let i = 0; i < steps; i++) sum += density(((i + 0.5) / steps) * to) * (to / steps);
        return sum;
      };
      expect(riskAfter(leader, runnerUp)).toBeCloseTo(integral(0.5) / integral(1), 6);
    }
  });
});

describe("stopping by the lead", () => {
  it("ends once the lead is large enough, and not before", () => {
    expect(choose("aaaa")).toEqual({ chosen: 0, drawn: 3, capped: false });
    expect(choose("aaaa", 0.3)).toEqual({ chosen: 0, drawn: 1, capped: false });
    expect(choose("baaabaaa")).toEqual({ chosen: 1, drawn: 8, capped: false });
  });

  it("takes the leader where the cap is hit, the first of equals, and lets no answer abstain", () => {
    expect(choose("abab")).toEqual({ chosen: 0, drawn: 4, capped: true });
    expect(choose("-bab")).toEqual({ chosen: 1, drawn: 4, capped: true });
    expect(choose("-a-aa")).toEqual({ chosen: 1, drawn: 5, capped: false });
    expect(choose("---")).toEqual({ chosen: 0, drawn: 3, capped: true });
  });

  it("stops at another answer than the likelier one at most about as often as δ says, over a uniform prior", () => {
    const stream = randomStream(3, "vote lead");
    const delta = 0.2;
    let [wrong, stopped] = [0, 0];
    for (let trial = 0; trial < 4000; trial++) {
      const p = stream.next();
      const answers = Array.from({ length: 200 }, () => (stream.next() < p ? "a" : "b"));
      const { chosen, capped } = chooseByVoteLead(responses(200), answers, delta);
      if (capped) continue;
      stopped++;
      if (answers[chosen.index] !== (p > 0.5 ? "a" : "b")) wrong++;
    }
    // By Bayes the posterior is right at every stop: wrong at most δ of the time; 4 standard errors of 4,000.
    expect(wrong / stopped).toBeLessThan(delta + 4 * Math.sqrt((delta * (1 - delta)) / stopped));
    expect(wrong).toBeGreaterThan(100);
  });

  it("refuses what is no probability, and no responses", () => {
    expect(() => choose("a", 1)).toThrow(UsageError);
    expect(() => chooseByVoteLead([], [], 0.1)).toThrow(UsageError);
  });
});
