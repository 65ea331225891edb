import { afterAll, describe, expect, it, test } from "vitest";
import { ServerError } from "../../src/core/errors.js";
import { ApiKey } from "../../src/policy/remote/api-key.js";
import type { ServersOptions } from "../../src/policy/remote/connect.js";
import {
  FaultServer,
  type Misdeed,
  type ReplyMisdeed,
  type StreamMisdeed,
} from "../../src/policy/remote/fault-server.test-helper.js";
import type { FaultName } from "../../src/policy/remote/fault.js";
import {
  CANARY,
  collect,
  connect,
  options,
  requests,
  serve,
} from "../../src/policy/remote/remote.test-helper.js";
import { sampleSeed } from "../../src/policy/remote/sample-seed.js";

/** The name under which a fault is counted, and whether another try mends it. */
type Outcome = readonly [FaultName, "mended" | "final"];

/** Each way to fail: the compiler sees to it that none is left out. */
const FAULTS: Readonly<Record<ReplyMisdeed, Outcome>> = {
  "408": ["busy", "mended"],
  "409": ["busy", "mended"],
  "429": ["busy", "mended"],
  "429 until a date": ["busy", "mended"],
  "429 that repeats the key": ["busy", "mended"],
  "500": ["server error", "mended"],
  "503": ["server error", "mended"],
  "502 in HTML": ["server error", "mended"],
  reset: ["unreachable", "mended"],
  stall: ["timeout", "mended"],
  "stall in a body": ["timeout", "mended"],
  "HTML with status 200": ["not JSON", "mended"],
  "empty body": ["not JSON", "mended"],
  "half a body": ["not JSON", "mended"],
  "cut body": ["cut reply", "mended"],
  "error in a 200": ["error in a 200", "mended"],
  "no choices": ["no choice", "mended"],
  "two choices": ["no choice", "mended"],
  "no text": ["no text", "mended"],
  "null log-probabilities": ["no log-probabilities", "mended"],
  "no log-probabilities": ["no log-probabilities", "mended"],
  "a null log-probability": ["no log-probabilities", "mended"],
  "NaN for a log-probability": ["not JSON", "mended"],
  "a positive log-probability": ["impossible log-probability", "mended"],
  "fewer log-probabilities than tokens": ["counts differ", "mended"],
  "fewer ids than tokens": ["counts differ", "mended"],
  "no finish reason": ["no finish reason", "mended"],
  aborted: ["other finish reason", "mended"],
  "content filter": ["other finish reason", "mended"],
  "too many tokens": ["too long", "mended"],
  "wrong model": ["wrong model", "mended"],
  "400": ["refused", "final"],
  "401 that repeats the key": ["refused", "final"],
  redirect: ["redirect", "final"],
  "the key in the text": ["key in the reply", "final"],
};
const STREAM_FAULTS: Readonly<Record<StreamMisdeed, Outcome>> = {
  "stream without a finish": ["no finish reason", "mended"],
  "stream without an end": ["no finish reason", "mended"],
  "cut stream": ["cut reply", "mended"],
  "stalled stream": ["timeout", "mended"],
  "error in a stream": ["error in a stream", "mended"],
  "broken event in a stream": ["not JSON", "mended"],
  "stream without log-probabilities": ["no log-probabilities", "mended"],
  "a null log-probability in a stream": ["no log-probabilities", "mended"],
  "stream of another model": ["wrong model", "mended"],
  "aborted stream": ["other finish reason", "mended"],
};
type Case = readonly [Misdeed, ...Outcome, "whole" | "streamed"];
const CASES: readonly Case[] = [
  ...Object.entries(FAULTS).map(([name, outcome]) => [name as Misdeed, ...outcome, "whole"] as const),
  ...Object.entries(STREAM_FAULTS).map(
    ([name, outcome]) => [name as Misdeed, ...outcome, "streamed"] as const,
  ),
];

/** One server and policy for cases alike: a probe each would take most of the time. */
const shared = new Map<string, ReturnType<typeof shareable>>();
const servers: FaultServer[] = [];
afterAll(async () => {
  for (const server of servers) await server.stop();
});

