/**
 * `npm run bench:soak`: the server under streams of which three in ten are cut at any moment, in a process of its own. Prints what is left
 * afterwards (rows at work, open descriptors, memory) beside what was there before, and how fast rows are free once all clients have gone.
 * Exits with 1 where anything is left, or a stream that was not cut has no end. The last line is a JSON object.
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "600" },
    /** The compiled package. */
    dist: { type: "string", default: join(import.meta.dirname, "../dist") },
    streams: { type: "string", default: "64" },
    /** Seconds of the same before anything is compared: buffers and code that are made once, one for each size of batch, are made then. */
    warm: { type: "string", default: "150" },
  },
});
const [seconds, streams, warm] = [Number(values.seconds), Number(values.streams), Number(values.warm)];
const CUT_SHARE = 0.3;
/** What memory may grow by. */
const GROWTH = 0.05;

const main = join(values.dist, "cli/main.js");
const server = spawn(process.execPath, [main, "serve", "--port", "0", "--slots", `${streams}`], {
  stdio: ["ignore", "pipe", "ignore"],
});
const url = await /** @type {Promise<string>} */ (
  new Promise((resolve, reject) => {
    let text = "";
    server.stdout.on("data", (/** @type {Buffer} */ data) => {
      text += data.toString();
      const found = /answers at ([^\s,]+)/.exec(text);
      if (found?.[1]) resolve(found[1]);
    });
    server.once("exit", () => reject(new Error("the server ended")));
  })
);

const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length;
const megabytes = () => {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1024;
};
/** What the server says is at work. */
async function working() {
  const text = await (await fetch(`${url.replace(/\/v1$/, "")}/metrics`)).text();
  const gauges = ["requests_answering", "requests_waiting", "candidates_drawing"];
  return gauges.reduce(
    (sum, name) => sum + Number(new RegExp(`^whetstone_${name} (\\d+)`, "m").exec(text)?.[1]),
    0,
  );
}
async function idle() {
  const began = performance.now();
  while ((await working()) > 0) {
    if (performance.now() - began > 30_000)
      throw new Error("rows are at work 30 s after the last client has gone");
    await sleep(5);
  }
  return performance.now() - began;
}

const asked = { whole: 0, cut: 0, broken: 0 };
/** One stream, cut or not: before its first token, amid it, or after its last. @param {number} seed */
async function stream(seed) {
  const leave = new AbortController();
  const cutAt = Math.random() < CUT_SHARE ? Math.floor(Math.random() ** 2 * 16) : Infinity;
  const body = {
    model: "game24",
    prompt: `${seed % 13} 9 ${seed % 7} 13 = 24 :`,
    seed,
    best_of: 1 + (seed % 8),
    stream: true,
  };
  const request = { method: "POST", headers: { "content-type": "application/json" }, signal: leave.signal };
  let text = "";
  // A promise of fetch that was broken off does not always settle (seen on Node 20, on a busy machine).
  const gone = /** @type {Promise<undefined>} */ (
    new Promise((resolve) => leave.signal.addEventListener("abort", () => resolve(undefined)))
  );
  try {
    const replied = fetch(`${url}/completions`, { ...request, body: JSON.stringify(body) });
    if (cutAt === 0) {
      await sleep(Math.random() * 20);
      leave.abort();
    }
    const reply = await Promise.race([replied, gone]);
    const reader = reply?.body?.getReader();
    const decoder = new TextDecoder();
    for (let chunks = 1; !leave.signal.aborted; chunks++) {
      const next = await Promise.race([reader?.read(), gone]);
      if (next?.value) text += decoder.decode(next.value, { stream: true });
      if (chunks >= cutAt) leave.abort();
      if (next?.done !== false) break;
    }
  } catch (error) {
    if (!leave.signal.aborted) throw error;
  }
  if (leave.signal.aborted) asked.cut++;
  else if (/"finish_reason":"(stop|length)"/.test(text) && text.endsWith("data: [DONE]\n\n")) asked.whole++;
  else asked.broken++;
}
let seeds = 0;
/** So many streams at once for so long. @param {number} forSeconds */
async function soak(forSeconds) {
  const end = performance.now() + forSeconds * 1000;
  const one = async () => {
    while (performance.now() < end) await stream(seeds++);
  };
  await Promise.all(Array.from({ length: streams }, one));
  await idle();
  // Connections that are kept for a next request are closed after 75 seconds.
  await sleep(78_000);
  return { descriptors: descriptors(), megabytes: megabytes() };
}

try {
  const before = await soak(warm);
  const after = await soak(seconds);
  // All at once.
  const leave = new AbortController();
  const many = Array.from({ length: streams }, (_, seed) =>
    fetch(`${url}/completions`, {
      ...{ method: "POST", signal: leave.signal },
      body: JSON.stringify({
        model: "game24",
        prompt: "4 9 10 13 = 24 :",
        seed,
        best_of: 64,
        n: 64,
        temperature: 2,
        stream: true,
      }),
    }).then((reply) => reply.text()),
  );
  while ((await working()) < streams) await sleep(1);
  leave.abort();
  await Promise.allSettled(many);
  const freeMs = await idle();
  const result = { ...asked, before, after, freeMs };
  console.log(`streams: ${asked.whole} whole, ${asked.cut} cut, ${asked.broken} without an end`);
  console.log(`open descriptors ${before.descriptors} → ${after.descriptors}`);
  console.log(`memory ${before.megabytes.toFixed(0)} → ${after.megabytes.toFixed(0)} MB`);
  console.log(`rows free ${freeMs.toFixed(0)} ms after ${streams} clients have gone at once`);
  console.log(JSON.stringify(result));
  const grown = after.megabytes > before.megabytes * (1 + GROWTH);
  if (asked.broken > 0 || after.descriptors > before.descriptors || grown) process.exitCode = 1;
} finally {
  server.kill();
}
