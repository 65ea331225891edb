import { afterAll, afterEach, describe, expect, it, test } from "vitest";
import { InterruptedError, ServerError, UsageError } from "../../core/errors.js";
import { testPolicyContract } from "../contract.test-helper.js";
import type { Policy, Response, SampleRequest } from "../policy.js";
import { ApiKey, keyFromEnvironment } from "./api-key.js";
import { baseUrls } from "./base-urls.js";
import type { ServersOptions } from "./connect.js";
import { FaultServer, NOTHING, type Misdeed, type ServerTraits } from "./fault-server.test-helper.js";
import type { FaultName } from "./fault.js";
import { RemotePolicy } from "./remote-policy.js";
import { sampleSeed } from "./request.js";

const CANARY = "sk-canary+/=0123456789?&";
const prompts = [
  { id: "first", text: "The sky over the sea is" },
  { id: "second", text: "Grass is" },
];
const options = { temperature: 1, maxTokens: 12, seed: 3 };
const requests = (n: number): SampleRequest[] =>
  prompts.flatMap((prompt) => Array.from({ length: n }, (_, index) => ({ prompt, index })));

const running: FaultServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

async function serve(traits?: ServerTraits): Promise<FaultServer> {
  const server = await new FaultServer(traits).start();
  running.push(server);
  return server;
}

