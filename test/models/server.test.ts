import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fetchRealModel } from "../../scripts/fetch-model.mjs";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import type { Policy, Response } from "../../src/policy/policy.js";
import { ApiKey } from "../../src/policy/remote/api-key.js";
import type { ServersOptions } from "../../src/policy/remote/connect.js";
import { RemotePolicy } from "../../src/policy/remote/remote-policy.js";
import { rewardNamed } from "../../src/reward/registry.js";
import {
  LLAMA_PYTHON,
  llamaServer,
  SERVED_MODEL,
  SERVER_KEY,
  type LlamaServer,
} from "../support/llama-server.js";

const PROMPTS = [
  "The capital of France is",
  "Question: What is 3 + 4?\nAnswer:",
  "Once upon a time, there was",
  "The three primary colours are",
  "def add(a, b):\n",
  "Water boils at",
].map((text, at) => ({ id: `p${at}`, text }));
/** In nats: llama.cpp multiplies in integers of eight bits what the local engine multiplies in floats. */
const CLOSE = { mean: 0.12, most: 0.6 };

interface RawReply {
  readonly choices: readonly { readonly logprobs: { readonly token_logprobs: readonly (number | null)[] } }[];
}

async function collect(responses: AsyncIterable<Response>): Promise<Response[]> {
  const all: Response[] = [];
  for await (const response of responses) all.push(response);
  return all.sort((a, b) => a.promptId.localeCompare(b.promptId) || a.index - b.index);
}

const texts = (responses: readonly Response[]): string[] => responses.map(({ text }) => text);