async function shareable(settings: Partial<ServersOptions>) {
  const server = await new FaultServer().start();
  servers.push(server);
  const { policy } = await connect([server], settings);
  return { server, policy, clean: await collect(policy.sample(requests(1), options)) };
}

function sharedBy([misdeed, fault, outcome, how]: Case): ReturnType<typeof shareable> {
  const isStall = fault === "timeout";
  // What ends a drawing leaves another request on its way, which would meet the next case's misdeed.
  const name = `${how} ${isStall} ${outcome === "final" ? misdeed : ""}`;
  const timeoutMs = isStall ? 250 : 20_000;
  const made =
    shared.get(name) ?? shareable({ key: new ApiKey(CANARY), timeoutMs, stream: how === "streamed" });
  shared.set(name, made);
  return made;
}

describe("a fault is detected, counted and never a response:", () => {
  test.each(CASES)("%s", async (...one) => {
    const [misdeed, fault, outcome] = one;
    const { server, policy, clean } = await sharedBy(one);
    const before = structuredClone({ ...policy.usage });
    const more = (after: number | undefined, earlier: number | undefined): number =>
      (after ?? 0) - (earlier ?? 0);
    server.misdeeds.push(misdeed);
    const drawn = collect(policy.sample(requests(1), options));
    if (outcome === "mended") {
      expect(await drawn).toEqual(clean);
      const retries = more(policy.usage.retries, before.retries);
      // A machine under load may run into the short time limit once more.
      if (fault === "timeout") expect(retries).toBeGreaterThan(0);
      else expect(retries).toBe(1);
      // Every request is counted, and nothing is asked that is not.
      expect(policy.usage.requests - before.requests).toBe(clean.length + retries);
      expect(policy.usage.byServer).toEqual({ [server.url]: server.asked.length });
      expect(more(policy.usage.faults[fault], before.faults[fault])).toBe(retries);
    } else {
      const error = await drawn.then(String, (reason: unknown) => reason);
      expect(error).toBeInstanceOf(ServerError);
      expect(JSON.stringify([String(error), (error as Error).stack])).not.toContain(CANARY);
      expect((error as Error).cause).toBeUndefined();
      expect(more(policy.usage.faults[fault], before.faults[fault])).toBe(1);
    }
    const counted = (faults: object): number =>
      Object.values(faults).reduce((sum: number, n: number) => sum + n, 0);
    // And under no other name.
    expect(counted(policy.usage.faults) - counted(before.faults)).toBe(
      more(policy.usage.faults[fault], before.faults[fault]),
    );
  });

  it("a server that is gone", async () => {
    const [gone, other] = [await serve(), await serve()];
    const { policy } = await connect([gone, other]);
    await gone.stop();
    expect(await collect(policy.sample(requests(2), options))).toHaveLength(4);
    expect(policy.usage.faults.unreachable).toBeGreaterThan(0);
  });

  it("a redirect to another server, which gets neither the request nor the key", async () => {
    const [server, elsewhere] = [await serve(), await serve()];
    const { policy } = await connect([server], { key: new ApiKey(CANARY) });
    server.elsewhere = `${elsewhere.url}/completions`;
    server.misdeeds.push("redirect");
    await expect(collect(policy.sample(requests(1), options))).rejects.toThrow(
      /307, a redirect to 127\.0\.0\.1:\d+, which the key must not follow/,
    );
    expect(elsewhere.asked).toEqual([]);
    expect(elsewhere.authorizations.size).toBe(0);
  });

  it("all at once, in one drawing that ends with the same responses", async () => {
    const server = await serve();
    const { policy } = await connect([server], { tries: 40 });
    const clean = await collect(policy.sample(requests(20), options));
    const mended = CASES.filter(
      ([, fault, outcome, how]) => outcome === "mended" && how === "whole" && fault !== "timeout",
    );
    server.misdeeds.push(...mended.map(([misdeed]) => misdeed));
    expect(await collect(policy.sample(requests(20), options))).toEqual(clean);
    expect(policy.usage.retries).toBe(mended.length);
    const counted = Object.values(policy.usage.faults).reduce((sum, times) => sum + times, 0);
    expect(counted).toBe(mended.length);
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
    server.misdeeds.push("429 until a date");
    await collect(policy.sample(requests(1).slice(0, 1), options));
    expect(waits).toEqual([9000]);
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
