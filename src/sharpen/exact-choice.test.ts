import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream } from "../core/random.js";
import type { Policy, Prompt, Response, Unrounded } from "../policy/policy.js";
import { sequentialPolicy } from "../policy/sequential.js";
import { rewardNamed } from "../reward/registry.js";
import { choose, type SelfReward } from "../reward/self-reward.js";
import type { Best } from "./answer-events.js";
import { bestOfN, type BestOfNOptions } from "./best-of-n.js";
import { exactly } from "./exact-choice.js";
import { collect, interleaved, promptsOf } from "./tiny-policies.test-helper.js";

const END = 3;

/** Logits of words `a`, `b`, `c` and of an end that becomes likelier, off by noise of that size, as log-probabilities. */
function conditional(size: number, promptId: string, prefix: readonly number[]): Float64Array {
  const stream = randomStream(5, `${promptId} ${prefix.join(" ")}`);
  const logits = [0, 1, 2].map(() => 2 * Math.log(stream.next() + 0.05));
  logits.push(prefix.length / 12 - 3);
  const noise = randomStream(9, `${promptId} ${prefix.join(" ")}`);
  const moved = logits.map((logit) => logit + size * (2 * noise.next() - 1));
  const total = Math.log(moved.reduce((sum, logit) => sum + Math.exp(logit), 0));
  return Float64Array.from(moved, (logit) => logit - total);
}

const noisyWords = (size: number): Policy =>
  sequentialPolicy({
    name: `words ${size}`,
    fingerprint: `words ${size}`,
    endToken: END,
    word: (token) => "abc"[token]!,
    next: (promptId, prefix) => conditional(size, promptId, prefix),
  });

/** What the model without noise says of given responses. */
const unrounded: Unrounded = {
  logProb: (examples) => noisyWords(0).logProb(examples),
  score: (examples) =>
    Promise.resolve(
      examples.map(({ prompt, tokens }) => {
        const rows = tokens.map((_, t) => conditional(0, prompt.id, tokens.slice(0, t)));
        const mean = (row: Float64Array): number => row.reduce((sum, value) => sum + value, 0) / row.length;
        return {
          logProbs: rows.map((row, t) => row[tokens[t]!]!),
          certainties: rows.map((row) => -Math.log(row.length) - mean(row)),
        };
      }),
    ),
};

interface Rounded {
  readonly policy: Policy;
  /** Responses that the unrounded model was asked about so far. */
  asked: number;
}

/** A policy that draws and speaks with noise, and has itself without noise beside it. */
function rounded(size: number): Rounded {
  const counting: Rounded = {
    asked: 0,
    policy: {
      ...noisyWords(size),
      unrounded: {
        logProb: (examples) => unrounded.logProb(examples),
        score: (examples) => {
          counting.asked += examples.length;
          return unrounded.score(examples);
        },
      },
    },
  };
  return counting;
}

const OPTIONS = { n: 24, temperature: 1, maxTokens: 24, extract: (text: string) => text.slice(0, 1) };

/** The reward's choice by what the model without noise says of every response that the other drew. */
async function bestByAll(
  reward: SelfReward,
  policy: Policy,
  prompts: readonly Prompt[],
  seed: number,
): Promise<Map<string, Response>> {
  const best = new Map<string, Response>();
  for (const prompt of prompts) {
    const requests = Array.from({ length: OPTIONS.n }, (_, index) => ({ prompt, index }));
    const drawn = await collect(policy.sample(requests, { ...OPTIONS, seed }));
    drawn.sort((a, b) => a.index - b.index);
    const rows = await unrounded.score(drawn.map(({ tokens }) => ({ prompt, tokens })));
    const responses = drawn.map((response, i) => ({
      ...response,
      logProbs: Array.from(rows[i]!.logProbs),
      certainties: Array.from(rows[i]!.certainties),
    }));
    const scores = await reward.score({ prompt, responses, extract: OPTIONS.extract });
    best.set(prompt.id, responses[choose(scores)]!);
  }
  return best;
}

const chosenOf = (bests: readonly Best[]): Map<string, Response> =>
  new Map(bests.map(({ prompt, chosen }) => [prompt.id, chosen]));

