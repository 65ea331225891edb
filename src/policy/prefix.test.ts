import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tinyModel } from "../transformer/tiny-models.test-helper.js";
import { loadTokenizer } from "../transformer/text/tokenizer.js";
import { LocalPolicy } from "./local-policy.js";
import type { Policy, Prompt, Response, SampleRequest } from "./policy.js";
import { sequentialPolicy } from "./sequential.js";
import { tabularPolicy } from "./tabular.js";

const prompts: readonly Prompt[] = ["1 2", "3 4 5"].map((text, i) => ({ id: `p${i}`, text }));
const SAMPLING = { temperature: 1, maxTokens: 12, seed: 6 };

/** Three tokens, of which 2 ends a response, likelier the longer it is. */
const enumerable = sequentialPolicy({
  name: "ends",
  fingerprint: "ends",
  endToken: 2,
  next: (_, prefix) =>
    Float64Array.of(0.6, 0.3, 0.1 + prefix.length / 9).map((p) => Math.log(p / (1 + prefix.length / 9))),
});

async function draw(policy: Policy, requests: readonly SampleRequest[]): Promise<Response[]> {
  const all: Response[] = [];
  for await (const response of policy.sample(requests, SAMPLING)) all.push(response);
  const place = (response: Response): number => {
    return requests.findIndex(
      ({ prompt, index }) => prompt.id === response.promptId && index === response.index,
    );
  };
  return all.sort((a, b) => place(a) - place(b));
}

let local: LocalPolicy;
beforeAll(async () => {
  // The model has the first 64 of the tokenizer's tokens; they are all that the prompts need.
  const tokenizer = await loadTokenizer(join(import.meta.dirname, "../../models/game24"));
  local = LocalPolicy.of({ ...(await tinyModel("tiny-gqa")), tokenizer }, { threads: 1, rows: 5 });
});
afterAll(() => local.dispose());

describe.each<[string, () => Policy]>([
  ["an enumerable policy", () => enumerable],
  ["a transformer", () => local],
])("%s given a response's beginning", (_, policyOf) => {
  it("goes on as it did when it drew the whole response", async () => {
    const policy = policyOf();
    expect(policy.can.continues).toBe(true);
    const requests = prompts.flatMap((prompt) =>
      Array.from({ length: 8 }, (_unused, index) => ({ prompt, index })),
    );
    const whole = await draw(policy, requests);
    // All but the last token, half of them, and none, side by side.
    const keep = whole.map(({ tokens }, i) => Math.floor(((tokens.length - 1) * (i % 3)) / 2));
    const ends = await draw(
      policy,
      requests.map((request, i) => ({ ...request, prefix: whole[i]!.tokens.slice(0, keep[i]) })),
    );
    expect(keep.filter((length) => length > 2).length).toBeGreaterThan(1);
    ends.forEach((end, i) => {
      const { tokens, text, finish, logProbs } = whole[i]!;
      expect(end.tokens).toEqual(tokens.slice(keep[i]));
      expect(end).toMatchObject({ text, finish });
      expect(end.certainties).toHaveLength(end.tokens.length);
      expect(end.logProbs).toHaveLength(end.tokens.length);
      end.logProbs.forEach((value, t) => {
        expect(Math.abs(value - logProbs[keep[i]! + t]!)).toBeLessThan(1e-4);
      });
    });
  });

  it("counts only new tokens where it asks whether to abandon", async () => {
    const asked = new Map<number, number[]>();
    const requests = Array.from({ length: 40 }, (_unused, index) => ({
      prompt: prompts[0]!,
      index,
      prefix: [1, 0, 1],
    }));
    const abandon = ({ index, length }: { readonly index: number; readonly length: number }): boolean => {
      asked.set(index, [...(asked.get(index) ?? []), length]);
      return length === 3;
    };
    for await (const { index, tokens } of policyOf().sample(requests, { ...SAMPLING, abandon })) {
      expect(tokens.length).toBeLessThanOrEqual(3);
      expect(asked.get(index) ?? []).toEqual([1, 2].slice(0, tokens.length - 1));
      asked.delete(index);
    }
    // What was not yielded was dropped at three new tokens, six with the given ones.
    expect([...asked.values()]).toContainEqual([1, 2, 3]);
    for (const lengths of asked.values()) expect(lengths).toEqual([1, 2, 3]);
  });

  it("refuses a beginning that is a whole response", async () => {
    const attempt = (prefix: number[]) => draw(policyOf(), [{ prompt: prompts[0]!, index: 0, prefix }]);
    await expect(attempt([1, 2])).rejects.toThrow(/"p0" is to go on after 2 given tokens, but it is whole/);
    await expect(attempt(new Array<number>(12).fill(1))).rejects.toThrow(/after 12 given tokens/);
  });
});

it("refuses to go on after a token that the model does not have, or after a table's response", async () => {
  await expect(draw(local, [{ prompt: prompts[0]!, index: 0, prefix: [64] }])).rejects.toThrow(
    /after the token 64, but .* has only 64 tokens/,
  );
  const table = tabularPolicy({ p0: [0.5, 0.5] });
  await expect(draw(table, [{ prompt: prompts[0]!, index: 0, prefix: [1] }])).rejects.toThrow(/it is whole/);
});
