import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { modelFolder } from "../../src/policy/model-folder.js";
import { sequenceLogProb, type Prompt, type Response } from "../../src/policy/policy.js";
import { rewardNamed } from "../../src/reward/registry.js";
import { choose } from "../../src/reward/self-reward.js";
import { bestOfN } from "../../src/sharpen/best-of-n.js";
import { findTask } from "../../src/task/registry.js";
import { fetchedModel } from "../support/golden-model.js";

const smollm2 = process.env["WHETSTONE_SMOLLM2"] ?? fetchedModel("smollm2");
/** log π of whole passes and of single steps differ by as much in float32. */
const ROUNDING = 1e-3;

const QUESTIONS: readonly Prompt[] = [
  "Question: A farmer has 3 pens with 4 hens each. How many hens are there?\nAnswer:",
  "Question: Tom reads 12 pages a day for 5 days. How many pages is that?\nAnswer:",
].map((text, i) => ({ id: `q${i}`, text }));

interface Case {
  readonly quantize: "int8" | "int4" | "keepa8";
  readonly path: string | undefined;
  readonly name: string;
  readonly n: number;
  readonly maxTokens: number;
}

const CASES: readonly Case[] = [
  { quantize: "int8", path: modelFolder("game24"), name: "game24", n: 24, maxTokens: 18 },
  { quantize: "int4", path: modelFolder("game24"), name: "game24", n: 24, maxTokens: 18 },
  { quantize: "int8", path: smollm2, name: "SmolLM2", n: 16, maxTokens: 32 },
  { quantize: "keepa8", path: smollm2, name: "SmolLM2", n: 8, maxTokens: 24 },
  { quantize: "int8", path: fetchedModel("qwen"), name: "Qwen", n: 8, maxTokens: 12 },
];

describe.each(CASES)("exact choices of $name in $quantize", ({ quantize, path, name, n, maxTokens }) => {
  let policy: LocalPolicy;
  let prompts: readonly Prompt[];
  let drawn: Map<string, Response[]>;
  beforeAll(async () => {
    if (path === undefined) return;
    policy = await LocalPolicy.load(path, { quantize, exactChoice: true });
    prompts = name === "game24" ? (await findTask("game24")).prompts("test").slice(0, 12) : QUESTIONS;
    drawn = new Map(prompts.map(({ id }) => [id, []]));
    const requests = prompts.flatMap((prompt) =>
      Array.from({ length: n }, (_, index) => ({ prompt, index })),
    );
    for await (const response of policy.sample(requests, { temperature: 1, maxTokens, seed: 1 }))
      drawn.get(response.promptId)!.push(response);
  });
  afterAll(() => policy?.dispose());

  it.skipIf(path === undefined).each(["log-likelihood", "length-normalized"])(
    "by %s are the float model's own among all that was drawn, pruned or not",
    async (rewardName) => {
      const reward = rewardNamed(rewardName);
      const options = { reward, n, temperature: 1, maxTokens, seed: 1 };
      const chosen = { pruned: new Map<string, Response>(), full: new Map<string, Response>() };
      for (const way of ["pruned", "full"] as const)
        for await (const best of bestOfN(policy, prompts, { ...options, keepAll: way === "full" }))
          chosen[way].set(best.prompt.id, best.chosen);
      for (const prompt of prompts) {
        const responses = drawn.get(prompt.id)!.sort((a, b) => a.index - b.index);
        const theirs = await policy.unrounded!.logProb(responses.map(({ tokens }) => ({ prompt, tokens })));
        const exact = responses.map((response, i) => ({ ...response, logProbs: Array.from(theirs[i]!) }));
        const scores = await reward.score({ prompt, responses: exact, extract: (text) => text });
        const place = choose(scores);
        for (const way of ["pruned", "full"] as const) {
          const at = responses.findIndex(({ index }) => index === chosen[way].get(prompt.id)!.index);
          // The same response, or one that is as good to the rounding of float32.
          expect(scores[place]! - scores[at]!, `${prompt.id} ${way}`).toBeLessThan(ROUNDING);
          expect(
            Math.abs(sequenceLogProb(chosen[way].get(prompt.id)!) - sequenceLogProb(exact[at]!)),
          ).toBeLessThan(ROUNDING);
        }
      }
    },
  );
});
