import { describe, expect, it } from "vitest";
import { FaultServer, type Misdeed } from "../../src/policy/remote/fault-server.test-helper.js";
import { RemotePolicy } from "../../src/policy/remote/remote-policy.js";
import { connect, serve } from "../../src/policy/remote/remote.test-helper.js";
import { rewardNamed } from "../../src/reward/registry.js";
import { answer } from "../../src/sharpen/answer.js";
import { servePolicy, whetstoneOf } from "../../src/serve/serve.test-helper.js";

const TEXT = "The sky over the sea is";
const CHAT = { model: "openai:tiny", messages: [{ role: "user" as const, content: TEXT }] };
const reward = rewardNamed("length-normalized");

/** The choice of `answer` from a server that does nothing wrong. */
async function plain(n: number, seed: number): Promise<Awaited<ReturnType<typeof answer>>> {
  const { policy } = await connect([await serve()], { api: "chat" });
  const prompt = { id: "prompt", text: TEXT, messages: CHAT.messages };
  const best = await answer(policy, prompt, { n, seed, reward, maxTokens: 12, keepAll: true });
  await policy.dispose();
  return best;
}

describe("in front of servers", () => {
  it.each([true, false])(
    "each candidate is a request of its own seed, and the choice `answer`'s (upstream streams: %s)",
    async (stream) => {
      const upstream = await serve();
      const { policy } = await connect([upstream], { api: "chat", stream });
      const { client } = await servePolicy(policy, { takes: "messages" });
      upstream.asked.length = 0;
      const best = await plain(6, 5);
      const body = { ...CHAT, ...{ best_of: 6 }, seed: 5, max_tokens: 12 };
      const reply = await client.chat.completions.create({
        ...body,
        ...{ whetstone: { return: "all" } },
      });
      expect(reply.choices[0]!.message.content).toBe(best.chosen.text);
      expect(whetstoneOf(reply)).toMatchObject({ chosen: best.chosen.index, score: best.score });
      expect(whetstoneOf(reply).candidates!.map(({ text }) => text)).toEqual(
        best.finished.map(({ text }) => text),
      );
      expect(new Set(upstream.asked.map(({ seed }) => seed)).size).toBe(6);
      expect(upstream.asked).toMatchObject(Array(6).fill({ messages: CHAT.messages, max_tokens: 12 }));
      // The upstream's own count: its words, and the end.
      expect(reply.usage).toEqual({
        prompt_tokens: TEXT.split(" ").length,
        completion_tokens: best.tokens,
        total_tokens: TEXT.split(" ").length + best.tokens,
      });
      let text = "";
      for await (const chunk of await client.chat.completions.create({ ...body, stream: true }))
        text += chunk.choices[0]!.delta.content ?? "";
      expect(text).toBe(best.chosen.text);
      await policy.dispose();
    },
  );

  it.each<Misdeed>([
    "429",
    "502 in HTML",
    "reset",
    "cut stream",
    "stream without a finish",
    "error in a stream",
    "stream without log-probabilities",
    "stream of another model",
  ])("a server that fails costs time, and not the answer: %s", async (misdeed) => {
    const upstream = await serve();
    const { policy } = await connect([upstream], { api: "chat", stream: true });
    const { client } = await servePolicy(policy, { takes: "messages" });
    const best = await plain(3, 7);
    upstream.misdeeds.push(misdeed, misdeed);
    const body = { ...CHAT, ...{ best_of: 3 }, seed: 7, max_tokens: 12 };
    let text = "";
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true }))
      text += chunk.choices[0]!.delta.content ?? "";
    expect(text).toBe(best.chosen.text);
    // For good: an error in OpenAI's shape, with nothing of the server's key.
    upstream.always = misdeed;
    await expect(client.chat.completions.create(body)).rejects.toMatchObject({
      ...{ status: 502, type: "server_error", code: "upstream_error" },
      message: expect.stringMatching(
        /^502 (No usable reply to|The server behind this one did not accept)(?!.*http:)/,
      ),
    });
    await policy.dispose();
  });

  it("a server that dies is made up for by the others", async () => {
    const [dying, living] = [await serve(), await serve()];
    const { policy } = await connect([dying, living], { api: "chat", stream: true });
    const { client } = await servePolicy(policy, { takes: "messages" });
    const best = await plain(8, 2);
    const reply = client.chat.completions.create({ ...CHAT, ...{ best_of: 8 }, seed: 2, max_tokens: 12 });
    await dying.stop();
    expect((await reply).choices[0]!.message.content).toBe(best.chosen.text);
    await policy.dispose();
  });

  it("what a server cannot do is refused, and what its budget does not hold", async () => {
    const { policy } = await connect([await serve({ processed: true })], { api: "chat", stream: true });
    const { client } = await servePolicy(policy, { takes: "messages" });
    await expect(client.chat.completions.create({ ...CHAT, temperature: 0.5 })).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/Drawing at temperature 0.5 needs log-probabilities at temperature 1/),
    });
    // At temperature 1 there is nothing to divide by, and no greedy response is drawn.
    const best = await plain(3, 4);
    const reply = await client.chat.completions.create({
      ...CHAT,
      ...{ best_of: 3 },
      seed: 4,
      max_tokens: 12,
    });
    expect(reply.choices[0]!.message.content).toBe(best.chosen.text);
    await expect(client.completions.create({ model: CHAT.model, prompt: TEXT })).rejects.toMatchObject({
      ...{ status: 400, param: "prompt" },
    });
    await policy.dispose();
    const upstream = await new FaultServer().start();
    const poor = await RemotePolicy.connect({
      ...{ model: "tiny", baseUrls: [upstream.url], api: "chat", maxRequests: 30, stream: true },
    });
    const served = await servePolicy(poor, { takes: "messages" });
    const body = { ...CHAT, ...{ best_of: 40 }, max_tokens: 12 };
    await expect(served.client.chat.completions.create(body)).rejects.toMatchObject({
      ...{ status: 429, code: "insufficient_quota" },
    });
    await poor.dispose();
    await upstream.stop();
  });
});
