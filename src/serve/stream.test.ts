import type OpenAI from "openai";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { LocalPolicy } from "../policy/local-policy.js";
import { modelFolder } from "../policy/model-folder.js";
import { servePolicy, whetstoneOf, type Whetstone } from "./serve.test-helper.js";

const policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
afterAll(() => policy.dispose());

const asked = { model: "game24", messages: [{ role: "user" as const, content: "4 9 10 13 = 24 :" }] };

interface Streamed {
  readonly chunks: OpenAI.ChatCompletionChunk[];
  readonly texts: string[];
}

async function streamed(client: OpenAI, body: object): Promise<Streamed> {
  const stream = await client.chat.completions.create({ ...asked, ...body, stream: true });
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  const texts: string[] = [];
  for (const { choices } of chunks)
    for (const { index, delta } of choices) texts[index] = (texts[index] ?? "") + (delta.content ?? "");
  return { chunks, texts };
}

describe("a stream", () => {
  it("is the reply that comes whole, piece by piece, whatever the reward", async () => {
    const { client } = await servePolicy(policy);
    let early = 0;
    for (const reward of ["length-normalized", "log-likelihood", "majority", "self-certainty"]) {
      for (let seed = 0; seed < 2; seed++) {
        const body = { seed, best_of: 3, temperature: 0.4, whetstone: { reward } };
        const whole = await client.chat.completions.create({ ...asked, ...body });
        const { chunks, texts } = await streamed(client, body);
        expect(texts).toEqual([whole.choices[0]!.message.content]);
        expect(chunks[0]!.choices[0]!.delta).toEqual({ role: "assistant", content: "" });
        expect(chunks.every(({ id }) => id === chunks[0]!.id)).toBe(true);
        const finishes = chunks.map(({ choices }) => choices[0]!.finish_reason);
        expect(finishes.slice(0, -1).every((finish) => finish === null)).toBe(true);
        expect(finishes.at(-1)).toBe(whole.choices[0]!.finish_reason);
        expect(whetstoneOf(chunks.at(-1)!)).toMatchObject({ ...whetstoneOf(whole), seed });
        early += chunks.length > 3 ? 1 : 0;
      }
    }
    // Text came before the choice was made, and not in one piece.
    expect(early).toBeGreaterThan(1);
  });

  it("of one candidate comes token by token, and of the greedy response too", async () => {
    const { client } = await servePolicy(policy);
    const one = await streamed(client, { best_of: 1, seed: 3 });
    expect(one.chunks.length).toBeGreaterThan(8);
    const greedy = await streamed(client, { temperature: 0 });
    const prompt = { id: "prompt", text: asked.messages[0]!.content };
    for await (const { text } of policy.greedy([prompt], { maxTokens: 50 }))
      expect(greedy.texts).toEqual([text]);
    expect(greedy.chunks.length).toBeGreaterThan(8);
  });

  it("ends with the usage where it is asked for, and gives n choices", async () => {
    const { client } = await servePolicy(policy);
    const body = { seed: 5, best_of: 4, n: 2 };
    const whole = await client.chat.completions.create({ ...asked, ...body });
    const { chunks, texts } = await streamed(client, { ...body, stream_options: { include_usage: true } });
    expect(texts).toEqual(whole.choices.map(({ message }) => message.content));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    const ends = chunks.flatMap(({ choices }) => choices.filter(({ finish_reason: finish }) => finish));
    expect(ends.map(({ index }) => index)).toEqual([0, 1]);
  });

  it("passes OpenAI's own helper, for chat and for completions", async () => {
    const { client } = await servePolicy(policy);
    const body = { ...asked, best_of: 4, seed: 7 };
    const final = await client.chat.completions.stream(body).finalChatCompletion();
    const whole = await client.chat.completions.create(body);
    expect(final.choices[0]!.message.content).toBe(whole.choices[0]!.message.content);
    const text = { model: "game24", prompt: asked.messages[0]!.content, best_of: 4, seed: 7 };
    let joined = "";
    for await (const { choices } of await client.completions.create({ ...text, stream: true }))
      joined += choices[0]!.text;
    const completion = await client.completions.create(text);
    expect(joined).toBe(completion.choices[0]!.text);
    expect(joined).toBe(whole.choices[0]!.message.content);
    expect(completion).toMatchObject({ object: "text_completion", usage: whole.usage });
  });

  it("tells what happens to the candidates where that is asked for, in chunks that change nothing", async () => {
    const { client } = await servePolicy(policy);
    const body = { seed: 9, best_of: 5, whetstone: { events: true, early_stop: false } };
    const { chunks } = await streamed(client, body);
    const told = chunks.flatMap((chunk) => {
      const { progress } =
        (whetstoneOf(chunk) as (Whetstone & { progress?: { finished: number } }) | undefined) ?? {};
      return progress ? [progress] : [];
    });
    expect(told.at(-1)).toMatchObject({ drawing: 0, finished: 5, dropped: 0 });
    const final = whetstoneOf(chunks.at(-1)!);
    expect(told.at(-1)).toMatchObject({
      tokens: final.tokens.drawn,
      leader: { index: final.chosen, score: final.score },
    });
  });

  it("beats where nothing new comes", async () => {
    const { client } = await servePolicy(policy, { limits: { beatMs: 1 } });
    const { chunks } = await streamed(client, { best_of: 8, temperature: 2, seed: 1 });
    const beats = chunks.filter(({ choices }) => {
      const [choice] = choices;
      return Object.keys(choice!.delta).length === 0 && choice!.finish_reason === null;
    });
    expect(beats.length).toBeGreaterThan(0);
  });
});

