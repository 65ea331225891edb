import { describe, expect, it } from "vitest";
import type { Policy, Response } from "../policy/policy.js";
import { tabularPolicy } from "../policy/tabular.js";
import type { Pool } from "../reward/self-reward.js";
import { checkSameModel, compareBase } from "./compare-base.js";

const table = { a: [0.5, 0.25, 0.25], b: [0.1, 0.2, 0.7] };
const prompts = ["a", "b"].map((id) => ({ id, text: id }));

/** Responses of one token each, which say `shift` more of it than is true. */
const pools = (policy: Policy, shift: number, each: number): Pool[] =>
  prompts.map((prompt) => ({
    prompt,
    policy,
    extract: (text) => text,
    responses: Array.from({ length: each }, (_, index): Response => {
      const token = index % 3;
      const logProbs = [Math.log(table[prompt.id as "a" | "b"][token]!) + shift];
      return { promptId: prompt.id, index, text: `${token}`, tokens: [token], logProbs, finish: "stop" };
    }),
  }));

describe("log π of who drew beside that of who trains", () => {
  const policy = tabularPolicy(table);

  it("differs by nothing where both are the same, and by what one says too much elsewhere", async () => {
    expect((await compareBase(policy, pools(policy, 0, 6))).mean).toBeCloseTo(0, 12);
    const found = await compareBase(policy, pools(policy, 0.3, 6));
    expect(found).toMatchObject({ tokens: 12, responses: 12, unlike: 0 });
    expect(found.mean).toBeCloseTo(0.3, 12);
  });

  it("leaves out responses whose tokens are others", async () => {
    const [first, second] = pools(policy, 0, 6);
    const cut = first!.responses.map((response) => ({ ...response, logProbs: [-1, -1, -1] }));
    const found = await compareBase(policy, [{ ...first!, responses: cut }, second!]);
    expect(found).toMatchObject({ tokens: 6, unlike: 6 });
  });

  it("refuses another model with the likely causes, and says so where there is too little to tell", async () => {
    await expect(checkSameModel(policy, pools(policy, 0.3, 6))).rejects.toThrow("quantized weights");
    const same = await checkSameModel(policy, pools(policy, 0.3, 6), 0.5);
    expect(same.sentence).toContain("the same model");
    expect(same.mean).toBeCloseTo(0.3, 12);
    expect((await checkSameModel(policy, pools(policy, 0, 1))).sentence).toContain("Too few tokens");
  });
});
