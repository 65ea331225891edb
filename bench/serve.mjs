/**
 * `npm run bench:serve`, or `npm run bench -- --only serve`: what the server adds to a request, in front of an upstream that answers at
 * once, and what it makes of a model on this machine. Client and server share one process and its event loop, so the milliseconds are
 * upper bounds. Prints all figures, and a JSON object as the last line.
 */
import { fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { measureLocal } from "./serve-local.mjs";
import { RemotePolicy } from "../dist/policy/remote/remote-policy.js";
import { rewardNamed } from "../dist/index.js";
import { startServer } from "../dist/serve/server.js";

const { values } = parseArgs({
  allowNegative: true,
  options: { requests: { type: "string", default: "300" }, local: { type: "boolean", default: true } },
});
const REQUESTS = Number(values.requests);
const STREAMS = 64;

/** The upstream's process, and where it is. */
async function instantUpstream() {
  const child = fork(join(import.meta.dirname, "instant-upstream.mjs"), {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const url = await /** @type {Promise<string>} */ (
    new Promise((resolve) =>
      child.stdout?.once("data", (/** @type {Buffer} */ line) => resolve(line.toString().trim())),
    )
  );
  return { url, close: () => child.disconnect() };
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

/** Sixteen requests at once, as a client would send them that draws and chooses by itself. @param {string} url @param {object} body */
async function sixteenAtOnce(url, body) {
  const times = [];
  for (let i = 0; i < REQUESTS; i++) {
    const began = performance.now();
    await Promise.all(Array.from({ length: 16 }, (_, at) => ask(url, { ...body, seed: 16 * i + at })));
    times.push(performance.now() - began);
  }
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
const alone = await sixteenAtOnce(upstream.url, { model, max_tokens: 8 });
const one = await inTurn(url, { model, max_tokens: 8, best_of: 1 });
const sixteen = await inTurn(url, { model, max_tokens: 8, best_of: 16 });
// As many streams all the time, each followed by the next; a burst of all at once is measured beside.
/** @type {number[]} */
const firsts = [];
const burst = await Promise.all(
  Array.from({ length: STREAMS }, async (_, at) => {
    const streamed = (/** @type {number} */ seed) =>
      ask(url, { model, max_tokens: 8, best_of: 8, seed, stream: true });
    const { first } = await streamed(at);
    for (let next = 1; next <= 8; next++) {
      await sleep(Math.random() * 2000);
      firsts.push((await streamed(at + next * STREAMS)).first);
    }
    return first;
  }),
);
const role = { p50: quantile(firsts, 0.5), p99: quantile(firsts, 0.99), burst: quantile(burst, 0.99) };
const show = (/** @type {number} */ ms) => ms.toFixed(2).padStart(7);
console.log(`upstream itself      p50 ${show(direct.p50)} ms  p99 ${show(direct.p99)} ms`);
console.log(`  sixteen at once    p50 ${show(alone.p50)} ms  p99 ${show(alone.p99)} ms`);
console.log(`served, best of 1    p50 ${show(one.p50)} ms  p99 ${show(one.p99)} ms`);
console.log(`served, best of 16   p50 ${show(sixteen.p50)} ms  p99 ${show(sixteen.p99)} ms`);
console.log(
  `added                best of 1 p50 ${show(one.p50 - direct.p50)} ms (wanted: ≤ 2), p99 ${show(one.p99 - direct.p50)} ms (≤ 20); ` +
    `best of 16 p50 ${show(sixteen.p50 - direct.p50)} ms (≤ 10), of which the upstream's own sixteen take ${show(alone.p50 - direct.p50)} ms`,
);
console.log(
  `first chunk, ${STREAMS} users of best-of-8 streams  p50 ${show(role.p50)} ms  p99 ${show(role.p99)} ms (wanted: ≤ 50); ` +
    `all at once, p99 ${show(role.burst)} ms`,
);
await server.close();
await policy.dispose();
upstream.close();
const local = values.local ? await measureLocal() : undefined;
console.log(JSON.stringify({ direct, alone, one, sixteen, role, local }));
