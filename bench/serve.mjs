/**
 * `npm run bench:serve`: what the server adds to a request, in front of an upstream that answers at once. Client, server and upstream
 * share one process and its event loop, so the figures are upper bounds. Prints milliseconds, and a JSON object as the last line.
 */
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { RemotePolicy } from "../dist/policy/remote/remote-policy.js";
import { rewardNamed } from "../dist/index.js";
import { startServer } from "../dist/serve/server.js";

const { values } = parseArgs({ options: { requests: { type: "string", default: "300" } } });
const REQUESTS = Number(values.requests);
const STREAMS = 64;

/** A reply of up to four tokens, always the same. @param {number} most */
function choice(most) {
  const content = [0, 1, 2, 3].slice(0, most).map((at) => ({
    ...{ token: ` word${at}`, logprob: -0.01 },
    top_logprobs: [{ token: ` word${at}`, logprob: -0.01 }],
  }));
  return { index: 0, finish_reason: "stop", logprobs: { content } };
}

/** A server of OpenAI's kind that answers at once. */
async function instantUpstream() {
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (/** @type {Buffer} */ piece) => (text += piece.toString()));
    request.on("end", () => {
      response.setHeader("content-type", "application/json");
      if (request.method === "GET") {
        response.end(JSON.stringify({ data: [{ id: "instant", owned_by: "vllm" }] }));
        return;
      }
      const { stream, max_tokens: most } = JSON.parse(text);
      const usage = { prompt_tokens: 1, completion_tokens: 4 };
      const words = [0, 1, 2, 3]
        .slice(0, most)
        .map((at) => ` word${at}`)
        .join("");
      if (!stream) {
        response.end(
          JSON.stringify({
            model: "instant",
            choices: [{ ...choice(most), message: { role: "assistant", content: words } }],
            usage,
          }),
        );
        return;
      }
      const events = [
        { model: "instant", choices: [{ ...choice(most), delta: { content: words } }] },
        { model: "instant", choices: [], usage },
      ];
      response.setHeader("content-type", "text/event-stream");
      response.end(`${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")}data: [DONE]\n\n`);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${address.port}/v1`, close: () => server.close() };
}

/** @param {string} url @param {object} body */
async function ask(url, body) {
  const began = performance.now();
  const reply = await fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ messages: [{ role: "user", content: "Say four words." }], ...body }),
  });
  if (!reply.ok) throw new Error(await reply.text());
  const reader = reply.body?.getReader();
  await reader?.read();
  const first = performance.now() - began;
  while (reader && !(await reader.read()).done);
  return { first, whole: performance.now() - began };
}

/** @param {number[]} times @param {number} share */
const quantile = (times, share) =>
  [...times].sort((a, b) => a - b)[Math.floor(share * (times.length - 1))] ?? NaN;

/** @param {string} url @param {object} body */
async function inTurn(url, body) {
  for (let i = 0; i < 30; i++) await ask(url, { ...body, seed: i });
  const times = [];
  for (let i = 0; i < REQUESTS; i++) times.push((await ask(url, { ...body, seed: i })).whole);
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

const upstream = await instantUpstream();
const policy = await RemotePolicy.connect({
  model: "instant",
  baseUrls: [upstream.url],
  api: "chat",
  concurrency: 64,
});
let ids = 0;
const server = await startServer(
  {
    model: { id: "instant", policy, takes: "messages" },
    defaults: { bestOf: 1, reward: rewardNamed("length-normalized") },
    surroundings: { now: () => Date.now(), freshSeed: () => ids++, freshId: () => `${ids++}` },
    limits: { slots: STREAMS },
  },
  { port: 0 },
);
const url = `${server.url}/v1`;
const model = "instant";
const direct = await inTurn(upstream.url, { model, max_tokens: 8 });
const one = await inTurn(url, { model, max_tokens: 8, best_of: 1 });
const sixteen = await inTurn(url, { model, max_tokens: 8, best_of: 16 });
const streams = await Promise.all(
  Array.from({ length: STREAMS }, (_, seed) =>
    ask(url, { model, max_tokens: 8, best_of: 8, seed, stream: true }),
  ),
);
const role = quantile(
  streams.map(({ first }) => first),
  0.99,
);
const show = (/** @type {number} */ ms) => ms.toFixed(2).padStart(7);
console.log(`upstream itself      p50 ${show(direct.p50)} ms  p99 ${show(direct.p99)} ms`);
console.log(`served, best of 1    p50 ${show(one.p50)} ms  p99 ${show(one.p99)} ms`);
console.log(`served, best of 16   p50 ${show(sixteen.p50)} ms  p99 ${show(sixteen.p99)} ms`);
console.log(`first chunk of ${STREAMS} streams at once, best of 8, p99 ${show(role)} ms`);
console.log(JSON.stringify({ direct, one, sixteen, role }));
await server.close();
await policy.dispose();
upstream.close();
