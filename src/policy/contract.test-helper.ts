import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InterruptedError, UsageError } from "../core/errors.js";
import type { Policy, Prompt, Response, SampleRequest, SamplingOptions } from "./policy.js";

/** A policy to hold to the contract of `Policy`. */
export interface PolicyCase {
  readonly name: string;
  /** A policy of its own for each call. */
  readonly make: () => Promise<Policy>;
  /** At least two. */
  readonly prompts: readonly Prompt[];
  /** Enough for some responses to end by themselves, and at least 3. */
  readonly maxTokens: number;
  /** Of log-probabilities, in nats. */
  readonly tolerance: number;
}

const SAMPLES = 8;
const SEED = 5;

async function collect(responses: AsyncIterable<Response>): Promise<Response[]> {
  const all: Response[] = [];
  for await (const response of responses) all.push(response);
  return all.sort((a, b) => (a.promptId < b.promptId ? -1 : a.promptId > b.promptId ? 1 : a.index - b.index));
}

const close = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number): void => {
  expect(a.length).toBe(b.length);
  for (let i = 0; i < a.length; i++) expect(Math.abs(a[i]! - b[i]!)).toBeLessThanOrEqual(tolerance);
};

/** Tokens, text and end; log-probabilities are compared apart, as they may round differently. */
const content = ({ promptId, index, text, tokens, finish }: Response): object => ({
  promptId,
  index,
  text,
  tokens,
  finish,
});

