import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { InterruptedError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import type { LocalPolicy } from "../policy/local-policy.js";
import { drawnBy } from "../policy/policy.js";
import { scoreUnder } from "./score-under.js";
import { promptsOf, tinyPolicy } from "./tiny-policies.test-helper.js";

let policy: LocalPolicy;
beforeAll(async () => {
  policy = await tinyPolicy("tiny-gqa");
});
afterAll(() => policy.dispose());

/** Of one prompt, each of so many tokens. */
function responsesOf(count: number, length: number): ReturnType<typeof drawnBy> {
  const stream = randomStream(1, "responses");
  const { id } = promptsOf(1)[0]!;
  const responses = Array.from({ length: count }, (_, index) => {
    const tokens = Array.from({ length }, () => 4 + stream.integer(60));
    return { promptId: id, index, text: "", tokens, logProbs: tokens.map(() => 0), finish: "stop" as const };
  });
  return drawnBy("sft", responses);
}

describe("scoreUnder", () => {
  it("scores so many at once that it can be stopped in between, and each as if it were alone", async () => {
    const [prompts, responses] = [promptsOf(1), responsesOf(600, 32)];
    const scored = vi.spyOn(policy, "score");
    const done: number[] = [];
    const all = await scoreUnder(policy, responses, { prompts, onProgress: (told) => done.push(told.done) });
    // 512 responses of 32 tokens are 16,384.
    expect(scored.mock.calls.map(([requests]) => [...requests].length)).toEqual([512, 88]);
    expect(done).toEqual([512, 600]);
    scored.mockClear();
    await scoreUnder(policy, responsesOf(600, 33), { prompts });
    expect(scored.mock.calls.map(([requests]) => [...requests].length)).toEqual([496, 104]);
    scored.mockRestore();
    for (const at of [0, 511, 512, 599]) {
      const [alone] = await policy.logProb([{ prompt: prompts[0]!, tokens: responses[at]!.tokens }]);
      expect(all[at]!.index).toBe(at);
      all[at]!.logProbs.forEach((value, t) => expect(value).toBeCloseTo(alone![t]!, 4));
    }

    const stop = new AbortController();
    const stopped = scoreUnder(policy, responses, {
      prompts,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(stopped).rejects.toThrow(InterruptedError);
  });

  it("scores a response that is longer than what is scored at once", async () => {
    const scored = vi.spyOn(policy, "score").mockImplementation((requests) =>
      Promise.resolve(
        [...requests].map(({ tokens }) => ({
          logProbs: new Float32Array(tokens.length),
          certainties: new Float32Array(tokens.length),
        })),
      ),
    );
    await scoreUnder(policy, responsesOf(2, 20_000), { prompts: promptsOf(1) });
    expect(scored.mock.calls.map(([requests]) => [...requests].length)).toEqual([1, 1]);
    scored.mockRestore();
  });
});
