import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { InterruptedError, UsageError } from "../core/errors.js";
import type { LocalPolicy } from "../policy/local-policy.js";
import { sequenceLogProb, type Policy, type Prompt, type Response } from "../policy/policy.js";
import { sequentialPolicy } from "../policy/sequential.js";
import { tabularPolicy } from "../policy/tabular.js";
import { boundPruner } from "../reward/pruning.js";
import { rewardNamed } from "../reward/registry.js";
import { choose, type SelfReward } from "../reward/self-reward.js";
import type { Best } from "./answer-events.js";
import { bestOfN, type BestOfNOptions } from "./best-of-n.js";
import {
  collect,
  interleaved,
  promptsOf,
  tinyGamePolicy,
  tinyPolicy,
  wordPolicy,
} from "./tiny-policies.test-helper.js";

const logLikelihood = rewardNamed("log-likelihood");
const PRUNING = ["log-likelihood", "length-normalized", "majority"].map(rewardNamed);

async function chooseAll(
  policy: Policy,
  prompts: readonly Prompt[],
  options: Partial<BestOfNOptions>,
): Promise<Map<string, Best>> {
  const all = { reward: logLikelihood, n: 8, temperature: 1, maxTokens: 8, seed: 1, ...options };
  const bests = await collect(bestOfN(policy, prompts, all));
  expect(bests.map(({ prompt }) => prompt.id).sort()).toEqual(prompts.map(({ id }) => id).sort());
  return new Map(bests.map((best) => [best.prompt.id, best]));
}

const tokensOf = (bests: ReadonlyMap<string, Best>): number =>
  [...bests.values()].reduce((sum, { tokens }) => sum + tokens, 0);

/** Draws with and without pruning; the choices must be the very same. @returns tokens saved. */
async function compare(
  policy: Policy,
  prompts: readonly Prompt[],
  options: Partial<BestOfNOptions>,
): Promise<number> {
  const full = await chooseAll(policy, prompts, { ...options, keepAll: true });
  const pruned = await chooseAll(policy, prompts, options);
  for (const { id } of prompts) {
    const [all, some] = [full.get(id)!, pruned.get(id)!];
    expect(all.finished.map(({ index }) => index)).toEqual(all.finished.map((_, index) => index));
    expect(some.chosen).toEqual(all.chosen);
    for (const kept of some.finished) expect(kept).toEqual(all.finished[kept.index]);
    expect(some.tokens).toBeLessThanOrEqual(all.tokens);
    expect(all.tokens).toBe(all.finished.reduce((sum, { tokens }) => sum + tokens.length, 0));
  }
  return tokensOf(full) - tokensOf(pruned);
}

/** Answers: the first word, unless it is `c`. */
const firstWord = (text: string): string | undefined => {
  const [word] = text.split(" ");
  return word === "c" || word === "" ? undefined : word;
};