/** Registers the tests of the contract that `Policy` states, for one implementation. */
export function testPolicyContract({ name, make, prompts, maxTokens, tolerance }: PolicyCase): void {
  const requests: SampleRequest[] = prompts.flatMap((prompt) =>
    Array.from({ length: SAMPLES }, (_, index) => ({ prompt, index })),
  );
  const promptOf = (id: string): Prompt => prompts.find((prompt) => prompt.id === id)!;
  const options: SamplingOptions = { temperature: 1, maxTokens, seed: SEED };

  describe(`${name} keeps the contract of a policy:`, () => {
    let policy: Policy;
    let drawn: Response[];
    beforeAll(async () => {
      policy = await make();
      drawn = await collect(policy.sample(requests, options));
    });
    afterAll(() => policy.dispose());

    test("a response for each request, with a log-probability and a certainty for each token", () => {
      expect(drawn.map(({ promptId, index }) => [promptId, index])).toEqual(
        [...requests]
          .sort((a, b) =>
            a.prompt.id < b.prompt.id ? -1 : a.prompt.id > b.prompt.id ? 1 : a.index - b.index,
          )
          .map(({ prompt, index }) => [prompt.id, index]),
      );
      for (const { tokens, logProbs, certainties } of drawn) {
        expect(logProbs.length).toBe(tokens.length);
        expect(certainties?.length ?? tokens.length).toBe(tokens.length);
        expect(logProbs.every((value) => value <= tolerance && value > -Infinity)).toBe(true);
        expect((certainties ?? []).every((value) => value >= -tolerance)).toBe(true);
      }
      expect(
        new Set(drawn.map(({ promptId, tokens }) => `${promptId} ${tokens.join()}`)).size,
      ).toBeGreaterThan(prompts.length);
    });

    test("a sample's log-probabilities are what logProb says of it, in the order given", async () => {
      const scored = await policy.logProb(
        drawn.map(({ promptId, tokens }) => ({ prompt: promptOf(promptId), tokens })),
      );
      drawn.forEach(({ logProbs }, i) => close(scored[i]!, logProbs, tolerance));
      expect(await policy.logProb([])).toEqual([]);
    });

    test("they are at temperature 1 at other temperatures too, which draw other responses", async () => {
      const cold = await collect(policy.sample(requests, { ...options, temperature: 0.4 }));
      const scored = await policy.logProb(
        cold.map(({ promptId, tokens }) => ({ prompt: promptOf(promptId), tokens })),
      );
      cold.forEach(({ logProbs }, i) => close(scored[i]!, logProbs, tolerance));
      expect(cold.map(content)).not.toEqual(drawn.map(content));
      const mean = (responses: readonly Response[]): number => {
        const all = responses.flatMap(({ logProbs }) => logProbs);
        return all.reduce((sum, value) => sum + value, 0) / all.length;
      };
      expect(mean(cold)).toBeGreaterThan(mean(drawn));
    });

    test("a sample is fixed by seed, prompt and index: not by order or by what else is drawn", async () => {
      const reversed = await collect(policy.sample([...requests].reverse(), options));
      expect(reversed.map(content)).toEqual(drawn.map(content));
      const some = requests.filter((_, i) => i % 5 === 2);
      const few = await collect(policy.sample(some, options));
      const kept = new Set(some.map(({ prompt, index }) => `${prompt.id} ${index}`));
      const same = drawn.filter(({ promptId, index }) => kept.has(`${promptId} ${index}`));
      expect(few.map(content)).toEqual(same.map(content));
      few.forEach(({ logProbs }, i) => close(logProbs, same[i]!.logProbs, tolerance));
      const other = await collect(policy.sample(requests, { ...options, seed: SEED + 1 }));
      expect(other.map(content)).not.toEqual(drawn.map(content));
    });

    test("greedy has index -1, is the same each time, and starts with a most probable token", async () => {
      const greedy = await collect(policy.greedy(prompts, { maxTokens }));
      expect(greedy.map(({ promptId }) => promptId)).toEqual(prompts.map(({ id }) => id).sort());
      expect(greedy.every(({ index }) => index === -1)).toBe(true);
      expect(greedy).toEqual(await collect(policy.greedy(prompts, { maxTokens })));
      for (const { promptId, logProbs, tokens } of greedy) {
        for (const sample of drawn.filter((response) => response.promptId === promptId)) {
          // Where a sample leaves the greedy response, it takes a token that is no more probable.
          const at = tokens.findIndex((token, i) => token !== sample.tokens[i]);
          if (at >= 0 && at < sample.tokens.length)
            expect(sample.logProbs[at]!).toBeLessThanOrEqual(logProbs[at]! + tolerance);
        }
      }
    });

    test("maxTokens cuts and changes nothing else; a cut response has finish length", async () => {
      expect(drawn.every(({ tokens }) => tokens.length >= 1 && tokens.length <= maxTokens)).toBe(true);
      for (const limit of [1, maxTokens - 1]) {
        const cut = await collect(policy.sample(requests, { ...options, maxTokens: limit }));
        for (const [i, { tokens, finish }] of cut.entries()) {
          const whole = drawn[i]!;
          expect(tokens).toEqual(whole.tokens.slice(0, limit));
          const ended = whole.finish === "stop" && whole.tokens.length <= limit;
          expect(finish).toBe(ended ? "stop" : "length");
        }
      }
      expect(
        drawn.filter(({ finish }) => finish === "length").every(({ tokens }) => tokens.length === maxTokens),
      ).toBe(true);
    });

    test("abandon drops what it is true for, and shows the sum so far", async () => {
      const sums = new Map<string, number>();
      const abandon: SamplingOptions["abandon"] = ({ promptId, index, length, logProb }) => {
        sums.set(`${promptId} ${index} ${length}`, logProb);
        return index % 3 === 0;
      };
      const kept = await collect(policy.sample(requests, { ...options, abandon }));
      // A response that is whole after its first token is never asked about.
      const expected = drawn.filter(({ index, tokens }) => index % 3 !== 0 || tokens.length === 1);
      expect(kept.map(content)).toEqual(expected.map(content));
      for (const { promptId, index, logProbs } of kept) {
        let sum = 0;
        logProbs.slice(0, -1).forEach((value, i) => {
          sum += value;
          expect(Math.abs(sums.get(`${promptId} ${index} ${i + 1}`)! - sum)).toBeLessThanOrEqual(tolerance);
        });
        expect(sums.has(`${promptId} ${index} ${logProbs.length}`)).toBe(false);
      }
    });

    test("a sample's own beginning, given back, has the same continuation", async ({ skip }) => {
      if (!policy.can.continues) return skip(); // A policy may be unable to go on after given tokens.
      const long = drawn.filter(({ tokens }) => tokens.length > 2);
      const given = long.map(({ promptId, index, tokens }) => ({
        prompt: promptOf(promptId),
        index,
        prefix: tokens.slice(0, 1 + (index % (tokens.length - 1))),
      }));
      const rest = await collect(policy.sample(given, options));
      expect(rest.length).toBe(long.length);
      rest.forEach((response, i) => {
        const whole = long[i]!;
        const start = given[i]!.prefix.length;
        expect(content(response)).toEqual({ ...content(whole), tokens: whole.tokens.slice(start) });
        close(response.logProbs, whole.logProbs.slice(start), tolerance);
      });
      const whole = { prompt: prompts[0]!, index: 0, prefix: Array.from({ length: maxTokens }, () => 0) };
      await expect(collect(policy.sample([whole], options))).rejects.toThrow(UsageError);
    });

    test("a signal that fires throws InterruptedError", async () => {
      const signal = AbortSignal.abort();
      await expect(collect(policy.sample(requests, { ...options, signal }))).rejects.toThrow(
        InterruptedError,
      );
      await expect(collect(policy.greedy(prompts, { maxTokens, signal }))).rejects.toThrow(InterruptedError);
      expect(await collect(policy.sample([], options))).toEqual([]);
    });

    test("a policy made alike has the same digest; after dispose every call throws a UsageError", async () => {
      const other = await make();
      expect(other.digest).toBe(policy.digest);
      expect(other.digest).toMatch(/^[0-9a-f]{64}$/);
      await other.dispose();
      await other.dispose();
      await expect(collect(other.sample(requests, options))).rejects.toThrow(UsageError);
      await expect(collect(other.greedy(prompts, { maxTokens }))).rejects.toThrow(UsageError);
      await expect(other.logProb([{ prompt: prompts[0]!, tokens: [0] }])).rejects.toThrow(UsageError);
    });
  });
}
