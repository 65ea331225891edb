/** What the server costs and saves in front of a model on this machine, SmolLM2 where it can be had. */
import { fetchRealModel } from "../scripts/fetch-model.mjs";
import { LocalPolicy, modelFolder, rewardNamed } from "../dist/index.js";
import { startServer } from "../dist/serve/server.js";
import { spread } from "./processes.mjs";

const USERS = 16;
const EACH = 8;
const TOKENS = 64;
const WORDS =
  "The quick brown fox jumps over the lazy dog near the old stone bridge while rain falls on quiet fields. ";

/** @param {string} path @param {number} prefixBytes */
async function served(path, prefixBytes) {
  const policy = await LocalPolicy.load(path, { name: "local", prefixBytes });
  let ids = 0;
  const server = await startServer(
    {
      model: { id: "local", policy, takes: policy.can.messages ? "both" : "text" },
      defaults: { bestOf: 1, reward: rewardNamed("length-normalized") },
      surroundings: { now: () => Date.now(), freshSeed: () => ids++, freshId: () => `${ids++}` },
      limits: { slots: 64 },
    },
    { port: 0 },
  );
  return { policy, server, url: `${server.url}/v1` };
}

/** @param {string} url @param {object} body */
async function answer(url, body) {
  const reply = await fetch(`${url}/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "local", ...body }),
  });
  if (!reply.ok) throw new Error(await reply.text());
  return /** @type {{ whetstone: { tokens: { drawn: number } } }} */ (await reply.json());
}

/** Seconds to the first text of a stream. @param {string} url @param {object} body */
async function firstText(url, body) {
  const began = performance.now();
  const reply = await fetch(`${url}/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "local", stream: true, ...body }),
  });
  const reader = reply.body?.getReader();
  const decoder = new TextDecoder();
  let [text, seconds] = ["", NaN];
  for (;;) {
    const next = await reader?.read();
    if (next?.done !== false) break;
    text += decoder.decode(next.value, { stream: true });
    if (Number.isNaN(seconds) && /"content":"[^"]/.test(text)) seconds = (performance.now() - began) / 1000;
  }
  return seconds;
}

/** Many users at once, against one batch of as many rows; in turn, three times. @param {string} path */
async function manyUsers(path) {
  const { policy, server, url } = await served(path, 0);
  const prompts = Array.from({ length: USERS }, (_, user) => `${user} ${WORDS}`);
  const whole = { early_stop: false };
  /** @type {{ users: number[], batch: number[] }} */
  const speeds = { users: [], batch: [] };
  for (let round = 0; round < 3; round++) {
    const began = performance.now();
    const replies = await Promise.all(
      prompts.map((prompt, seed) =>
        answer(url, { prompt, seed, best_of: EACH, max_tokens: TOKENS, whetstone: whole }),
      ),
    );
    const drawn = replies.reduce((sum, { whetstone }) => sum + whetstone.tokens.drawn, 0);
    speeds.users.push((1000 * drawn) / (performance.now() - began));
    const requests = prompts.flatMap((text, seed) =>
      Array.from({ length: EACH }, (_, index) => ({
        prompt: { id: "prompt", text },
        index,
        options: { seed },
      })),
    );
    const start = performance.now();
    let tokens = 0;
    for await (const { logProbs } of policy.sample(requests, { temperature: 1, maxTokens: TOKENS, seed: 0 }))
      tokens += logProbs.length;
    speeds.batch.push((1000 * tokens) / (performance.now() - start));
  }
  await server.close();
  await policy.dispose();
  const [users, batch] = [spread(speeds.users).median, spread(speeds.batch).median];
  return { users, batch, ratio: users / batch };
}

/** The second turn of a chat with a system prompt of some 500 tokens: what was computed before is there, or not. @param {string} path */
async function secondTurn(path) {
  const { policy, server, url } = await served(path, 1 << 29);
  if (!policy.can.messages) return undefined;
  /** @param {number} at @param {boolean} second */
  const messages = (at, second) => [
    { role: "system", content: `${at} ${WORDS.repeat(22)}` },
    { role: "user", content: "What does the fox do?" },
    ...(second
      ? [
          { role: "assistant", content: "It jumps over the lazy dog near the old stone bridge." },
          { role: "user", content: "And the rain?" },
        ]
      : []),
  ];
  const body = { max_tokens: 8, temperature: 0 };
  // What is made once, graphs and buffers, is made here.
  await firstText(url, { ...body, messages: messages(99, true) });
  /** @type {{ cold: number[], warm: number[] }} */
  const seconds = { cold: [], warm: [] };
  for (let round = 0; round < 5; round++) {
    seconds.cold.push(await firstText(url, { ...body, messages: messages(2 * round, true) }));
    await firstText(url, { ...body, messages: messages(2 * round + 1, false) });
    seconds.warm.push(await firstText(url, { ...body, messages: messages(2 * round + 1, true) }));
  }
  await server.close();
  await policy.dispose();
  const [cold, warm] = [spread(seconds.cold).median, spread(seconds.warm).median];
  return { cold, warm, ratio: warm / cold };
}

/** All of it, printed. */
export async function measureLocal() {
  let path = modelFolder("game24");
  try {
    path = await fetchRealModel("smollm2");
  } catch (error) {
    console.error(
      `Notice: the embedded model in SmolLM2's place. ${error instanceof Error ? error.message : ""}`,
    );
  }
  const users = await manyUsers(path);
  console.log(
    `${USERS} users of best-of-${EACH}  ${users.users.toFixed(0)} tokens/s, one batch of ${USERS * EACH} rows ` +
      `${users.batch.toFixed(0)} tokens/s: ${users.ratio.toFixed(2)} × (wanted: ≥ 0.9)`,
  );
  const turn = await secondTurn(path);
  if (turn)
    console.log(
      `a chat's second turn  first text after ${turn.warm.toFixed(2)} s, cold ${turn.cold.toFixed(2)} s: ` +
        `${turn.ratio.toFixed(2)} × (wanted: ≤ 0.33)`,
    );
  return { users, turn };
}
