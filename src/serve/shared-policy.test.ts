import { afterAll, describe, expect, it } from "vitest";
import { InterruptedError, UsageError } from "../core/errors.js";
import { rewardNamed } from "../reward/registry.js";
import { bestOfN } from "../sharpen/best-of-n.js";
import { collect, promptsOf, tinyGamePolicy, wordPolicy } from "../sharpen/tiny-policies.test-helper.js";
import type { LocalPolicy } from "../policy/local-policy.js";
import type { Policy, Response, SampleRequest } from "../policy/policy.js";
import { SharedPolicy } from "./shared-policy.js";

const OPTIONS = { temperature: 1, maxTokens: 9, seed: 4 };
const policies: LocalPolicy[] = [];
afterAll(async () => {
  for (const policy of policies) await policy.dispose();
});
async function tiny(rows?: number): Promise<LocalPolicy> {
  const policy = await tinyGamePolicy(rows);
  policies.push(policy);
  return policy;
}

const [PROMPT] = promptsOf(1) as [ReturnType<typeof promptsOf>[number]];
const requestsOf = (n: number, prompt = PROMPT): SampleRequest[] =>
  Array.from({ length: n }, (_, index) => ({ prompt, index }));
const byIndex = (responses: readonly Response[]): Response[] =>
  [...responses].sort((a, b) => a.index - b.index);

describe("a policy for several callers", () => {
  it("gives each what it gets alone, prunes each for itself, and holds nothing afterwards", async () => {
    const policy = await tiny(12);
    const shared = new SharedPolicy(policy);
    const callers = promptsOf(9).map((prompt, i) => {
      // All have one id, as all that a server is asked do.
      const prompts = [{ ...prompt, id: "prompt" }];
      const reward = rewardNamed(["log-likelihood", "length-normalized", "majority"][i % 3]!);
      const temperature = [1, 0.7][i % 2]!;
      return { prompts, options: { reward, n: 3 + i, temperature, maxTokens: 5 + i, seed: i } };
    });
    const together = await Promise.all(
      callers.map(({ prompts, options }) => collect(bestOfN(shared.caller(), prompts, options))),
    );
    expect(shared.standing).toEqual({ responses: 0, callers: 0 });
    for (const [i, { prompts, options }] of callers.entries()) {
      const [alone] = await collect(bestOfN(policy, prompts, options));
      expect(together[i]![0]).toMatchObject({ chosen: alone!.chosen });
    }
    await shared.close();
    expect(await collect(policy.sample(requestsOf(2), OPTIONS))).toHaveLength(2);
  });

  it("takes from whoever has the fewest under way, a group of rows at a time", async () => {
    const order: string[] = [];
    const words = wordPolicy();
    const ends: (() => void)[] = [];
    const watched: Policy = {
      ...words,
      // Takes six requests, ends the first, and takes the rest: no clock is needed to see the order.
      async *sample(requests, options) {
        for await (const request of requests as AsyncIterable<SampleRequest>) {
          order.push(request.prompt.id);
          ends.push(() => request.options!.watcher!.ended!(undefined));
          if (order.length >= 14) ends.splice(0).forEach((end) => end());
        }
        yield* words.sample([], options);
      },
    };
    const shared = new SharedPolicy(watched);
    const [a, b] = promptsOf(2) as [typeof PROMPT, typeof PROMPT];
    await Promise.all(
      [requestsOf(8, a), requestsOf(6, b)].map((requests) =>
        collect(shared.caller().sample(requests, OPTIONS)),
      ),
    );
    expect(order.join(" ")).toBe("p0 p0 p0 p0 p1 p1 p1 p1 p0 p0 p0 p0 p1 p1");
  });

  it("frees what a caller held who leaves, or is stopped, and goes on for the others", async () => {
    const policy = await tiny(8);
    const shared = new SharedPolicy(policy);
    const stop = new AbortController();
    const options = { ...OPTIONS, maxTokens: 30 };
    const stayed = collect(shared.caller().sample(requestsOf(24), options));
    const stopped = collect(shared.caller().sample(requestsOf(40), { ...options, signal: stop.signal }));
    for await (const _ of shared.caller().sample(requestsOf(40), options)) break;
    expect(shared.standing.callers).toBe(2);
    stop.abort();
    await expect(stopped).rejects.toThrow(InterruptedError);
    expect(byIndex(await stayed)).toEqual(byIndex(await collect(policy.sample(requestsOf(24), options))));
    expect(shared.standing).toEqual({ responses: 0, callers: 0 });
    const cancelled = { ...options, signal: stop.signal };
    await expect(collect(shared.caller().sample(requestsOf(1), cancelled))).rejects.toThrow(InterruptedError);
    await shared.close();
  });

  it("tells an error to the caller whose request it was", async () => {
    const policy = await tiny();
    const shared = new SharedPolicy(policy);
    const long = collect(shared.caller().sample(requestsOf(2), { ...OPTIONS, maxTokens: 500 }));
    const other = collect(shared.caller().sample(requestsOf(3), OPTIONS));
    await expect(long).rejects.toThrow(UsageError);
    expect(await other).toHaveLength(3);
    await shared.close();
    await expect(collect(shared.caller().sample(requestsOf(1), OPTIONS))).rejects.toThrow(/closed/);
  });

  it("draws anew after an error that ended the drawing of all", async () => {
    const words = wordPolicy();
    let calls = 0;
    const failing: Policy = {
      ...words,
      sample(requests, options) {
        if (calls++ === 0) throw new Error("the engine died");
        return words.sample(requests, options);
      },
    };
    const shared = new SharedPolicy(failing);
    const draw = (): Promise<Response[]> => collect(shared.caller().sample(requestsOf(2), OPTIONS));
    await expect(Promise.all([draw(), draw()])).rejects.toThrow("the engine died");
    expect(await draw()).toHaveLength(2);
    await shared.close();
  });

  it("takes requests that come in time, and the options that a caller has for all of them", async () => {
    const policy = await tiny();
    const shared = new SharedPolicy(policy);
    async function* coming(): AsyncGenerator<SampleRequest> {
      for (const request of requestsOf(3)) {
        await new Promise((resolve) => setImmediate(resolve));
        yield request;
      }
    }
    const drawn = await collect(shared.caller({ greedy: true }).sample(coming(), OPTIONS));
    const [greedy] = await collect(policy.greedy([PROMPT], OPTIONS));
    expect(drawn.map(({ tokens }) => tokens)).toEqual([0, 1, 2].map(() => greedy!.tokens));
    await shared.close();
  });
});
