import fc from "fast-check";
import { expect, it } from "vitest";
import { rewardNamed, rewards } from "../../src/reward/registry.js";
import { tinyGamePolicy, wordPolicy } from "../../src/sharpen/tiny-policies.test-helper.js";
import { randomStream } from "../../src/core/random.js";
import { serveApp } from "../../src/serve/app.js";
import { COMMON, NEUTRAL_IN_CHAT, STREAM } from "../../src/serve/fields.js";
import { servePolicy } from "../../src/serve/serve.test-helper.js";

const value = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, 1, 2, -1, 1e9, 1.5, 1e308, "", "words", "majority", [], {}),
  fc.jsonValue({ maxDepth: 3 }),
);
const ROUTES = {
  "/v1/chat/completions": { model: "words", messages: [{ role: "user", content: "p0" }] },
  "/v1/completions": { model: "words", prompt: "p0" },
  "/v1/responses": { model: "words", input: "p0" },
} as const;
const own = Object.keys(COMMON.whetstone.unwrap().unwrap().shape).filter((name) => name !== "deadline_ms");
const whetstone = fc.dictionary(
  fc.constantFrom(...own, "other"),
  fc.oneof(value, fc.constantFrom(...Object.keys(rewards))),
  { maxKeys: 2 },
);
const fields = [
  ...Object.keys({ ...COMMON, ...NEUTRAL_IN_CHAT, ...STREAM }),
  ...["messages", "prompt", "input", "max_output_tokens", "logprobs", "top_logprobs", "__proto__"],
];
const body = fc.record({
  more: fc.dictionary(fc.constantFrom(...fields), value, { maxKeys: 2 }),
  whetstone: fc.option(whetstone, { nil: undefined }),
});

it("no body makes the server fail, and each gets an answer or an error in OpenAI's shape", async () => {
  let [answered, refused] = [0, 0];
  const { app } = serveApp({
    model: { id: "words", policy: wordPolicy(), takes: "text" },
    defaults: { bestOf: 2, reward: rewardNamed("length-normalized") },
    surroundings: { now: () => 0, freshSeed: () => 1, freshId: () => "1" },
  });
  const route = fc.constantFrom(...(Object.keys(ROUTES) as (keyof typeof ROUTES)[]));
  await fc.assert(
    fc.asyncProperty(route, body, async (path, { more, whetstone: ours }) => {
      const json = JSON.stringify({ ...ROUTES[path], ...(ours && { whetstone: ours }), ...more });
      const reply = await app.request(path, { method: "POST", body: json, headers: { host: "localhost" } });
      const text = await reply.text();
      expect([json, reply.status < 500]).toEqual([json, true]);
      if (reply.status === 200) answered++;
      else {
        refused++;
        expect(JSON.parse(text)).toMatchObject({
          error: { message: expect.any(String), type: expect.any(String) },
        });
      }
      expect(text).not.toMatch(/node_modules|\.ts:\d|\.js:\d/);
    }),
    { numRuns: 50_000 },
  );
  expect(Math.min(answered, refused)).toBeGreaterThan(5000);
});

it("sixty streams, a third of them cut at any moment, leave nothing behind, and the others are whole", async () => {
  const policy = await tinyGamePolicy(32);
  const { client, server } = await servePolicy(policy);
  const stream = randomStream(3, "cuts");
  let [whole, cut] = [0, 0];
  const ask = async (seed: number): Promise<void> => {
    const leave = new AbortController();
    const at = stream.next() < 0.3 ? 1 + stream.integer(4) : Infinity;
    const body = { model: "tiny-game", prompt: "4 9 10 :", best_of: 1 + (seed % 6), max_tokens: 30, seed };
    let [chunks, end] = [0, ""];
    try {
      const reply = await client.completions.create({ ...body, stream: true }, { signal: leave.signal });
      for await (const { choices } of reply) {
        end = choices[0]!.finish_reason;
        if (++chunks < at) continue;
        leave.abort();
        break;
      }
    } catch {
      expect(leave.signal.aborted).toBe(true);
    }
    if (leave.signal.aborted) cut++;
    else whole++;
    if (!leave.signal.aborted) expect(end).toMatch(/stop|length/);
  };
  await Promise.all(Array.from({ length: 60 }, (_, seed) => ask(seed)));
  while (server.standing.answering > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(server.standing).toEqual({ answering: 0, waiting: 0, responses: 0 });
  expect(whole + cut).toBe(60);
  expect(cut).toBeGreaterThan(5);
  const again = await client.completions.create({
    model: "tiny-game",
    prompt: "4 9 10 :",
    seed: 1,
    max_tokens: 9,
  });
  expect(again.choices).toHaveLength(1);
  await server.close();
  await policy.dispose();
}, 60_000);
