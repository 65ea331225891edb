import { afterAll, describe, expect, it } from "vitest";
import { answer } from "../sharpen/answer.js";
import { tinyGamePolicy, wordPolicy } from "../sharpen/tiny-policies.test-helper.js";
import { rewardNamed } from "../reward/registry.js";
import { servePolicy, whetstoneOf } from "./serve.test-helper.js";

const policy = await tinyGamePolicy(24);
afterAll(() => policy.dispose());

const TEXT = "4 9 10 :";
const ask = { model: "tiny-game", prompt: TEXT, seed: 6, max_tokens: 9 };

describe("candidates of π^α", () => {
  it.each(["power", "smc"] as const)(
    "are those of `answer`, beside others' in the same batch: %s",
    async (method) => {
      const { client } = await servePolicy(policy);
      const power = { method, alpha: 3, moves: 2, blocks: 2, particles: 6 };
      const reward = rewardNamed("length-normalized");
      const options = { reward, seed: 6, maxTokens: 9, power };
      const [one, three] = [
        await answer(policy, TEXT, options),
        await answer(policy, TEXT, { ...options, n: 3 }),
      ];
      const others = Array.from({ length: 4 }, (_, seed) => client.completions.create({ ...ask, seed }));
      const reply = await client.completions.create({ ...ask, ...{ whetstone: power } });
      expect(reply.choices.map(({ text }) => text)).toEqual([one.chosen.text]);
      expect(reply.usage!.completion_tokens).toBe(one.tokens);
      const { tokens, ...found } = one.power!;
      expect(tokens).toBe(one.tokens);
      expect(whetstoneOf(reply)).toMatchObject({ method, alpha: 3, ...found });
      const best = await client.completions.create({ ...ask, best_of: 3, ...{ whetstone: power } });
      expect(best.choices[0]!.text).toBe(three.chosen.text);
      expect(whetstoneOf(best).chosen).toBe(three.chosen.index);
      await Promise.all(others);
    },
  );

  it("are refused where they cannot be had", async () => {
    const { client } = await servePolicy(policy);
    const refused = (body: object): Promise<unknown> => client.completions.create({ ...ask, ...body });
    await expect(refused({ temperature: 0.5, whetstone: { method: "power" } })).rejects.toMatchObject({
      ...{ status: 400, param: "temperature" },
    });
    await expect(refused({ whetstone: { alpha: 2 } })).rejects.toMatchObject({ param: "whetstone.alpha" });
    await expect(refused({ whetstone: { method: "smc", particles: 1e6 } })).rejects.toMatchObject({
      status: 400,
    });
    const words = wordPolicy();
    const served = await servePolicy({ ...words, can: { ...words.can, continues: false } });
    const failed = served.client.completions.create({
      ...ask,
      model: "words",
      ...{ whetstone: { method: "power" } },
    });
    await expect(failed).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("goes on after"),
    });
  });
});