const NAMES = ["log-likelihood", "length-normalized", "weighted-majority", "self-certainty"];

describe.each(NAMES.map(rewardNamed))("the choice by $name of what a rounded model drew", (reward) => {
  it("is the exact best of the pool, pruned or not", async () => {
    let otherwise = 0;
    const many = rounded(0.8);
    await fc.assert(
      fc.asyncProperty(
        fc.record({ seed: fc.nat(1e6), rows: fc.integer({ min: 1, max: 9 }), order: fc.nat(1e6) }),
        async ({ seed, rows, order }) => {
          const prompts = promptsOf(2);
          const best = await bestByAll(reward, many.policy, prompts, seed);
          const { unrounded: _, ...plain } = many.policy;
          const naive = chosenOf(await collect(bestOfN(plain, prompts, { ...OPTIONS, reward, seed })));
          const full: BestOfNOptions = { ...OPTIONS, reward, seed, keepAll: true };
          const kept = chosenOf(await collect(bestOfN(many.policy, prompts, full)));
          const side = interleaved(many.policy, rows, order);
          const pruned = chosenOf(await collect(bestOfN(side, prompts, { ...full, keepAll: false })));
          for (const [id, response] of best) {
            expect(kept.get(id)).toEqual(response);
            expect(pruned.get(id)).toEqual(response);
            if (naive.get(id)!.index !== response.index) otherwise++;
          }
        },
      ),
      { numRuns: 8, seed: 1 },
    );
    // Without it, some choices would be others.
    expect(otherwise).toBeGreaterThan(0);
  });
});

it("asks about few responses once the rounding is known, and drops what could not win", async () => {
  const { policy, ...counting } = rounded(0.05);
  const side = interleaved(policy, 4, 1);
  const options = { ...OPTIONS, n: 50, reward: rewardNamed("log-likelihood"), seed: 3 };
  await collect(bestOfN(side, promptsOf(1), options));
  const model = rounded(0.05);
  const first = await collect(bestOfN(model.policy, promptsOf(1), { ...options, keepAll: true }));
  const before = model.asked;
  const later = await collect(bestOfN(interleaved(model.policy, 4, 1), promptsOf(8), options));
  expect(first[0]!.finished).toHaveLength(50);
  expect(later.every(({ finished }) => finished.length < 50)).toBe(true);
  expect(model.asked - before).toBeLessThan(8 * 25);
  expect(counting.asked).toBe(0);
});

it("leaves rewards without log π, and models that are not rounded, as they are", async () => {
  const majority = rewardNamed("majority");
  const model = rounded(0.3);
  const { unrounded: _, ...plain } = model.policy;
  const asRounded = await collect(bestOfN(plain, promptsOf(2), { ...OPTIONS, reward: majority, seed: 2 }));
  const chosen = await collect(
    bestOfN(model.policy, promptsOf(2), { ...OPTIONS, reward: majority, seed: 2 }),
  );
  expect(chosen).toEqual(asRounded);
  expect(model.asked).toBe(0);
  const byLogLikelihood = rewardNamed("log-likelihood");
  expect(exactly(plain, byLogLikelihood)).toBe(byLogLikelihood);
  expect(exactly(model.policy, majority)).toBe(majority);
});

it("scores whole pools as the unrounded model sees them, for whoever measures at every N", async () => {
  const reward = rewardNamed("length-normalized");
  const model = rounded(0.3);
  const [prompt] = promptsOf(1);
  const requests = Array.from({ length: 6 }, (_, index) => ({ prompt: prompt!, index }));
  const responses = await collect(model.policy.sample(requests, { ...OPTIONS, seed: 4 }));
  const pool = { prompt: prompt!, responses, extract: OPTIONS.extract };
  const scores = await exactly(model.policy, reward).score(pool);
  const rows = await unrounded.score(responses.map(({ tokens }) => ({ prompt: prompt!, tokens })));
  rows.forEach(({ logProbs }, i) => {
    const sum = Array.from(logProbs).reduce((a, b) => a + b, 0);
    expect(scores[i]).toBeCloseTo(sum / logProbs.length, 12);
  });
  expect(model.asked).toBe(6);
});
