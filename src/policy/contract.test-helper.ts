import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InterruptedError, UsageError } from "../core/errors.js";
import { Inbox } from "../core/inbox.js";
import {
  searchesBeams,
  type Policy,
  type Prompt,
  type Response,
  type SampleRequest,
  type SamplingOptions,
} from "./policy.js";

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

async function* from<T>(items: readonly T[]): AsyncGenerator<T> {
  await Promise.resolve();
  yield* items;
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

  /** Equal but for the rounding of log-probabilities. */
  const expectSame = (got: readonly Response[], wanted: readonly Response[]): void => {
    expect(got.map(content)).toEqual(wanted.map(content));
    got.forEach(({ logProbs }, i) => close(logProbs, wanted[i]!.logProbs, tolerance));
  };

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

    test("beam search of width 1 is greedy, and of each width the same each time", async ({ skip }) => {
      const searching = policy;
      skip(!searchesBeams(searching), "this policy does not search");
      if (!searchesBeams(searching)) return;
      const found = (width: number) => collect(searching.beam(prompts, { width, maxTokens }));
      expectSame(await found(1), await collect(policy.greedy(prompts, { maxTokens })));
      const wide = await found(3);
      expect(wide.map(({ promptId, index }) => [promptId, index])).toEqual(
        prompts.map(({ id }) => [id, -1]).sort(),
      );
      expect(wide).toEqual(await found(3));
      const scored = await policy.logProb(
        wide.map(({ promptId, tokens }) => ({ prompt: promptOf(promptId), tokens })),
      );
      wide.forEach(({ logProbs }, i) => close(scored[i]!, logProbs, tolerance));
      await expect(found(0)).rejects.toThrow(UsageError);
      const signal = AbortSignal.abort();
      await expect(collect(searching.beam(prompts, { width: 2, maxTokens, signal }))).rejects.toThrow(
        InterruptedError,
      );
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
      skip(!policy.can.continues, "this policy cannot go on after given tokens");
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

    test("requests may come in time: those that come while others are drawn, and after all are", async () => {
      const inbox = new Inbox<SampleRequest>();
      for (const request of requests.slice(0, 5)) inbox.push(request);
      const got: Response[] = [];
      for await (const response of policy.sample(inbox, options)) {
        got.push(response);
        // More come with the second response, and the rest when none is left to draw.
        if (got.length === 2) for (const request of requests.slice(5, 9)) inbox.push(request);
        if (got.length === 9) {
          for (const request of requests.slice(9)) inbox.push(request);
          inbox.end();
        }
      }
      expectSame(await collect(from(got)), drawn);
    });

    test("each request has options of its own, whatever the others have", async () => {
      const own: Partial<SamplingOptions>[] = [
        {},
        { temperature: 0.4 },
        { maxTokens: 2 },
        { seed: SEED + 1, temperature: 1.5 },
      ];
      const ownOf = (index: number): Partial<SamplingOptions> => own[index % own.length]!;
      const mixed = requests.map((request) => ({ ...request, options: ownOf(request.index) }));
      const together = await collect(policy.sample(mixed, options));
      for (const [i, settings] of own.entries()) {
        const alone = requests.filter(({ index }) => index % own.length === i);
        expectSame(
          together.filter(({ index }) => index % own.length === i),
          await collect(policy.sample(alone, { ...options, ...settings })),
        );
      }
      const greedy = prompts.map((prompt) => ({ prompt, index: -1, options: { greedy: true } }));
      const both = await collect(policy.sample([...requests, ...greedy], options));
      expect(both.filter(({ index }) => index === -1).map(content)).toEqual(
        (await collect(policy.greedy(prompts, { maxTokens }))).map(content),
      );
    });

    test("a request that is cancelled yields nothing, and the others are as they would have been", async () => {
      const ended: string[] = [];
      const withSignal = requests.map((request): SampleRequest => {
        const { prompt, index } = request;
        const stop = new AbortController();
        if (index % 4 === 1) stop.abort();
        return {
          ...request,
          options: {
            signal: stop.signal,
            watcher: {
              drawn: ({ length }) => {
                if (index % 4 === 2 && length === 1) stop.abort();
              },
              ended: (response) => ended.push(`${prompt.id} ${index} ${response?.text ?? "nothing"}`),
            },
          },
        };
      });
      const got = await collect(policy.sample(withSignal, options));
      const kept = (index: number): boolean => index % 4 === 0 || index % 4 === 3;
      expectSame(
        got.filter(({ index }) => kept(index)),
        drawn.filter(({ index }) => kept(index)),
      );
      expect(got.filter(({ index }) => index % 4 === 1)).toEqual([]);
      // Those that could be seen after their first token are gone; a server that shows nothing before the end is not stopped.
      const all = drawn.map(content);
      for (const response of got) expect(all).toContainEqual(content(response));
      expect(ended.length).toBe(requests.length);
      for (const { promptId, index, text } of got) expect(ended).toContain(`${promptId} ${index} ${text}`);
      expect(new Set(ended).size).toBe(requests.length);
      expectSame(await collect(policy.sample(requests, options)), drawn);
    });

    test("an error of one request goes to its watcher, and the others are drawn", async () => {
      const whole = Array.from({ length: maxTokens }, () => 0);
      const errors: unknown[] = [];
      const bad: SampleRequest = {
        ...{ prompt: prompts[0]!, index: 99, prefix: whole },
        options: { watcher: { failed: (error) => errors.push(error) } },
      };
      const got = await collect(policy.sample([...requests.slice(0, 3), bad, ...requests.slice(3)], options));
      expectSame(got, drawn);
      expect(errors.length).toBe(1);
      expect(errors[0]).toBeInstanceOf(UsageError);
    });

    test("a signal ends the wait for a request, and a source that fails ends the call", async () => {
      const inbox = new Inbox<SampleRequest>();
      inbox.push(requests[0]!);
      const stop = new AbortController();
      const waiting = async (): Promise<void> => {
        for await (const response of policy.sample(inbox, { ...options, signal: stop.signal })) {
          expect(response.promptId).toBe(requests[0]!.prompt.id);
          setTimeout(() => stop.abort());
        }
      };
      await expect(waiting()).rejects.toThrow(InterruptedError);
      expect(inbox.closed).toBe(true);
      const broken = new Inbox<SampleRequest>();
      broken.push(requests[0]!);
      broken.fail(new RangeError("no more requests"));
      await expect(collect(policy.sample(broken, options))).rejects.toThrow("no more requests");
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