describe("pruned best-of-N", () => {
  it.each(PRUNING)("chooses what full best-of-N chooses, and draws less: $name", async (reward) => {
    let saved = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.nat(1e6),
          n: fc.integer({ min: 1, max: 9 }),
          rows: fc.integer({ min: 1, max: 12 }),
          order: fc.nat(1e6),
          temperature: fc.constantFrom(1, 0.5, 2),
          extract: fc.constantFrom(firstWord, () => undefined),
        }),
        async ({ rows, order, ...options }) => {
          const policy = interleaved(wordPolicy(), rows, order);
          const difference = await compare(policy, promptsOf(3), { ...options, reward });
          if (options.n === 1) expect(difference).toBe(0);
          saved += difference;
        },
      ),
      { numRuns: 25, seed: 1 },
    );
    expect(saved).toBeGreaterThan(20);
  });

  it("is told from pruning with a wrong bound", async () => {
    const sum = (response: Response): number => sequenceLogProb(response);
    // As if what is unfinished would lose as much again.
    const reward: SelfReward = {
      ...logLikelihood,
      pruner: () => boundPruner(sum, ({ logProb }) => 2 * logProb, -1e9),
    };
    const trial = async (seed: number): Promise<void> => {
      await compare(interleaved(wordPolicy(), 9, seed), promptsOf(3), { reward, seed, n: 9 });
    };
    await expect(Promise.all(Array.from({ length: 10 }, (_, seed) => trial(seed)))).rejects.toThrow();
  });

  it("keeps all where the reward has no bound", async () => {
    const reward = rewardNamed("self-certainty");
    const full = await chooseAll(wordPolicy(), promptsOf(3), { reward, keepAll: true });
    expect(await chooseAll(wordPolicy(), promptsOf(3), { reward })).toEqual(full);
    expect([...full.values()].map(({ finished }) => finished.length)).toEqual([8, 8, 8]);
  });

  describe("with a transformer", () => {
    // Fewer rows than responses: later ones wait, and are dropped on account of earlier ones.
    const FEW_ROWS = 2;
    const policies: LocalPolicy[] = [];
    const made = async (policy: Promise<LocalPolicy>): Promise<LocalPolicy> => {
      policies.push(await policy);
      return policy;
    };
    afterAll(async () => {
      for (const policy of policies) await policy.dispose();
    });

    it.each([
      ["tiny-gqa", () => tinyPolicy("tiny-gqa", FEW_ROWS)],
      ["tiny-tied", () => tinyPolicy("tiny-tied", FEW_ROWS)],
      ["tiny-game", () => tinyGamePolicy(FEW_ROWS)],
    ] as const)("is lossless bit for bit: %s", async (_, make) => {
      const policy = await made(make());
      for (const reward of PRUNING) {
        // Even or odd in its first number, so that majorities are common.
        const extract = (text: string): string | undefined =>
          /\d*([0-9])/.exec(text)?.[1]?.replace(/\d/g, (d) => `${Number(d) % 2}`);
        const saved = await compare(policy, promptsOf(3), { reward, extract, n: 12, maxTokens: 9 });
        expect(saved, reward.name).toBeGreaterThan(0);
      }
    });
  });
});

describe("best-of-N", () => {
  it("of one is the first sample", async () => {
    const prompts = promptsOf(6);
    const requests = prompts.map((prompt) => ({ prompt, index: 0 }));
    const samples = await collect(wordPolicy().sample(requests, { temperature: 1, maxTokens: 8, seed: 5 }));
    const bests = await chooseAll(wordPolicy(), prompts, { n: 1, seed: 5 });
    expect(prompts.map(({ id }) => bests.get(id)!.chosen)).toEqual(samples);
  });

  it("draws the first N of 2N, and the self-reward of its choice never falls as N grows", async () => {
    const prompts = promptsOf(20);
    for (const reward of [logLikelihood, rewardNamed("length-normalized"), rewardNamed("self-certainty")]) {
      const bests = await Promise.all(
        [1, 2, 4, 8, 16].map((n) => chooseAll(wordPolicy(), prompts, { n, reward, keepAll: true })),
      );
      let means = 0;
      for (const [i, larger] of bests.slice(1).entries()) {
        const smaller = bests[i]!;
        for (const { id } of prompts) {
          const { finished, scores } = smaller.get(id)!;
          expect(larger.get(id)!.finished.slice(0, finished.length)).toEqual(finished);
          expect(Math.max(...larger.get(id)!.scores)).toBeGreaterThanOrEqual(Math.max(...scores));
          means += Math.max(...larger.get(id)!.scores) - Math.max(...scores);
        }
      }
      expect(means).toBeGreaterThan(0);
    }
  });

  it("chooses the lowest index on ties", async () => {
    // Two responses of equal probability: the first drawn of either is chosen.
    const policy = tabularPolicy({ p0: [0.4, 0.4, 0.2] });
    for (let seed = 0; seed < 20; seed++) {
      const { chosen, finished } = (await chooseAll(policy, promptsOf(1), { seed, keepAll: true })).get(
        "p0",
      )!;
      expect(chosen.index).toBe(finished.find(({ tokens }) => tokens[0]! < 2)?.index ?? 0);
    }
  });

  it("misses y* exactly as often as Prop. C.1 says: (1 − π(y*))^N ≤ exp(−N·π(y*))", async () => {
    const row = [0.1, 0.15, 0.3, 0.25, 0.2];
    const prompts = promptsOf(1500);
    const policy = tabularPolicy(Object.fromEntries(prompts.map(({ id }) => [id, row])));
    for (const n of [1, 3, 8]) {
      const bests = await chooseAll(policy, prompts, { n, seed: 11 });
      const missed =
        [...bests.values()].filter(({ chosen }) => chosen.tokens[0] !== 2).length / prompts.length;
      const exact = 0.7 ** n;
      expect(Math.abs(missed - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / prompts.length));
      expect(missed).toBeLessThan(Math.exp(-n * 0.3));
    }
  });

  it.each([0, -1, 1.5, NaN])("refuses N = %d", async (n) => {
    await expect(
      collect(
        bestOfN(wordPolicy(), promptsOf(1), {
          reward: logLikelihood,
          n,
          temperature: 1,
          maxTokens: 3,
          seed: 1,
        }),
      ),
    ).rejects.toThrow(UsageError);
  });

  it("stops when it is told to", async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    const drawing = async (): Promise<void> => {
      for await (const { prompt } of bestOfN(wordPolicy(), promptsOf(9), {
        reward: logLikelihood,
        n: 2,
        temperature: 1,
        maxTokens: 8,
        seed: 1,
        signal: stop.signal,
      })) {
        seen.push(prompt.id);
        if (seen.length === 3) stop.abort();
      }
    };
    await expect(drawing()).rejects.toThrow(InterruptedError);
    expect(seen).toEqual(["p0", "p1", "p2"]);
  });
});

