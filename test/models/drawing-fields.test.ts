import { afterAll, describe, expect, it } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { modelFolder } from "../../src/policy/model-folder.js";
import { cutAtStop } from "../../src/policy/sampling-limits.js";
import { logLikelihood } from "../../src/reward/log-likelihood.js";
import { rewardNamed } from "../../src/reward/registry.js";
import { adaptiveBestOfN } from "../../src/sharpen/adaptive-best-of-n.js";
import { answer } from "../../src/sharpen/answer.js";
import { servePolicy, whetstoneOf, type Whetstone } from "../../src/serve/serve.test-helper.js";
import { SharedPolicy } from "../../src/serve/shared-policy.js";

const policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
afterAll(() => policy.dispose());

const { vocabSize } = policy.runtime.model.config;

const TEXT = "4 9 10 13 = 24 :";
const chat = { model: "game24", messages: [{ role: "user" as const, content: TEXT }] };
const reward = rewardNamed("length-normalized");

describe("top_p, min_p and stop", () => {
  it.each([
    [{ top_p: 0.6 }, { topP: 0.6 }],
    [{ min_p: 0.2 }, { minP: 0.2 }],
    [{ stop: "=" }, { stop: ["="] }],
    [
      { top_p: 0.8, min_p: 0.05, stop: ["13", "9 ="], temperature: 1.3 },
      { topP: 0.8, minP: 0.05, stop: ["13", "9 ="] },
    ],
  ])("%j draws what `answer` draws, whatever others ask for at once", async (fields, limits) => {
    const { client } = await servePolicy(policy);
    const { temperature = 1 } = fields as { temperature?: number };
    const others = [0.3, 0.9].map((top) => client.chat.completions.create({ ...chat, seed: 7, top_p: top }));
    const reply = await client.chat.completions.create({
      ...{ ...chat, ...fields, seed: 3 },
      ...{ best_of: 6, whetstone: { return: "all" } },
    });
    await Promise.all(others);
    const best = await answer(policy, TEXT, { reward, n: 6, seed: 3, temperature, keepAll: true, ...limits });
    expect(reply.choices[0]!.message.content).toBe(best.chosen.text);
    expect(whetstoneOf(reply).candidates!.map(({ text }) => text)).toEqual(
      best.finished.map(({ text }) => text),
    );
    expect(whetstoneOf(reply).score).toBe(best.score);
  });

  it("stop ends the greedy response too, and a stream shows nothing of a text that ends it", async () => {
    const { client } = await servePolicy(policy);
    for (const fields of [
      { temperature: 0 },
      { best_of: 1, seed: 4 },
      { best_of: 3, seed: 4, temperature: 0.3 },
    ]) {
      const whole = await client.chat.completions.create({ ...chat, ...fields });
      const text = whole.choices[0]!.message.content!;
      const stop = text.slice(4, 8);
      const body = { ...chat, ...fields, stop: [stop] };
      const cut = (await client.chat.completions.create(body)).choices[0]!;
      if (!("best_of" in fields) || fields.best_of === 1)
        expect(cut.message.content).toBe(cutAtStop(text, [stop]));
      expect(cut.finish_reason).toBe("stop");
      let streamed = "";
      for await (const { choices } of await client.chat.completions.create({ ...body, stream: true }))
        streamed += choices[0]?.delta.content ?? "";
      expect(streamed).toBe(cut.message.content);
    }
  });
});

describe("logprobs", () => {
  it("are told in chat's shape, and make up the text, streamed or not", async () => {
    const { client } = await servePolicy(policy);
    const body = { ...chat, best_of: 5, n: 2, seed: 1, logprobs: true, top_logprobs: 0 };
    const { choices } = await client.chat.completions.create(body);
    const best = await answer(policy, TEXT, { reward, n: 5, seed: 1, keepAll: true });
    const { content } = choices[0]!.logprobs!;
    expect(content!.map(({ token }) => token).join("")).toBe(choices[0]!.message.content);
    expect(content!.map(({ logprob }) => logprob)).toEqual(best.chosen.logProbs);
    for (const { token, bytes, top_logprobs: top } of content!) {
      expect(Buffer.from(bytes!).toString()).toBe(token);
      expect(top).toEqual([]);
    }
    const streamed: unknown[][] = [[], []];
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true }))
      for (const { index, logprobs } of chunk.choices) streamed[index]!.push(...(logprobs?.content ?? []));
    expect(streamed).toEqual(choices.map(({ logprobs }) => logprobs!.content));
  });

  it("are told in the shape of completions, with what stands behind a text that ended them", async () => {
    const { client } = await servePolicy(policy);
    const body = { model: "game24", prompt: TEXT, seed: 2, logprobs: 0, stop: " =" };
    const [{ text, logprobs } = expect.fail()] = (await client.completions.create(body)).choices;
    expect(logprobs!.tokens!.join("")).toBe(text);
    const best = await answer(policy, TEXT, { reward, n: 4, seed: 2, stop: [" ="] });
    expect(logprobs!.token_logprobs).toEqual(best.chosen.logProbs);
    const drawn = logprobs!.tokens!.map((token, at) => ({ [token]: best.chosen.logProbs[at]! }));
    expect(logprobs!.top_logprobs).toEqual(drawn);
    logprobs!.text_offset!.forEach((offset, at) => {
      expect(text.slice(offset).startsWith(logprobs!.tokens![at]!)).toBe(true);
    });
  });

  it("name the likeliest tokens at each position: those that scoring every token finds", async () => {
    const { client } = await servePolicy(policy);
    const body = { model: "game24", prompt: TEXT, seed: 3, best_of: 1, temperature: 1.5, max_tokens: 12 };
    const [five] = (await client.completions.create({ ...body, logprobs: 5 })).choices;
    const [one] = (await client.completions.create({ ...body, logprobs: 1 })).choices;
    const asked = { ...chat, ...body, prompt: undefined, logprobs: true, top_logprobs: 5 };
    const { content } = (await client.chat.completions.create(asked)).choices[0]!.logprobs!;
    const prompt = { id: "prompt", text: TEXT };
    const { tokens } = (
      await answer(policy, TEXT, { reward, n: 1, seed: 3, temperature: 1.5, maxTokens: 12 })
    ).chosen;
    for (const at of [0, 3, 7]) {
      const examples = Array.from({ length: vocabSize }, (_, v) => ({
        prompt,
        tokens: [...tokens.slice(0, at), v],
      }));
      const all = (await policy.logProb(examples)).map((scores) => scores.at(-1)!).sort((a, b) => b - a);
      const { token, logprob, top_logprobs: top } = content![at]!;
      top.forEach((entry, rank) => expect(entry.logprob).toBeCloseTo(all[rank]!, 4));
      expect(top).toHaveLength(5);
      const told = Object.fromEntries(top.map((entry) => [entry.token, entry.logprob]));
      expect(five!.logprobs!.top_logprobs![at]).toEqual({ ...told, [token]: logprob });
      const [first] = top;
      expect(one!.logprobs!.top_logprobs![at]).toEqual({ [first!.token]: first!.logprob, [token]: logprob });
    }
  });

  it("are refused beyond what the model tells, by name", async () => {
    const lent = new SharedPolicy(policy).caller();
    const { client } = await servePolicy({ ...lent, can: { ...policy.can, likeliest: 1 } });
    const body = { model: "game24", prompt: TEXT, logprobs: 2 };
    await expect(client.completions.create(body)).rejects.toMatchObject({
      ...{ status: 400, param: "logprobs", message: expect.stringMatching(/at most 1 of the likeliest/) },
    });
    await expect(client.completions.create({ ...body, logprobs: 21 })).rejects.toThrow(/at most 20/);
    const alone = { ...chat, top_logprobs: 3 };
    await expect(client.chat.completions.create(alone)).rejects.toThrow(/set logprobs to true/);
  });
});

