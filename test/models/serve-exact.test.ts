import { afterAll, beforeAll, expect, it } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { modelFolder } from "../../src/policy/model-folder.js";
import type { Policy } from "../../src/policy/policy.js";
import { rewardNamed } from "../../src/reward/registry.js";
import { serveApp } from "../../src/serve/app.js";
import { findTask } from "../../src/task/registry.js";

const REWARDS = ["length-normalized", "log-likelihood", "majority", "self-certainty"];
const PROMPTS = 1000;
let policy: LocalPolicy;
beforeAll(async () => {
  policy = await LocalPolicy.load(modelFolder("game24"), { prefixBytes: 1 << 26 });
});
afterAll(() => policy.dispose());

interface Reply {
  readonly text: string;
  readonly chosen: number;
  readonly drawn: number;
  readonly usage: number;
}

/** Asks in this process, streamed or not; a stream's pieces are its text. */
async function ask(app: ReturnType<typeof serveApp>["app"], body: object, stream: boolean): Promise<Reply> {
  const fields = {
    model: "game24",
    ...body,
    ...(stream && { stream, stream_options: { include_usage: true } }),
  };
  const request = { method: "POST", headers: { host: "localhost" }, body: JSON.stringify(fields) };
  const reply = await app.request("/v1/completions", request);
  expect(reply.status).toBe(200);
  interface Body {
    readonly choices: readonly { readonly text: string }[];
    readonly usage?: { readonly completion_tokens: number } | null;
    readonly whetstone?: { readonly chosen: number; readonly tokens: { readonly drawn: number } };
  }
  const raw = await reply.text();
  const parts = stream
    ? raw
        .split("\n\n")
        .flatMap((line) => (line.startsWith("data: {") ? [JSON.parse(line.slice(6)) as Body] : []))
    : [JSON.parse(raw) as Body];
  const own = parts.findLast(({ whetstone }) => whetstone)!.whetstone!;
  return {
    text: parts.flatMap(({ choices }) => choices.map(({ text }) => text)).join(""),
    chosen: own.chosen,
    drawn: own.tokens.drawn,
    usage: parts.findLast(({ usage }) => usage)!.usage!.completion_tokens,
  };
}

/** The policy, with every token counted that it has drawn. */
function counting(): { readonly counted: Policy; readonly tokens: () => number } {
  let tokens = 0;
  const counted: Policy = {
    ...{ name: policy.name, digest: policy.digest, can: policy.can },
    sample: (requests, options) => {
      async function* watched() {
        for await (const request of requests) {
          const watcher = request.options?.watcher;
          let length = 0;
          const drawn: NonNullable<typeof watcher>["drawn"] = (soFar) => {
            tokens += soFar.length - length;
            length = soFar.length;
            watcher?.drawn?.(soFar);
          };
          const ended: NonNullable<typeof watcher>["ended"] = (response) => {
            if (response) tokens += response.logProbs.length - length;
            watcher?.ended?.(response);
          };
          yield { ...request, options: { ...request.options, watcher: { ...watcher, drawn, ended } } };
        }
      }
      return policy.sample(watched(), options);
    },
    greedy: (prompts, options) => policy.greedy(prompts, options),
    logProb: (examples) => policy.logProb(examples),
    promptTokens: (prompt) => policy.promptTokens(prompt),
    dispose: async () => undefined,
  };
  return { counted, tokens: () => tokens };
}

it(`on ${PROMPTS} prompts the choice is the same with early stopping and without, streamed or not, beside others or alone, and the usage is what was drawn`, async () => {
  const { counted, tokens } = counting();
  const { app } = serveApp({
    model: { id: "game24", policy: counted, takes: "text" },
    defaults: { bestOf: 4, reward: rewardNamed("length-normalized") },
    surroundings: { now: () => 0, freshSeed: () => 1, freshId: () => "1" },
  });
  const { prompts } = await findTask("game24");
  const asked = [...prompts("test"), ...prompts("train")].slice(0, PROMPTS).map(({ text }, at) => ({
    prompt: text,
    seed: at,
    max_tokens: 40,
    best_of: 4,
    whetstone: { reward: REWARDS[at % REWARDS.length]! },
  }));
  expect(asked).toHaveLength(PROMPTS);
  const all = async (width: number, stream: boolean, early: boolean): Promise<Reply[]> => {
    const replies: Reply[] = [];
    const waiting = [...asked.entries()];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [at, { whetstone, ...body }] = next;
        replies[at] = await ask(app, { ...body, whetstone: { ...whetstone, early_stop: early } }, stream);
      }
    };
    const before = tokens();
    await Promise.all(Array.from({ length: width }, worker));
    const drawn = replies.reduce((sum, reply) => sum + reply.drawn, 0);
    expect(replies.reduce((sum, { usage }) => sum + usage, 0)).toBe(drawn);
    expect(tokens() - before).toBe(drawn);
    return replies;
  };
  const choices = (replies: readonly Reply[]): (readonly [string, number])[] =>
    replies.map(({ text, chosen }) => [text, chosen]);
  const busy = await all(32, false, true);
  const without = await all(32, false, false);
  const streamed = await all(32, true, true);
  expect(choices(without)).toEqual(choices(busy));
  expect(choices(streamed)).toEqual(choices(busy));
  // Nothing else in the batch; a part of them, since it takes far longer.
  const alone: Reply[] = [];
  for (const [at, { whetstone, ...body }] of [...asked.entries()].slice(0, 100))
    alone.push(await ask(app, { ...body, whetstone }, at % 2 === 0));
  expect(choices(alone)).toEqual(choices(busy.slice(0, 100)));
});

it("stops early where candidates wait for a row: the choice is the same, and fewer tokens are drawn", async () => {
  const narrow = await LocalPolicy.load(modelFolder("game24"), { rows: 8, threads: 1 });
  try {
    const { app } = serveApp({
      model: { id: "game24", policy: narrow, takes: "text" },
      defaults: { bestOf: 4, reward: rewardNamed("length-normalized") },
      surroundings: { now: () => 0, freshSeed: () => 1, freshId: () => "1" },
    });
    const { prompts } = await findTask("game24");
    for (const reward of ["log-likelihood", "length-normalized"]) {
      const drawn = { early: 0, whole: 0 };
      for (const [seed, { text: prompt }] of prompts("test").slice(0, 20).entries()) {
        const body = { prompt, seed, max_tokens: 40, best_of: 24 };
        const early = await ask(app, { ...body, whetstone: { reward } }, seed % 2 === 0);
        const whole = await ask(app, { ...body, whetstone: { reward, early_stop: false } }, false);
        expect([early.text, early.chosen]).toEqual([whole.text, whole.chosen]);
        drawn.early += early.drawn;
        drawn.whole += whole.drawn;
      }
      expect(drawn.early).toBeLessThan(drawn.whole);
    }
  } finally {
    await narrow.dispose();
  }
});
