import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ROOT } from "../../../test/support/fixture.js";
import { UsageError } from "../../core/errors.js";
import type { Policy, RequestOptions, Response } from "../policy.js";
import { connectTrainer } from "./connect-trainer.js";
import { tinkerServer, type TinkerScript } from "./tinker-server.test-helper.js";

const base = join(ROOT, "models", "game24");
const call = { temperature: 1, maxTokens: 8, seed: 1 };
const prompt = { id: "p", text: "4 9 10 13 = 24 :" };

async function policyOf(script: TinkerScript): Promise<Policy & Required<Pick<Policy, "encode">>> {
  const server = await tinkerServer(script);
  onTestFinished(() => server.close());
  const trainer = await connectTrainer({ url: server.url, base });
  onTestFinished(() => trainer.close());
  return trainer.basePolicy("base");
}

/** What became of one request: its response, the error that it had alone, and whether its watcher was told of its end. */
async function drawn(
  policy: Policy,
  options: RequestOptions,
): Promise<{ readonly responses: Response[]; readonly error: unknown; readonly ended: unknown[] }> {
  const responses: Response[] = [];
  const ended: unknown[] = [];
  let error: unknown;
  const watcher = {
    ended: (response: Response | undefined) => ended.push(response),
    failed: (failed: unknown) => (error = failed),
  };
  for await (const response of policy.sample([{ prompt, index: 0, options: { ...options, watcher } }], call))
    responses.push(response);
  return { responses, error, ended };
}

describe("drawing from a trainer", () => {
  it("asks for each request what it has of its own", async () => {
    const asked: unknown[] = [];
    const draw: TinkerScript["draw"] = ({ sampling_params: parameters }) => {
      asked.push(parameters);
      return [5, 2];
    };
    const policy = await policyOf({ own: true, draw });
    await drawn(policy, { topP: 0.5, temperature: 0.7, maxTokens: 3 });
    await drawn(policy, { greedy: true });
    expect(asked).toMatchObject([
      { top_p: 0.5, temperature: 0.7, max_tokens: 3 },
      { top_p: 1, temperature: 0, max_tokens: 8 },
    ]);
  });

  it("ends a response at its request's own text", async () => {
    const draw = (): number[] => policy.encode("4 + 9 + 10 + 13").slice();
    const policy = await policyOf({ draw });
    const { responses } = await drawn(policy, { stop: ["+"] });
    expect(responses[0]!.text.trim()).toBe("4");
    expect(responses[0]).toMatchObject({ finish: "stop" });
    expect(responses[0]!.tokens.length).toBe(responses[0]!.logProbs.length);
    expect(responses[0]!.tokens.length).toBeLessThan(draw().length);
  });

  it.each([
    [{ temperature: 0.5 }, /temperature 0.5/],
    [{ topP: 0.5 }, /temperature/],
    [{ minP: 0.1 }, /minP/],
    [{ topP: 2 }, /topP must be/],
    [{ stop: [""] }, /must not be empty/],
  ])("refuses %o of one request alone where it cannot be had", async (options, sentence) => {
    const { responses, error, ended } = await drawn(await policyOf({}), options);
    expect([responses, ended]).toEqual([[], []]);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toMatch(sentence);
  });

  it("tells of a request that is cancelled, before it is asked for and while it is under way", async () => {
    const policy = await policyOf({ draw: () => "hold" });
    const before = await drawn(policy, { signal: AbortSignal.abort() });
    const during = await drawn(policy, { signal: AbortSignal.timeout(50) });
    for (const each of [before, during])
      expect(each).toEqual({ responses: [], error: undefined, ended: [undefined] });
  });

  it("drops what its request's rule drops, and never asks it about the last token", async () => {
    const policy = await policyOf({ draw: () => [5, 6, 7] });
    const seen: number[] = [];
    const kept = await drawn(policy, { abandon: ({ length }) => seen.push(length) < 0 });
    expect([seen, kept.responses.length]).toEqual([[1, 2], 1]);
    const dropped = await drawn(policy, { abandon: ({ logProb }) => logProb < -1.5 });
    expect([dropped.responses, dropped.ended]).toEqual([[], [undefined]]);
  });
});