describe("a client that goes", () => {
  it.each([true, false])("has its rows freed, and no other's (streamed: %s)", async (stream) => {
    const { client, server } = await servePolicy(policy);
    const leave = new AbortController();
    const many = { best_of: 64 };
    const body = { ...asked, ...many, n: 64, temperature: 2, max_tokens: 50 };
    const left = client.chat.completions
      .create({ ...body, stream }, { signal: leave.signal })
      .then(async (reply) => {
        if (Symbol.asyncIterator in reply) for await (const _ of reply);
      });
    while (server.standing.responses < 64) await new Promise((resolve) => setTimeout(resolve, 1));
    const other = client.chat.completions.create({ ...asked, seed: 8 });
    leave.abort();
    await expect(
      left.then(() => {
        throw new Error("it was answered");
      }),
    ).rejects.toThrow(/abort/i);
    const answered = await other;
    while (server.standing.answering > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(server.standing).toEqual({ answering: 0, waiting: 0, responses: 0 });
    expect(answered.choices).toEqual((await client.chat.completions.create({ ...asked, seed: 8 })).choices);
  });
});

describe("limits", () => {
  it("answers so many at once, lets so many wait, and sends the others away", async () => {
    const { client, server } = await servePolicy(policy, { limits: { slots: 1, queue: 2 } });
    const replies = await Promise.allSettled(
      Array.from({ length: 5 }, (_, seed) => client.chat.completions.create({ ...asked, seed })),
    );
    expect(replies.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    for (const reply of replies)
      if (reply.status === "rejected")
        expect(reply.reason).toMatchObject({ status: 429, code: "queue_full", type: "rate_limit_error" });
    expect(server.standing).toEqual({ answering: 0, waiting: 0, responses: 0 });
  });

  it("chooses among what is whole when time runs out, and says so", async () => {
    // Four rows at a time: from the first whole candidate to the last is a long while, on a busy machine, too.
    const fewRows = await LocalPolicy.load(modelFolder("game24"), { threads: 1, rows: 4 });
    onTestFinished(() => fewRows.dispose());
    const { client } = await servePolicy(fewRows);
    const body = { ...asked, best_of: 64, n: 1, temperature: 1.5, max_tokens: 50 };
    const none = client.chat.completions.create({ ...body, whetstone: { deadline_ms: 1 } } as typeof body);
    await expect(none).rejects.toMatchObject({ status: 504, code: "deadline_exceeded" });
    let timedOut = false;
    for (let ms = 20; ms < 20_000 && !timedOut; ms = Math.ceil(ms * 1.3)) {
      const whetstone = { deadline_ms: ms, early_stop: false, return: "all" };
      const reply = await client.chat.completions
        .create({ ...body, whetstone } as typeof body)
        .catch(() => undefined);
      if (!reply) continue;
      const own = whetstoneOf(reply) as Whetstone & { timed_out?: true };
      timedOut = own.timed_out === true;
      const scores = own.candidates!.flatMap(({ score }) => score ?? []);
      expect(own.score).toBe(Math.max(...scores));
      if (timedOut) expect(scores.length).toBeLessThan(64);
    }
    expect(timedOut).toBe(true);
  });

  it("on shutting down lets what is under way end, and nobody else in", async () => {
    const { client, server } = await servePolicy(policy);
    const first = client.chat.completions.create({ ...asked, ...{ best_of: 16 }, seed: 1 });
    while (server.standing.answering === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const closing = server.close();
    expect((await first).choices).toHaveLength(1);
    await closing;
  });

  it("on shutting down breaks off what takes too long, with an error that says so", async () => {
    const { client, server } = await servePolicy(policy);
    const body = { best_of: 64, n: 64, temperature: 2, max_tokens: 50 };
    const failed = streamed(client, body);
    while (server.standing.responses === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const closing = server.close(0);
    await expect(failed).rejects.toThrow(/shutting down/);
    await closing;
  });
});
