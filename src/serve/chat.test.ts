import type OpenAI from "openai";
import { afterAll, describe, expect, it } from "vitest";
import { LocalPolicy } from "../policy/local-policy.js";
import { modelFolder } from "../policy/model-folder.js";
import type { Policy } from "../policy/policy.js";
import { rewardNamed, rewards } from "../reward/registry.js";
import { answer } from "../sharpen/answer.js";
import { wordPolicy } from "../sharpen/tiny-policies.test-helper.js";
import { servePolicy, whetstoneOf } from "./serve.test-helper.js";

const policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
afterAll(() => policy.dispose());

const TEXT = "4 9 10 13 = 24 :";
const asked = (more: object = {}): OpenAI.ChatCompletionCreateParamsNonStreaming => ({
  model: "game24",
  messages: [{ role: "user", content: TEXT }],
  ...more,
});

describe("a chat completion", () => {
  it.each(Object.keys(rewards))("is the choice of `answer` with the same seed: %s", async (name) => {
    const { client } = await servePolicy(policy);
    const seed = 11;
    const reply = await client.chat.completions.create(
      asked({ best_of: 12, seed, max_tokens: 18, whetstone: { reward: name, return: "scores" } }),
    );
    const best = await answer(policy, TEXT, { reward: rewardNamed(name), n: 12, seed, maxTokens: 18 });
    expect(reply).toMatchObject({
      ...{
        id: expect.stringMatching(/^chatcmpl-\d+$/),
        object: "chat.completion",
        created: 1_700_000_000,
        model: "game24",
      },
      choices: [
        {
          ...{ index: 0, finish_reason: best.chosen.finish, logprobs: null },
          message: { role: "assistant", content: best.chosen.text },
        },
      ],
    });
    const own = whetstoneOf(reply);
    expect(own).toMatchObject({ reward: name, seed, chosen: best.chosen.index, score: best.score });
    expect(own.candidates!.map(({ index }) => index)).toEqual([...Array(12).keys()]);
    const whole = own.candidates!.filter(({ score }) => score !== null);
    expect(whole).toEqual(
      best.finished.map(({ index, finish, logProbs }, i) => ({
        ...{ index, score: best.scores[i], tokens: logProbs.length, finish_reason: finish },
      })),
    );
    const drawn = own.candidates!.reduce((sum, { tokens }) => sum + tokens, 0);
    expect(own.tokens).toEqual({
      ...{ drawn, chosen: best.chosen.logProbs.length },
      prompt: (await policy.promptTokens({ id: "prompt", text: TEXT })).length,
    });
    expect(reply.usage).toEqual({
      prompt_tokens: own.tokens.prompt,
      completion_tokens: drawn,
      total_tokens: own.tokens.prompt + drawn,
    });
  });

  it("has the n best as choices, all candidates as they are asked for, and counts as it is asked to", async () => {
    const { client } = await servePolicy(policy);
    const ask = asked({ best_of: 6, n: 3, seed: 2, whetstone: { return: "all", usage: "chosen" } });
    const reply = await client.chat.completions.create(ask);
    const reward = rewardNamed("length-normalized");
    const best = await answer(policy, TEXT, { reward, n: 6, seed: 2, keepAll: true });
    const ranked = best.finished
      .map((response, i) => ({ response, score: best.scores[i]! }))
      .sort((a, b) => b.score - a.score || a.response.index - b.response.index)
      .slice(0, 3)
      .map(({ response }) => response);
    expect(reply.choices.map(({ message }) => message.content)).toEqual(ranked.map(({ text }) => text));
    expect(whetstoneOf(reply).candidates!.map(({ text }) => text)).toEqual(
      best.finished.map(({ text }) => text),
    );
    expect(reply.usage!.completion_tokens).toBe(
      ranked.reduce((sum, { logProbs }) => sum + logProbs.length, 0),
    );
  });

  it("takes N and the reward from the body, else the headers, else the model's name, else the server", async () => {
    const { client } = await servePolicy(policy);
    const headers = { "x-whetstone-best-of": "3", "x-whetstone-reward": "majority" };
    const model = "game24:best-of-5:log-likelihood";
    const scores = { return: "scores" };
    const told = async (body: object, options: object = {}): Promise<[number, string]> => {
      const reply = await client.chat.completions.create(asked({ seed: 1, ...body }), options);
      const own = whetstoneOf(reply);
      return [own.candidates!.length, own.reward];
    };
    expect(await told({ whetstone: scores })).toEqual([4, "length-normalized"]);
    expect(await told({ model, whetstone: scores })).toEqual([5, "log-likelihood"]);
    expect(await told({ model, whetstone: scores }, { headers })).toEqual([3, "majority"]);
    const body = { model, best_of: 2, whetstone: { ...scores, reward: "self-certainty" } };
    expect(await told(body, { headers })).toEqual([2, "self-certainty"]);
  });

  it("with the seed that a reply told is the same again", async () => {
    const { client } = await servePolicy(policy);
    const first = await client.chat.completions.create(asked());
    const { seed } = whetstoneOf(first);
    expect(seed).toBe(1000);
    const again = await client.chat.completions.create(asked({ seed }));
    expect(again.choices).toEqual(first.choices);
    expect(whetstoneOf(await client.chat.completions.create(asked())).seed).not.toBe(seed);
  });
});