describe.skipIf(LLAMA_PYTHON === undefined)("models through llama-cpp-python's server", () => {
  let local: LocalPolicy;
  let one: LlamaServer;
  let two: LlamaServer;
  beforeAll(async () => {
    const gguf = await fetchRealModel("smollm2");
    [one, two, local] = await Promise.all([llamaServer(gguf), llamaServer(gguf), LocalPolicy.load(gguf)]);
  });
  afterAll(async () => {
    for (const server of [one, two]) await server?.kill();
    await local?.dispose();
  });

  const connect = (settings: Partial<ServersOptions> = {}): Promise<RemotePolicy> =>
    RemotePolicy.connect({
      model: SERVED_MODEL,
      baseUrls: [one.url, two.url],
      key: new ApiKey(SERVER_KEY),
      ...settings,
    });
  const ask = async (server: LlamaServer, body: object): Promise<{ status: number; body: RawReply }> => {
    const headers = { authorization: `Bearer ${SERVER_KEY}`, "content-type": "application/json" };
    const whole = { model: SERVED_MODEL, max_tokens: 1, temperature: 1, seed: 1, logprobs: 1, ...body };
    const reply = await fetch(`${server.url}/completions`, {
      method: "POST",
      headers,
      body: JSON.stringify(whole),
    });
    return { status: reply.status, body: (await reply.json()) as RawReply };
  };

  it("are probed: n is ignored, seeds repeat, log-probabilities are raw, the echo is wrong, ids are not told", async () => {
    const { facts, usage } = await connect();
    expect(facts).toMatchObject({
      n: "ignored",
      seeds: "repeat",
      logProbs: "raw",
      greedyRaw: true,
      echo: "wrong",
      tokenIds: false,
    });
    expect(facts.kind.name).toBe("llama-cpp-python");
    // Of the same text and weights, on either side.
    const [paris] = facts.fingerprint;
    expect(paris!.text).toBe(" Paris");
    const [scored] = await local.logProb([{ prompt: PROMPTS[0]!, tokens: local.encode(" Paris") }]);
    expect(Math.abs(scored![0]! - paris!.logProb)).toBeLessThan(CLOSE.mean);
    expect(usage.requests).toBeLessThanOrEqual(2 * 8);
    // What the probe goes by, seen by itself: one choice for two, and status 200.
    const { status, body } = await ask(one, { prompt: PROMPTS[0]!.text, n: 2 });
    expect([status, body.choices.length]).toEqual([200, 1]);
  });

  it("echo each token with what the position after it says of it, and are not asked to score", async () => {
    const text = "The capital of France is Paris";
    const tokens = local.encode(text);
    const { body } = await ask(one, { prompt: text, echo: true, max_tokens: 1 });
    const echoed = body.choices[0]!.logprobs.token_logprobs.slice(0, tokens.length);
    expect(echoed[0]).toBeNull();
    const at = (given: number, end: number) => ({
      prompt: { id: "x", text: local.runtime.model.tokenizer.decode(tokens.slice(0, end)) },
      tokens: [tokens[given]!],
    });
    const positions = tokens.map((_, i) => i).slice(1, -1);
    const after = await local.logProb(positions.map((i) => at(i, i + 1)));
    const true_ = await local.logProb(positions.map((i) => at(i, i)));
    positions.forEach((i, k) => {
      expect(Math.abs(echoed[i]! - after[k]![0]!)).toBeLessThan(1.5);
      expect(Math.abs(echoed[i]! - true_[k]![0]!)).toBeGreaterThan(0.5);
    });
    await expect((await connect()).logProb([{ prompt: PROMPTS[0]!, tokens }])).rejects.toThrow(
      /^Scoring a given response needs .*: the log-probabilities that its servers echo are not those of generation/,
    );
  });

  it("give the log-probabilities of the local engine on the same file", async () => {
    const remote = await connect();
    const samples = PROMPTS.flatMap((prompt) => [0, 1].map((index) => ({ prompt, index })));
    const drawn = [
      ...(await collect(remote.greedy(PROMPTS, { maxTokens: 10 }))),
      ...(await collect(remote.sample(samples, { maxTokens: 10, temperature: 1, seed: 1 }))),
    ];
    // Some texts have several spellings in tokens, and the server does not say which was drawn.
    const spelt = drawn.filter(({ text, logProbs }) => local.encode(text).length === logProbs.length);
    expect(spelt.length).toBeGreaterThanOrEqual(0.8 * drawn.length);
    const examples = spelt.map(({ promptId, text }) => ({
      prompt: PROMPTS.find(({ id }) => id === promptId)!,
      tokens: local.encode(text),
    }));
    const own = await local.logProb(examples);
    const apart = spelt.flatMap(({ logProbs }, i) =>
      logProbs.map((value, t) => Math.abs(value - own[i]![t]!)),
    );
    const mean = apart.reduce((sum, value) => sum + value, 0) / apart.length;
    console.log(
      `log-probabilities: ${apart.length} tokens, apart ${mean.toFixed(3)} on average, ${Math.max(...apart).toFixed(3)} at most`,
    );
    const beside = spelt.flatMap(({ logProbs }, i) =>
      logProbs.slice(1).map((value, t) => Math.abs(value - own[i]![t]!)),
    );
    expect(beside.reduce((sum, value) => sum + value, 0) / beside.length).toBeGreaterThan(10 * CLOSE.mean);
    expect(apart.length).toBeGreaterThan(100);
    expect(mean).toBeLessThan(CLOSE.mean);
    expect(Math.max(...apart)).toBeLessThan(CLOSE.most);
  });

  it("judge by the likeliest first tokens as the local engine judges by scoring", async () => {
    const responses = ["4", "Paris"].map((text, index) => ({
      promptId: "x",
      index,
      text,
      tokens: [],
      logProbs: [-1],
      finish: "stop" as const,
    }));
    const judged = (policy: Policy) =>
      rewardNamed("judge").score({
        prompt: { id: "x", text: "What is 2 + 2?" },
        responses,
        extract: () => undefined,
        policy,
      });
    const [remote, own] = [await judged(await connect()), await judged(local)];
    remote.forEach((score, i) => expect(Math.abs(score - own[i]!)).toBeLessThan(0.1));
    expect(remote[0]).toBeGreaterThan(remote[1]!);
  });

  it("stream the responses that come whole, and a stream that another client cuts is drawn again", async () => {
    const requests = [0, 1].map((index) => ({ prompt: PROMPTS[2]!, index }));
    const options = { maxTokens: 16, temperature: 1, seed: 4 };
    const whole = await collect((await connect({ baseUrls: [one.url] })).sample(requests, options));
    const policy = await connect({ baseUrls: [one.url], stream: true });
    expect(texts(await collect(policy.sample(requests, options)))).toEqual(texts(whole));
    expect(policy.usage.faults).toEqual({});
    // The server ends the stream under way without a finish reason, by [DONE], with status 200; newer ones break off as well.
    let pieces = 0;
    let cut: Promise<unknown> | undefined;
    const long = {
      ...options,
      maxTokens: 60,
      abandon: () => (++pieces === 5 && (cut = ask(one, { prompt: "x" })), false),
    };
    const [response] = await collect(policy.sample(requests.slice(0, 1), long));
    await cut;
    const { "no finish reason": unfinished = 0, "cut reply": broken = 0, ...others } = policy.usage.faults;
    expect([unfinished + broken, others]).toEqual([1, {}]);
    expect(policy.usage.completionTokens).toBeGreaterThan(60);
    expect(response!.finish === "stop" || response!.logProbs.length === 60).toBe(true);
    expect(response!.text.startsWith(whole[0]!.text)).toBe(true);
  });
});
