/**
 * `node bench/simulate-check.mjs`: the simulator beside a real run. Two servers in processes of their own draw responses of known lengths, a token of
 * each in `FIXED` + `EACH` × their count seconds; whetstone's own client draws from both over HTTP. The last line is JSON; exits with 1 where they
 * differ by more than 15 %.
 */
import { fork } from "node:child_process";
import { createServer } from "node:http";
import { randomStream } from "../dist/core/random.js";
import { remotePolicy } from "../dist/index.js";
import { simulate } from "./simulate.mjs";

const [FIXED, EACH, SLOTS, RESPONSES, MOST] = [0.02, 0.004, 6, 120, 60];
const WITHIN = 0.15;

/** @param {number} seed what a request is known by, whichever server it reaches */
const lengthOf = (seed) => 1 + Math.floor(MOST * randomStream(seed, "length").next() ** 2);

/** A server that draws all its responses together, step by step. */
function serveSteps() {
  /** @type {Set<{ left: number, done: () => void }>} */
  const running = new Set();
  let due = 0;
  const tick = () => {
    for (const each of running) {
      if (--each.left > 0) continue;
      running.delete(each);
      each.done();
    }
    if (running.size === 0) return void (due = 0);
    // By the clock, so that a timer that is late makes no step longer than it is.
    due += 1000 * (FIXED + EACH * running.size);
    setTimeout(tick, Math.max(0, due - performance.now()));
  };
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (/** @type {Buffer} */ piece) => (text += piece.toString()));
    request.on("end", () => {
      response.setHeader("content-type", "application/json");
      if (request.method === "GET")
        return void response.end(JSON.stringify({ data: [{ id: "steps", owned_by: "vllm" }] }));
      const { seed, max_tokens: most } = JSON.parse(text);
      const length = most < MOST ? most : lengthOf(seed);
      const tokens = Array.from({ length }, (_, at) => ` w${at}`);
      const top = { " w0": -0.5, " w1": -1.5 };
      const logprobs = {
        tokens,
        token_logprobs: tokens.map(() => -0.5),
        top_logprobs: tokens.map(() => top),
      };
      const choice = {
        index: 0,
        text: tokens.join(""),
        finish_reason: length < most ? "stop" : "length",
        logprobs,
      };
      const reply = {
        model: "steps",
        choices: [choice],
        usage: { prompt_tokens: 1, completion_tokens: length },
      };
      running.add({ left: length, done: () => response.end(JSON.stringify(reply)) });
      if (due > 0) return;
      due = performance.now() + 1000 * (FIXED + EACH);
      setTimeout(tick, 1000 * (FIXED + EACH));
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = /** @type {import("node:net").AddressInfo} */ (server.address());
    process.send?.(`http://127.0.0.1:${address.port}/v1`);
  });
  process.on("disconnect", () => process.exit(0));
}

/** Draws from two servers, and simulates the same. */
async function check() {
  const children = [0, 1].map(() => fork(import.meta.filename, ["serve"]));
  const baseUrls = await Promise.all(
    children.map(
      (child) =>
        new Promise((/** @type {(url: string) => void} */ resolve) =>
          child.once("message", (/** @type {unknown} */ url) => resolve(/** @type {string} */ (url))),
        ),
    ),
  );
  const policy = await remotePolicy({ model: "steps", baseUrls, api: "completions", concurrency: SLOTS });
  const prompt = { id: "p", text: "x" };
  const requests = Array.from({ length: RESPONSES }, (_, index) => ({ prompt, index }));
  /** @type {Map<number, number>} */
  const lengths = new Map();
  const begun = performance.now();
  for await (const { index, logProbs } of policy.sample(requests, {
    temperature: 1,
    maxTokens: MOST,
    seed: 1,
  }))
    lengths.set(index, logProbs.length);
  const seconds = (performance.now() - begun) / 1000;
  await policy.dispose();
  for (const child of children) child.disconnect();
  const foretold = simulate({
    lengths: requests.map(({ index }) => lengths.get(index) ?? 0),
    replicas: 2,
    slots: SLOTS,
    step: (running) => FIXED + EACH * running,
  }).seconds;
  const apart = foretold / seconds - 1;
  console.log(
    `drawn in ${seconds.toFixed(2)} s; simulated: ${foretold.toFixed(2)} s (${(100 * apart).toFixed(1)} %)`,
  );
  console.log(JSON.stringify({ seconds, foretold, apart }));
  if (Math.abs(apart) > WITHIN) process.exitCode = 1;
}

if (process.argv[2] === "serve") serveSteps();
else await check();
