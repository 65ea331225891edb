import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterruptedError } from "../../src/core/errors.js";
import type { LocalPolicy } from "../../src/policy/local-policy.js";
import { sequenceLogProb, type Policy } from "../../src/policy/policy.js";
import { enumerateResponses } from "../../src/policy/sequential.js";
import { promptsOf, tinyGamePolicy, wordPolicy } from "../../src/sharpen/tiny-policies.test-helper.js";
import { exactAcceptance, runChains, type AcceptanceRule } from "../../src/sharpen/power/chains.js";
import { blockEnds } from "../../src/sharpen/power/continuation.js";
import { powerSample } from "../../src/sharpen/power/power-sample.js";
import {
  ALPHA,
  lengths,
  lengthsPolicy,
  MAX_TOKENS,
  powerLaw,
  prompt,
  totalVariation,
} from "../../src/sharpen/power/power-target.test-helper.js";

/** The published reference's ratio: neither the lengths nor the law of the cut point. */
const withoutLengths: AcceptanceRule = (move) => exactAcceptance({ ...move, length: 1, proposedLength: 1 });
/** As if proposals were drawn from the policy at temperature 1. */
const withoutTemperature: AcceptanceRule = (move) =>
  exactAcceptance({ ...move, drawnLogProb: move.logProb, proposedDrawnLogProb: move.proposedLogProb });

const run = {
  chains: 4000,
  moves: 10,
  blocks: 2,
  maxTokens: MAX_TOKENS,
  seed: 1,
  earlyRejection: true,
};

async function distance(alpha: number, rule?: AcceptanceRule, count = run.chains): Promise<number> {
  const chains = await runChains(lengthsPolicy(), [prompt], { ...run, chains: count, alpha }, rule);
  return totalVariation(
    powerLaw(alpha).law,
    chains.map(({ response }) => response!),
  );
}

describe("the law of power sampling", () => {
  // That it is within total variation 0.02 of π^α is tried in test/models/power-law.test.ts.
  it.each([withoutLengths, withoutTemperature])(
    "is far from it when the acceptance ratio forgets the lengths, or what proposals are drawn under",
    async (rule) => {
      expect(await distance(ALPHA, rule, 1000)).toBeGreaterThan(0.1);
    },
  );

  it.each([
    [ALPHA, 1 / ALPHA],
    [1.5, 1 / 1.5],
    [ALPHA, 1],
  ])(
    "is π^α exactly in the limit: moves leave it unchanged, but not without the lengths, α = %f, proposals at temperature %f",
    (alpha, temperature) => {
      const all = enumerateResponses(lengths, prompt.id, MAX_TOKENS);
      const { law } = powerLaw(alpha);
      const suffix = (tokens: readonly number[], from: number, at: number): number => {
        let sum = 0;
        for (let t = from; t < tokens.length; t++) {
          const tempered = lengths.next("x", tokens.slice(0, t))!.map((value) => value / at);
          const total = tempered.reduce((mass, value) => mass + Math.exp(value), 0);
          sum += tempered[tokens[t]!]! - Math.log(total);
        }
        return sum;
      };
      const moved = (rule: AcceptanceRule): number => {
        const after = new Map(law);
        for (const { tokens: y } of all) {
          for (const { tokens: other } of all) {
            for (let cut = 0; cut < y.length && cut < other.length; cut++) {
              if (y.slice(0, cut).join() !== other.slice(0, cut).join()) break;
              const proposedDrawnLogProb = suffix(other, cut, temperature);
              const move = {
                ...{ alpha, logProb: suffix(y, cut, 1), proposedLogProb: suffix(other, cut, 1) },
                ...{ drawnLogProb: suffix(y, cut, temperature), proposedDrawnLogProb },
                ...{ length: y.length, proposedLength: other.length },
              };
              const accepted = Math.min(1, Math.exp(rule(move)));
              const flow = (law.get(y.join())! / y.length) * Math.exp(proposedDrawnLogProb) * accepted;
              after.set(y.join(), after.get(y.join())! - flow);
              after.set(other.join(), after.get(other.join())! + flow);
            }
          }
        }
        return Math.max(...[...law].map(([key, value]) => Math.abs(after.get(key)! - value)));
      };
      expect(moved(exactAcceptance)).toBeLessThan(1e-15);
      expect(moved(withoutLengths)).toBeGreaterThan(0.01);
      if (temperature !== 1) expect(moved(withoutTemperature)).toBeGreaterThan(0.01);
    },
  );

  it("is the base's for α = 1", async () => {
    const [samples] = await powerSample(lengthsPolicy(), [prompt], {
      alpha: 1,
      chains: 6000,
      moves: 2,
      blocks: 2,
      maxTokens: MAX_TOKENS,
      seed: 4,
    });
    expect(totalVariation(powerLaw(1).law, samples!.responses)).toBeLessThan(0.03);
  });
});