/** Connected without waiting between tries; what would have been waited is kept. */
async function connect(
  servers: readonly FaultServer[],
  settings: Partial<ServersOptions> = {},
): Promise<{ policy: RemotePolicy; waits: number[] }> {
  const waits: number[] = [];
  const sleep = async (ms: number): Promise<void> => {
    waits.push(ms);
    await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const urls = servers.map(({ url }) => url);
  const policy = await RemotePolicy.connect({ model: "tiny", baseUrls: urls, sleep, ...settings });
  waits.length = 0;
  return { policy, waits };
}

async function collect(responses: AsyncIterable<Response>): Promise<Response[]> {
  const all: Response[] = [];
  for await (const response of responses) all.push(response);
  return all.sort((a, b) => a.promptId.localeCompare(b.promptId) || a.index - b.index);
}

const contractServers: FaultServer[] = [];
afterAll(async () => {
  for (const server of contractServers) await server.stop();
});
for (const stream of [false, true]) {
  testPolicyContract({
    name: `RemotePolicy${stream ? ", streaming," : ""}`,
    make: async (): Promise<Policy> => {
      const server = await new FaultServer().start();
      contractServers.push(server);
      return RemotePolicy.connect({ model: "tiny", baseUrls: [server.url], stream });
    },
    prompts,
    maxTokens: 6,
    tolerance: 1e-9,
  });
}

/** Each way to fail, the name under which it is counted, and whether another try mends it. */
const FAULTS: readonly (readonly [Misdeed, FaultName, "mended" | "final"])[] = [
  ["408", "busy", "mended"],
  ["409", "busy", "mended"],
  ["429", "busy", "mended"],
  ["500", "server error", "mended"],
  ["503", "server error", "mended"],
  ["reset", "unreachable", "mended"],
  ["stall", "timeout", "mended"],
  ["HTML with status 200", "not JSON", "mended"],
  ["half a body", "not JSON", "mended"],
  ["error in a 200", "error in a 200", "mended"],
  ["no choices", "no choice", "mended"],
  ["two choices", "no choice", "mended"],
  ["no text", "no text", "mended"],
  ["null log-probabilities", "no log-probabilities", "mended"],
  ["a null log-probability", "no log-probabilities", "mended"],
  ["a positive log-probability", "impossible log-probability", "mended"],
  ["fewer log-probabilities than tokens", "counts differ", "mended"],
  ["fewer ids than tokens", "counts differ", "mended"],
  ["no finish reason", "no finish reason", "mended"],
  ["content filter", "other finish reason", "mended"],
  ["too many tokens", "too long", "mended"],
  ["wrong model", "wrong model", "mended"],
  ["400", "refused", "final"],
  ["401 that repeats the key", "refused", "final"],
  ["redirect", "redirect", "final"],
  ["the key in the text", "key in the reply", "final"],
];
const STREAM_FAULTS: typeof FAULTS = [
  ["stream without a finish", "no finish reason", "mended"],
  ["error in a stream", "cut stream", "mended"],
];

describe("a fault is detected, counted and never a response:", () => {
  const cases = [
    ...FAULTS.map((fault) => [...fault, false] as const),
    ...STREAM_FAULTS.map((fault) => [...fault, true] as const),
  ];
  test.each(cases)("%s", async (misdeed, fault, outcome, stream) => {
    const server = await serve();
    const timeoutMs = misdeed === "stall" ? 250 : 20_000;
    const { policy } = await connect([server], { key: new ApiKey(CANARY), timeoutMs, stream });
    const clean = await collect(policy.sample(requests(1), options));
    const before = { ...policy.usage };
    server.misdeeds.push(misdeed);
    const drawn = collect(policy.sample(requests(1), options));
    if (outcome === "mended") {
      expect(await drawn).toEqual(clean);
      // A machine under load may run into the short time limit once more.
      const retries = misdeed === "stall" ? policy.usage.faults.timeout! : 1;
      expect(policy.usage.retries).toBe(retries);
      // Every request is counted, and nothing is asked that is not.
      expect(policy.usage.requests - before.requests).toBe(clean.length + retries);
      expect(policy.usage.faults).toEqual({ [fault]: retries });
    } else {
      const error = await drawn.then(String, (reason: unknown) => reason);
      expect(error).toBeInstanceOf(ServerError);
      expect(JSON.stringify([String(error), (error as Error).stack])).not.toContain(CANARY);
      expect((error as Error).cause).toBeUndefined();
      expect(policy.usage.faults).toEqual({ [fault]: 1 });
    }
  });
});

describe("retries", () => {
  it("wait longer each time, with jitter, or as long as the server asks, and end after six tries", async () => {
    const server = await serve();
    const { policy, waits } = await connect([server]);
    server.misdeeds.push("429");
    await collect(policy.sample(requests(1).slice(0, 1), options));
    expect(waits).toEqual([7000]);
    waits.length = 0;
    server.misdeeds.push(...Array.from({ length: 6 }, () => "error in a 200" as const));
    const asked = server.asked.length;
    await expect(collect(policy.sample(requests(1).slice(0, 1), options))).rejects.toThrow(
      /^No usable reply to the prompt "first" in 6 tries, the last from http.*: an error in a reply of status 200: out of memory\.$/,
    );
    expect(server.asked.length - asked).toBe(6);
    expect(waits.length).toBe(5);
    waits.forEach((wait, at) => {
      expect(wait).toBeGreaterThanOrEqual(250 * 2 ** at);
      expect(wait).toBeLessThanOrEqual(500 * 2 ** at);
    });
  });

  it("ask for the same sample with the same seed", async () => {
    const server = await serve();
    const { policy } = await connect([server]);
    const asked = server.asked.length;
    server.misdeeds.push("500");
    await collect(policy.sample(requests(1).slice(0, 1), options));
    const seeds = server.asked.slice(asked).map(({ seed }) => seed);
    expect(seeds).toEqual([sampleSeed(3, "first", 0), sampleSeed(3, "first", 0)]);
  });
});

describe("a pool of servers", () => {
  it("shares the work: the one with the fewest requests under way is asked", async () => {
    const servers = [await serve({ delayMs: 4 }), await serve({ delayMs: 4 })];
    const { policy } = await connect(servers, { concurrency: 3 });
    const before = servers.map(({ asked }) => asked.length);
    expect(await collect(policy.sample(requests(12), options))).toHaveLength(24);
    const shares = servers.map(({ asked }, at) => asked.length - before[at]!);
    expect(shares[0]! + shares[1]!).toBe(24);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(8);
    expect(Math.max(...servers.map(({ mostBusy }) => mostBusy))).toBeLessThanOrEqual(3);
  });

  it("loses no response when one dies, and takes it back when it lives again", async () => {
    const [one, two] = [await serve({ delayMs: 2 }), await serve({ delayMs: 2 })];
    const { policy } = await connect([one, two], { concurrency: 2 });
    const whole = await collect(policy.sample(requests(10), options));
    const port = Number(new URL(two.url).port);
    const drawn: Response[] = [];
    const revived = new FaultServer({ delayMs: 2 });
    running.push(revived);
    for await (const response of policy.sample(requests(10), options)) {
      drawn.push(response);
      if (drawn.length === 4) await two.stop();
      if (drawn.length === 12) await revived.start(port);
    }
    running.splice(running.indexOf(two), 1);
    drawn.sort((a, b) => a.promptId.localeCompare(b.promptId) || a.index - b.index);
    expect(drawn).toEqual(whole);
    expect(policy.usage.faults["unreachable"]).toBeGreaterThan(0);
    expect(revived.asked.length).toBeGreaterThan(0);
  });

  it("begins with those that are up, and probes the others when they come", async () => {
    const up = await serve();
    const late = new FaultServer();
    await late.start();
    const { url } = late;
    await late.stop();
    const { policy } = await connect([up, late], { baseUrls: [up.url, url] });
    expect(await collect(policy.sample(requests(2), options))).toHaveLength(4);
    const servers = [await serve(), await serve({ weights: 1 })];
    await expect(connect(servers)).rejects.toThrow(/serve different weights/);
  });
});

describe("the probe", () => {
  const facts = async (traits: ServerTraits, settings: Partial<ServersOptions> = {}) =>
    (await connect([await serve(traits)], settings)).policy.facts;

  it("finds out what a server of vLLM's kind does", async () => {
    expect(await facts({ severalChoices: true })).toMatchObject({
      served: "tiny",
      logProbs: "raw",
      greedyRaw: true,
      seeds: "repeat",
      n: "honoured",
      echo: "matches",
      tokenIds: true,
    });
  });

  it("detects what is lacking: n, ids, echo, and an echo that is shifted by one", async () => {
    const found = await facts({ owner: "me", ids: false, echo: "shifted" });
    expect(found).toMatchObject({ n: "ignored", tokenIds: false, echo: "wrong", logProbs: "raw" });
    expect(found.kind.name).toBe("llama-cpp-python");
    expect((await facts({ echo: "refused" })).echo).toBe("none");
    expect((await facts({}, { api: "chat" })).echo).toBe("none");
  });

  it("tells log-probabilities after temperature from raw ones, and refuses what cannot be had at temperature 1", async () => {
    const { policy } = await connect([await serve({ processed: true })]);
    expect(policy.facts.logProbs).toBe("processed");
    expect(() => policy.checkDrawing(1)).not.toThrow();
    expect(() => policy.checkDrawing(0.5)).toThrow(
      /after the temperature, not at temperature 1: start vLLM with/,
    );
    await expect(collect(policy.sample(requests(1), { ...options, temperature: 0.5 }))).rejects.toThrow(
      UsageError,
    );
  });

  it("refuses a model that is not there, and one without log-probabilities", async () => {
    const server = await serve();
    await expect(connect([server], { model: "huge" })).rejects.toThrow(
      /does not have the model huge; it has tiny\./,
    );
    server.misdeeds.push("null log-probabilities");
    await expect(connect([server])).rejects.toThrow(/gives no log-probabilities of its tokens/);
  });
});

describe("what a server cannot do", () => {
  it("leaves token ids out, and refuses to score where the echo is wrong", async () => {
    const { policy } = await connect([
      await serve({ owner: "me", ids: false, echo: "shifted", endToken: false }),
    ]);
    const drawn = await collect(policy.sample(requests(4), options));
    expect(drawn.every(({ tokens, certainties }) => tokens.length === 0 && certainties === undefined)).toBe(
      true,
    );
    expect(drawn.some(({ logProbs }) => logProbs.length > 0)).toBe(true);
    await expect(policy.logProb([{ prompt: prompts[0]!, tokens: [1] }])).rejects.toThrow(
      /cannot score a given response: the log-probabilities that they echo are not those of generation/,
    );
  });

  it("gives an empty response what the first tokens leave to its end, where the end token is not reported", async () => {
    const traits = { owner: "me", ids: false } as const;
    const [silent, telling] = [
      await connect([await serve({ ...traits, endToken: false })]),
      await connect([await serve(traits)]),
    ];
    const asked = Array.from({ length: 12 }, (_, index) => ({ prompt: { id: "x", text: NOTHING }, index }));
    const drawn = await collect(silent.policy.sample(asked, options));
    const told = await collect(telling.policy.sample(asked, options));
    const empty = drawn.flatMap(({ text }, at) => (text === "" ? [at] : []));
    expect(empty.length).toBeGreaterThan(2);
    for (const at of empty) expect(drawn[at]!.logProbs[0]).toBeCloseTo(told[at]!.logProbs[0]!, 9);
  });

  it("draws through chat as well, with log-probabilities in its form", async () => {
    const server = await serve();
    const text = await connect([server]);
    const chat = await connect([server], { api: "chat" });
    expect(await collect(chat.policy.sample(requests(3), options))).toEqual(
      await collect(text.policy.sample(requests(3), options)),
    );
    const first = await chat.policy.firstTokens(prompts[0]!);
    expect(first.length).toBeGreaterThan(2);
    expect(first.map(({ logProb }) => logProb)).toEqual(
      first.map(({ logProb }) => logProb).sort((a, b) => b - a),
    );
    expect(first.reduce((sum, { logProb }) => sum + Math.exp(logProb), 0)).toBeCloseTo(1, 9);
  });
});

describe("a budget", () => {
  it("of requests ends the drawing with what is under way, and is never exceeded", async () => {
    const server = await serve();
    const probed = (await connect([server])).policy.usage.requests;
    const { policy } = await connect([server], { maxRequests: probed + 5, concurrency: 2 });
    const drawn: Response[] = [];
    const draw = async (): Promise<void> => {
      for await (const response of policy.sample(requests(10), options)) drawn.push(response);
    };
    await expect(draw()).rejects.toThrow(/budget of \d+ requests is used up; raise --max-requests/);
    expect(drawn).toHaveLength(5);
    expect(policy.usage.requests).toBe(probed + 5);
  });

  it("of tokens holds back a response that might exceed it", async () => {
    const server = await serve();
    const used = (await connect([server])).policy.usage.tokens;
    const { policy } = await connect([server], { maxTokensTotal: used + 60 });
    await expect(collect(policy.sample(requests(10), options))).rejects.toThrow(
      /does not hold another response of up to 12/,
    );
    expect(policy.usage.tokens).toBeLessThanOrEqual(used + 60);
  });
});

it("stops at once when the signal fires, and yields nothing after", async () => {
  const server = await serve({ delayMs: 5 });
  const { policy } = await connect([server], { concurrency: 2 });
  const stop = new AbortController();
  const drawn: Response[] = [];
  const draw = async (): Promise<void> => {
    for await (const response of policy.sample(requests(10), { ...options, signal: stop.signal })) {
      drawn.push(response);
      stop.abort();
    }
  };
  await expect(draw()).rejects.toThrow(InterruptedError);
  expect(drawn).toHaveLength(1);
});

describe("the key", () => {
  it("comes from the environment, ours before OpenAI's, and shows itself to nobody", () => {
    const key = keyFromEnvironment({ OPENAI_API_KEY: "theirs", WHETSTONE_API_KEY: CANARY })!;
    expect(key.reveal()).toBe(CANARY);
    expect(JSON.stringify({ key })).not.toContain("canary");
    expect(keyFromEnvironment({ OPENAI_API_KEY: "theirs" })!.reveal()).toBe("theirs");
    expect(keyFromEnvironment({})).toBeUndefined();
    const forms = [CANARY, Buffer.from(CANARY).toString("base64"), encodeURIComponent(CANARY)];
    for (const form of forms) {
      expect(key.isIn(`a ${form} b`)).toBe(true);
      expect(key.redact(`a ${form} b`)).toBe("a [key] b");
    }
    expect(() => new ApiKey("with space")).toThrow(UsageError);
  });

  it("goes to the server as a bearer token, and without one nothing does", async () => {
    const server = await serve();
    await connect([server], { key: new ApiKey(CANARY) });
    expect([...server.authorizations]).toEqual([`Bearer ${CANARY}`]);
    const open = await serve();
    await connect([open]);
    expect([...open.authorizations]).toEqual([undefined]);
  });

  it("may not hide in a URL", () => {
    expect(baseUrls("http://a:1/v1/, https://b/v1,http://a:1/v1")).toEqual(["http://a:1/v1", "https://b/v1"]);
    for (const [text, said] of [
      [`http://user:${encodeURIComponent(CANARY)}@a/v1`, /user name or password/],
      [`http://a/v1?key=${CANARY}`, /has a "\?" or "#" part/],
      ["localhost:8000", /is not a URL of http or https/],
      [" , ", /needs at least one URL/],
    ] as const) {
      expect(() => baseUrls(text)).toThrow(said);
      expect(() => baseUrls(text)).not.toThrow(/canary/);
    }
  });
});
