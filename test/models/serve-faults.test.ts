import { afterAll, describe, expect, it } from "vitest";
import {
  FaultServer,
  type Misdeed,
  type ReplyMisdeed,
  type StreamMisdeed,
} from "../../src/policy/remote/fault-server.test-helper.js";
import { ApiKey } from "../../src/policy/remote/api-key.js";
import { CANARY, connect } from "../../src/policy/remote/remote.test-helper.js";
import { servePolicy } from "../../src/serve/serve.test-helper.js";

const CHAT = {
  model: "openai:tiny",
  messages: [{ role: "user" as const, content: "The sky over the sea is" }],
};
const BODY = { ...CHAT, best_of: 3, seed: 7, max_tokens: 12 };

/** What no other try mends. */
const FINAL: ReadonlySet<Misdeed> = new Set<Misdeed>([
  "400",
  "401 that repeats the key",
  "redirect",
  "the key in the text",
]);
/** Each way to fail; the compiler sees to it that none is left out. */
const REPLIES: Readonly<Record<ReplyMisdeed, true>> = {
  "408": true,
  "409": true,
  "429": true,
  "429 until a date": true,
  "500": true,
  "503": true,
  "502 in HTML": true,
  "400": true,
  "401 that repeats the key": true,
  "429 that repeats the key": true,
  reset: true,
  stall: true,
  "stall in a body": true,
  redirect: true,
  "HTML with status 200": true,
  "empty body": true,
  "half a body": true,
  "cut body": true,
  "error in a 200": true,
  "no choices": true,
  "two choices": true,
  "no text": true,
  "null log-probabilities": true,
  "no log-probabilities": true,
  "a null log-probability": true,
  "a positive log-probability": true,
  "NaN for a log-probability": true,
  "fewer log-probabilities than tokens": true,
  "fewer ids than tokens": true,
  "no finish reason": true,
  aborted: true,
  "content filter": true,
  "too many tokens": true,
  "wrong model": true,
  "the key in the text": true,
};
const STREAMS: Readonly<Record<StreamMisdeed, true>> = {
  "stream without a finish": true,
  "stream without an end": true,
  "cut stream": true,
  "stalled stream": true,
  "error in a stream": true,
  "broken event in a stream": true,
  "stream without log-probabilities": true,
  "a null log-probability in a stream": true,
  "stream of another model": true,
  "aborted stream": true,
};
const CASES = [
  // The server writes that one in the form of completions alone; src/policy/remote/faults.test.ts has it.
  ...Object.keys(REPLIES)
    .filter((misdeed) => misdeed !== "NaN for a log-probability")
    .map((misdeed) => [misdeed as Misdeed, false] as const),
  ...Object.keys(STREAMS).map((misdeed) => [misdeed as Misdeed, true] as const),
];

const upstreams: FaultServer[] = [];
afterAll(async () => {
  for (const upstream of upstreams) await upstream.stop();
});

async function front(stream: boolean, timeoutMs = 20_000) {
  const upstream = await new FaultServer().start();
  upstreams.push(upstream);
  const settings = { api: "chat", stream, timeoutMs, key: new ApiKey(CANARY) } as const;
  const { policy } = await connect([upstream], settings);
  return { upstream, policy, ...(await servePolicy(policy, { takes: "messages" })) };
}

describe("a fault of the server behind costs time, or is an error that says so:", () => {
  it.each(CASES)("%s, upstream streamed: %s", async (misdeed, stream) => {
    const { upstream, policy, client, server, url } = await front(
      stream,
      misdeed.includes("stall") ? 300 : 20_000,
    );
    const whole = await client.chat.completions.create(BODY);
    const expected = whole.choices[0]!.message.content;
    const ask = async (): Promise<string> => {
      let text = "";
      for await (const chunk of await client.chat.completions.create({ ...BODY, stream: true }))
        text += chunk.choices[0]!.delta.content ?? "";
      return text;
    };
    const told: unknown[] = [];
    if (FINAL.has(misdeed)) {
      upstream.misdeeds.push(misdeed);
      const failed = await client.chat.completions.create(BODY).catch((error: unknown) => error);
      expect(failed).toMatchObject({ status: expect.any(Number), type: expect.any(String) });
      told.push(failed);
      upstream.misdeeds.length = 0;
    } else {
      upstream.misdeeds.push(misdeed, misdeed);
      expect((await client.chat.completions.create(BODY)).choices[0]!.message.content).toBe(expected);
      upstream.misdeeds.push(misdeed);
      expect(await ask()).toBe(expected);
    }
    // For good: an error in OpenAI's shape, whole or in the stream, without the key or an address.
    upstream.always = misdeed;
    const reply = await fetch(`${url}/v1/chat/completions`, { method: "POST", body: JSON.stringify(BODY) });
    const text = await reply.text();
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(JSON.parse(text)).toMatchObject({
      error: { message: expect.any(String), type: expect.any(String), code: expect.any(String) },
    });
    told.push(text, await ask().catch((error: Error) => error.message));
    for (const each of told) expect(String(each)).not.toMatch(/sk-canary|127\.0\.0\.1|node_modules|\.js:\d/);
    expect(told.at(-1)).not.toBe(expected);
    upstream.always = undefined;
    expect(await ask()).toBe(expected);
    expect(server.standing).toEqual({ answering: 0, waiting: 0, responses: 0 });
    await policy.dispose();
  });
});