describe("powerSample", () => {
  const options = { chains: 3, moves: 6, blocks: 3, maxTokens: 9, seed: 2 };
  const prompts = promptsOf(4);

  it("rejects early without changing a response, and draws fewer tokens for it", async () => {
    const policy = wordPolicy();
    const early = await powerSample(policy, prompts, options);
    const late = await powerSample(policy, prompts, { ...options, earlyRejection: false });
    const total = (all: typeof early): number => all.reduce((sum, { tokens }) => sum + tokens, 0);
    expect(early.map(({ tokens: _, ...rest }) => rest)).toEqual(late.map(({ tokens: _, ...rest }) => rest));
    expect(total(early)).toBeLessThan(0.9 * total(late));
  });

  it("reports whole responses with their own log-probabilities, and how many proposals were accepted", async () => {
    const policy = wordPolicy();
    const samples = await powerSample(policy, prompts, options);
    for (const { prompt: asked, responses, acceptance, blockAcceptance } of samples) {
      const scored = await policy.logProb(responses.map(({ tokens }) => ({ prompt: asked, tokens })));
      responses.forEach((response, number) => {
        expect(response.index).toBe(number);
        expect([...response.logProbs]).toEqual([...scored[number]!]);
        expect(response.certainties).toHaveLength(response.tokens.length);
        const words = response.tokens.filter((token) => token !== 3).map((token) => "abc"[token]);
        expect(response.text).toBe(words.join(" "));
        expect(response.finish).toBe(response.tokens.at(-1) === 3 ? "stop" : "length");
      });
      expect(blockAcceptance).toHaveLength(3);
      expect(blockAcceptance.reduce((a, b) => a + b, 0) / 3).toBeCloseTo(acceptance, 12);
      // Of 18 moves of each of 3 chains.
      expect(acceptance * 54).toBeCloseTo(Math.round(acceptance * 54), 9);
      expect(acceptance).toBeGreaterThan(0.05);
      expect(acceptance).toBeLessThan(0.95);
    }
  });

  it("draws likelier responses than the base, each chain the same whatever else is asked", async () => {
    const policy = wordPolicy();
    const all = await powerSample(policy, prompts, options);
    const alone = await powerSample(policy, [prompts[2]!], { ...options, chains: 2 });
    expect(alone[0]!.responses).toEqual(all[2]!.responses.slice(0, 2));
    const base = await powerSample(policy, prompts, { ...options, alpha: 1, chains: 50, moves: 0 });
    const sharp = await powerSample(policy, prompts, { ...options, chains: 50 });
    const mean = (of: typeof all): number => {
      const values = of.flatMap(({ responses }) => responses.map(sequenceLogProb));
      return values.reduce((a, b) => a + b, 0) / values.length;
    };
    expect(mean(sharp)).toBeGreaterThan(mean(base) + 1);
    expect(base[0]!.acceptance).toBeNaN();
  });

  it("divides a response into blocks that end at its longest length", () => {
    expect(blockEnds(9, 3)).toEqual([3, 6, 9]);
    expect(blockEnds(10, 4)).toEqual([3, 5, 8, 10]);
    expect(blockEnds(2, 4)).toEqual([1, 2]);
  });

  it("refuses what cannot be, in a sentence", async () => {
    const policy = wordPolicy();
    const attempt = (change: object, from: Policy = policy) =>
      powerSample(from, prompts, { ...options, ...change });
    await expect(attempt({ alpha: 0.5 })).rejects.toThrow(/α must be at least 1/);
    await expect(attempt({ moves: -1 })).rejects.toThrow(
      /number of moves must be a whole number of at least 0/,
    );
    await expect(attempt({ chains: 0 })).rejects.toThrow(/number of chains/);
    await expect(attempt({ blocks: 1.5 })).rejects.toThrow(/number of blocks/);
    const blind = { ...policy, can: { ...policy.can, continues: false } };
    await expect(attempt({}, blind)).rejects.toThrow(
      /^Power sampling needs a model that goes on after given tokens, which words does not have: use a local model/,
    );
    await expect(attempt({ signal: AbortSignal.abort() })).rejects.toThrow(InterruptedError);
  });
});

describe("on a transformer", () => {
  let policy: LocalPolicy;
  beforeAll(async () => {
    policy = await tinyGamePolicy();
  });
  afterAll(() => policy.dispose());

  it("gives responses that the scorer confirms, the same with and without early rejection", async () => {
    const prompts = promptsOf(3);
    const options = { alpha: 2, chains: 4, moves: 5, blocks: 2, maxTokens: 10, seed: 5 };
    const samples = await powerSample(policy, prompts, options);
    const late = await powerSample(policy, prompts, { ...options, earlyRejection: false });
    for (const [p, { prompt: asked, responses }] of samples.entries()) {
      expect(responses.map(({ tokens }) => tokens)).toEqual(late[p]!.responses.map(({ tokens }) => tokens));
      const scored = await policy.logProb(responses.map(({ tokens }) => ({ prompt: asked, tokens })));
      responses.forEach(({ logProbs, text, tokens, finish }, i) => {
        expect(Math.max(...logProbs.map((value, t) => Math.abs(value - scored[i]![t]!)))).toBeLessThan(1e-4);
        const ids = finish === "stop" ? tokens.slice(0, -1) : tokens;
        expect(text).toBe(policy.runtime.model.tokenizer.decode(ids));
      });
    }
  });
});
