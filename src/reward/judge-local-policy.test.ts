import { expect, test } from "vitest";
import { LocalPolicy } from "../policy/local-policy.js";
import { logSoftmax, plainLogits } from "../transformer/decoder/plain-decoder.test-helper.js";
import { randomModel } from "../transformer/tiny-models.test-helper.js";
import { judge } from "./judge.js";
import type { Pool } from "./self-reward.js";

test("the judge asks a transformer, and scores what its plain distribution says of yes and no", async () => {
  const model = await randomModel({ maxPositions: 256 });
  const policy = LocalPolicy.of(model, { threads: 1 });
  const texts = ["4", "five"];
  const pool: Pool = {
    prompt: { id: "sum", text: "2 + 2 =" },
    extract: () => undefined,
    policy,
    responses: texts.map((text, index) => ({
      promptId: "sum",
      index,
      text,
      tokens: [5],
      logProbs: [-1],
      finish: "stop",
    })),
  };
  const scores = await judge({ template: "{prompt} {response} right?" }).score(pool);
  await policy.dispose();
  const logitsOf = plainLogits(model);
  const encode = (text: string, addSpecialTokens: boolean): number[] =>
    model.tokenizer.encode(text, { addSpecialTokens });
  const expected = texts.map((text) => {
    const prompt = encode(`2 + 2 = ${text} right?`, true);
    const probability = (verdict: string): number => {
      const tokens = encode(verdict, false);
      const logits = logitsOf([...prompt, ...tokens]);
      const sum = tokens.reduce(
        (total, token, t) => total + logSoftmax(logits[prompt.length - 1 + t]!)[token]!,
        0,
      );
      return Math.exp(sum);
    };
    const yes = probability(" yes") + probability(" Yes");
    return yes / (yes + probability(" no") + probability(" No"));
  });
  scores.forEach((score, i) => expect(score).toBeCloseTo(expected[i]!, 4));
  expect(scores[0]).not.toBe(scores[1]);
});