describe("the greedy response as one more candidate", () => {
  /** Of three words one is likelier than the others together, until the end is: the greedy response is the likeliest of all. */
  const decided = (): Policy =>
    sequentialPolicy({
      ...{ name: "decided", fingerprint: "decided", endToken: 3, word: (token: number) => "abc"[token]! },
      next: (promptId, prefix) => {
        const top = prefix.length < 3 ? Number(promptId.slice(1)) % 3 : 3;
        return Float64Array.from([0, 1, 2, 3], (token) => Math.log(token === top ? 0.7 : 0.1));
      },
    });

  it.each(PRUNING)("is drawn first, competes, and the choice stays that of all: $name", async (reward) => {
    let [saved, savedWith] = [0, 0];
    for (let seed = 0; seed < 12; seed++) {
      const policy = interleaved(decided(), 3, seed);
      const options = { seed, reward, n: 12, extract: firstWord, withGreedy: true };
      savedWith += await compareGreedy(policy, options);
      saved += await compare(policy, promptsOf(3), { ...options, withGreedy: false });
      const [first] = promptsOf(1);
      const [own] = await collect(policy.greedy([first!], { maxTokens: 8 }));
      const best = (await chooseAll(policy, [first!], { ...options, keepAll: true })).get(first!.id)!;
      expect(best.finished).toHaveLength(13);
      expect(best.finished[0]).toEqual(own);
      const scores = await reward.score({ prompt: first!, responses: best.finished, extract: firstWord });
      expect(best.chosen).toBe(best.finished[choose(scores)]);
      if (reward.name === "log-likelihood") expect(best.chosen.index).toBe(-1);
    }
    if (reward.name === "log-likelihood") expect(savedWith).toBeGreaterThan(saved);
  });

  /** As `compare`, without the indices from 0. */
  async function compareGreedy(policy: Policy, options: Partial<BestOfNOptions>): Promise<number> {
    const full = await chooseAll(policy, promptsOf(3), { ...options, keepAll: true });
    const pruned = await chooseAll(policy, promptsOf(3), options);
    for (const [id, { chosen }] of full) expect(pruned.get(id)!.chosen).toEqual(chosen);
    return tokensOf(full) - tokensOf(pruned);
  }

  it("draws the same samples beside it", async () => {
    const policy = wordPolicy();
    const plain = (await chooseAll(policy, promptsOf(1), { keepAll: true })).get("p0")!;
    const both = (await chooseAll(policy, promptsOf(1), { keepAll: true, withGreedy: true })).get("p0")!;
    expect(both.finished.slice(1)).toEqual(plain.finished);
  });
});
