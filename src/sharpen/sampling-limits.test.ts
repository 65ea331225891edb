import { afterAll, describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { collect, promptsOf, tinyGamePolicy, wordPolicy } from "./tiny-policies.test-helper.js";
import type { Policy, Response, SamplingOptions } from "../policy/policy.js";
import { chat } from "../policy/remote/dialects/chat.js";
import { serverKind } from "../policy/remote/server-kinds.js";
import { cutAtStop } from "../policy/sampling-limits.js";

const OPTIONS: SamplingOptions = { temperature: 1, maxTokens: 24, seed: 3 };
const policies: Policy[] = [wordPolicy(), await tinyGamePolicy()];
afterAll(async () => {
  for (const policy of policies) await policy.dispose();
});
const draw = (policy: Policy, more: Partial<SamplingOptions>): Promise<Response[]> => {
  const requests = promptsOf(2).flatMap((prompt) =>
    Array.from({ length: 12 }, (_, index) => ({ prompt, index })),
  );
  return collect(policy.sample(requests, { ...OPTIONS, ...more }));
};
const byKey = (responses: readonly Response[]): Map<string, Response> =>
  new Map(responses.map((response) => [`${response.promptId} ${response.index}`, response]));

describe.each(policies.map((policy) => [policy.name, policy] as const))("%s", (_, policy) => {
  it("ends a response where a text occurs in it, and is the same before", async () => {
    const whole = byKey(await draw(policy, {}));
    // A character that many responses have inside.
    const stop = policy.name === "words" ? "b" : "4";
    let cut = 0;
    for (const [key, response] of byKey(await draw(policy, { stop: [stop, "never"] }))) {
      const full = whole.get(key)!;
      expect(response.text).toBe(cutAtStop(full.text, [stop]) ?? full.text);
      expect(response.tokens).toEqual(full.tokens.slice(0, response.tokens.length));
      expect(response.logProbs).toHaveLength(response.tokens.length);
      if (response.text === full.text) continue;
      cut++;
      expect(response.finish).toBe("stop");
      expect(response.tokens.length).toBeLessThanOrEqual(full.tokens.length);
    }
    expect(cut).toBeGreaterThan(3);
  });

  it("draws greedily where the likeliest tokens alone have the probability, and says what the whole has", async () => {
    const greedy = new Map<string, Response>();
    for await (const response of policy.greedy(promptsOf(2), OPTIONS))
      greedy.set(response.promptId, response);
    for (const limits of [{ topP: 1e-6 }, { minP: 0.999999 }]) {
      for (const { promptId, tokens, logProbs } of await draw(policy, limits)) {
        const best = greedy.get(promptId)!;
        expect(tokens).toEqual(best.tokens);
        logProbs.forEach((value, at) => expect(value).toBeCloseTo(best.logProbs[at]!, 3));
      }
    }
  });

  it("draws what it draws without, where all tokens may be drawn", async () => {
    expect(byKey(await draw(policy, { topP: 1, minP: 0 }))).toEqual(byKey(await draw(policy, {})));
  });

  it.each([{ topP: 0 }, { topP: 1.1 }, { minP: 1 }, { minP: -0.1 }, { topP: NaN }, { stop: [""] }])(
    "refuses %j",
    async (limits) => {
      await expect(draw(policy, limits)).rejects.toThrow(UsageError);
    },
  );
});

describe("a server", () => {
  it("is asked for the limits, over what would switch its own off", () => {
    const ask = { prompt: { text: "?" }, maxTokens: 5, temperature: 1, seed: 1 };
    const kind = serverKind("vllm");
    expect(chat.body("m", kind, ask)).toMatchObject({ top_p: 1, min_p: 0 });
    expect(chat.body("m", kind, ask)).not.toHaveProperty("stop");
    expect(chat.body("m", kind, { ...ask, topP: 0.9, minP: 0.1, stop: ["\n"] })).toMatchObject({
      ...{ top_p: 0.9, min_p: 0.1, stop: ["\n"] },
    });
  });
});