/** A policy that tells no certainties. */
function plainWords(): Policy {
  const words = wordPolicy();
  return { ...words, can: { ...words.can, certainties: false } };
}

describe("what cannot be done", () => {
  it.each<[object, number, string | null, RegExp]>([
    [{ whetstone: { rewards: "majority" } }, 400, "whetstone.rewards", /no field "whetstone.rewards"/],
    [{ whetstone: { reward: "./mine.js" } }, 400, "whetstone.reward", /choose one of log-likelihood/],
    [{ whetstone: { answer: "./mine.js" } }, 400, "whetstone.answer", /choose one of/],
    [{ bestof: 3 }, 400, "bestof", /no field "bestof"/],
    [{ best_of: 65 }, 400, "best_of", /at most 64/],
    [{ best_of: 1e9 }, 400, "best_of", /at most 64/],
    [{ best_of: 2, n: 3 }, 400, "n", /no more choices than candidates/],
    [{ n: -1 }, 400, "n", /at least 1/],
    [{ n: 1.5 }, 400, "n", /whole number/],
    [{ temperature: -0.1 }, 400, "temperature", /at least 0/],
    [{ frequency_penalty: 0.9 }, 400, "frequency_penalty", /model's own distribution/],
    [{ top_p: 0 }, 400, "top_p", /above 0/],
    [{ min_p: 1 }, 400, "min_p", /below 1/],
    [{ stop: ["a", ""] }, 400, "stop.1", /must not be empty/],
    [{ stop: ["a", "b", "c", "d", "e"] }, 400, "stop", /at most 4/],
    [{ top_logprobs: 3 }, 400, "top_logprobs", /set logprobs to true/],
    [{ logprobs: true, top_logprobs: 21 }, 400, "top_logprobs", /at most 20/],
    [{ stop: "a", whetstone: { method: "power" } }, 400, "stop", /independent candidates/],
    [{ whetstone: { delta: 0.1 } }, 400, "whetstone.delta", /method adaptive/],
    [{ whetstone: { method: "adaptive", reward: "majority" } }, 400, "whetstone.reward", /by log-likelihood/],
    [{ n: 2, whetstone: { method: "adaptive" } }, 400, "n", /leave out n/],
    [{ tools: [{ type: "function", function: { name: "f" } }] }, 400, "tools", /text alone/],
    [{ model: "gpt-4" }, 404, "model", /no model "gpt-4"/],
    [{ model: "game24:best-of-4:truth" }, 400, "model", /no reward "truth"/],
    [{ max_tokens: 60 }, 400, "max_tokens", /longer than the 64/],
    [{ messages: [] }, 400, "messages", /at least one/],
    [{ messages: [{ role: "assistant", content: "Hi" }] }, 400, "messages", /must not be the assistant's/],
    [{ messages: [{ role: "tool", content: "Hi" }] }, 400, "messages.0.role", /must be system/],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
      ...([400, "messages.0.content", /only text/] as const),
    ],
    [
      { messages: [{ role: "system", content: "a" }, ...asked().messages] },
      ...([400, "messages", /no conversations/] as const),
    ],
  ])("is refused by name: %j", async (body, status, param, message) => {
    const { client } = await servePolicy(policy);
    const failed = client.chat.completions.create(asked(body));
    await expect(failed).rejects.toMatchObject({ status, param, message: expect.stringMatching(message) });
  });

  it("is refused where the policy lacks what a reward needs", async () => {
    const { client } = await servePolicy(plainWords());
    const failed = client.chat.completions.create(
      asked({ model: "words", whetstone: { reward: "self-certainty" } }),
    );
    await expect(failed).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("self-certainty needs the certainty of every token"),
    });
  });

  it("is told in OpenAI's shape on every route, whatever the body", async () => {
    const { url } = await servePolicy(policy);
    const post = async (body: string, path = "/v1/chat/completions"): Promise<[number, unknown]> => {
      const reply = await fetch(url + path, { method: "POST", body });
      return [reply.status, ((await reply.json()) as { error: { code: unknown } }).error.code];
    };
    expect(await post("{")).toEqual([400, "invalid_json"]);
    expect(await post("[".repeat(100_000))).toEqual([400, "invalid_json"]);
    expect(await post("null")).toEqual([400, "invalid_value"]);
    expect(await post(" ".repeat(2 ** 20 + 1))).toEqual([413, "body_too_long"]);
    expect(await post("{}", "/v1/embeddings")).toEqual([404, "not_found"]);
  });
});

describe("the models", () => {
  it("are listed, with an alias for each reward that the policy can give", async () => {
    const { client } = await servePolicy(plainWords());
    const listed: string[] = [];
    for await (const { id } of client.models.list()) listed.push(id);
    expect(listed.slice(0, 4)).toEqual([
      "words",
      "words:best-of-16",
      "words:best-of-16:length-normalized",
      "words:best-of-16:log-likelihood",
    ]);
    expect(listed).toContain("words:best-of-16:majority");
    expect(listed).not.toContain("words:best-of-16:self-certainty");
    expect(await client.models.retrieve("words:best-of-16")).toMatchObject({ id: "words:best-of-16" });
    await expect(client.models.retrieve("gpt-4")).rejects.toMatchObject({ status: 404 });
  });
});