describe("several prompts", () => {
  const prompts = [TEXT, "1 2 3 4 = 24 :", "5 5 5 1 = 24 :"];
  const body = { model: "game24", prompt: prompts, seed: 9, best_of: 4, n: 2 };

  it("are answered as each is alone, in their order, streamed or not", async () => {
    const { client } = await servePolicy(policy);
    const alone = [];
    for (const prompt of prompts) alone.push(await client.completions.create({ ...body, prompt }));
    const together = await client.completions.create(body);
    const texts = alone.flatMap(({ choices }) => choices.map(({ text }) => text));
    expect(together.choices.map(({ text, index }) => [index, text])).toEqual([...texts.entries()]);
    expect((together as unknown as { whetstone: Whetstone[] }).whetstone).toEqual(alone.map(whetstoneOf));
    const tokens = alone.map(({ usage }) => usage!.total_tokens).reduce((a, b) => a + b);
    expect(together.usage!.total_tokens).toBe(tokens);
    const streamed: string[] = [];
    const finishes: string[] = [];
    let usage;
    const stream = { ...body, stream: true as const, stream_options: { include_usage: true } };
    for await (const chunk of await client.completions.create(stream)) {
      for (const { index, text, finish_reason: finish } of chunk.choices) {
        streamed[index] = (streamed[index] ?? "") + text;
        if (finish) finishes[index] = finish;
      }
      usage = chunk.usage ?? usage;
    }
    expect(streamed).toEqual(texts);
    expect(finishes).toEqual(together.choices.map(({ finish_reason: finish }) => finish));
    expect(usage).toEqual(together.usage);
  });

  it("fail together, and leave nothing behind; too many candidates are refused", async () => {
    const { client, server } = await servePolicy(policy);
    const long = { ...body, prompt: [...prompts, "9 ".repeat(80)] };
    await expect(client.completions.create(long)).rejects.toMatchObject({ code: "context_length_exceeded" });
    const many = { ...body, prompt: Array.from({ length: 20 }, () => TEXT), best_of: 16 };
    await expect(client.completions.create(many)).rejects.toMatchObject({ status: 400, param: "prompt" });
    await expect(client.completions.create({ ...body, prompt: ["", TEXT] })).rejects.toThrow(/empty/);
    expect(server.standing).toEqual({ answering: 0, waiting: 0, responses: 0 });
  });
});

describe("adaptive N", () => {
  it.each([0.5, 0.05])("draws as many as the rule asks for, at δ = %d", async (delta) => {
    const { client } = await servePolicy(policy);
    const body = {
      ...chat,
      seed: 5,
      best_of: 30,
      whetstone: { method: "adaptive", delta, return: "scores" },
    };
    const reply = await client.chat.completions.create(body);
    const prompts = [{ id: "prompt", text: TEXT }];
    const options = { delta, cap: 30, temperature: 1, maxTokens: 50, seed: 5 };
    const [best] = await adaptiveBestOfN(policy, prompts, options);
    expect(reply.choices[0]!.message.content).toBe(best!.chosen.text);
    const { drawn, wasted, capped } = best!;
    const own = whetstoneOf(reply);
    expect(own).toMatchObject({
      method: "adaptive",
      delta,
      drawn,
      wasted,
      capped,
      reward: logLikelihood.name,
    });
    expect(own.candidates).toHaveLength(drawn);
    let streamed = "";
    for await (const { choices } of await client.chat.completions.create({ ...body, stream: true }))
      streamed += choices[0]?.delta.content ?? "";
    expect(streamed).toBe(best!.chosen.text);
  });
});
