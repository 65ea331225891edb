import { afterAll, describe, expect, it } from "vitest";
import { InterruptedError } from "../../core/errors.js";
import { testPolicyContract } from "../contract.test-helper.js";
import type { Policy, Response } from "../policy.js";
import { FaultServer } from "./fault-server.test-helper.js";
import { collect, connect, options, prompts, requests, running, serve } from "./remote.test-helper.js";
import { RemotePolicy } from "./remote-policy.js";

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

describe("a budget", () => {
  it("of requests ends the drawing with what is under way, and is never exceeded", async () => {
    const server = await serve();
    const probed = (await connect([server])).policy.usage.requests;
    const { policy } = await connect([server], { maxRequests: probed + 5, concurrency: 2 });
    const drawn: Response[] = [];
    const draw = async (): Promise<void> => {
      for await (const response of policy.sample(requests(10), options)) drawn.push(response);
    };
    await expect(draw()).rejects.toThrow(/budget of \d+ requests is used up; raise `maxRequests`/);
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

describe("when the signal fires", () => {
  it("nothing more is asked, what is under way is kept, and each reply was a response", async () => {
    const server = await serve({ delayMs: 5 });
    const { policy } = await connect([server], { concurrency: 3 });
    const whole = await collect(policy.sample(requests(10), options));
    const asked = server.asked.length;
    const stop = new AbortController();
    const drawn: Response[] = [];
    const draw = async (): Promise<void> => {
      for await (const response of policy.sample(requests(10), { ...options, signal: stop.signal })) {
        drawn.push(response);
        if (drawn.length === 4) stop.abort();
      }
    };
    await expect(draw()).rejects.toThrow(InterruptedError);
    expect(drawn.length).toBeGreaterThanOrEqual(4);
    expect(drawn.length).toBeLessThanOrEqual(4 + 3);
    expect(server.asked.length - asked).toBe(drawn.length);
    for (const response of drawn) expect(whole).toContainEqual(response);
  });

  it("a request that failed is not tried again, and one that waits does not begin", async () => {
    const server = await serve();
    const stop = new AbortController();
    const sleep = (_: number, signal?: AbortSignal): Promise<void> =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(new Error("aborted")));
        stop.abort();
      });
    const { policy } = await connect([server], { sleep });
    const asked = server.asked.length;
    server.misdeeds.push("error in a 200");
    const drawing = collect(policy.sample(requests(1).slice(0, 1), { ...options, signal: stop.signal }));
    await expect(drawing).rejects.toThrow(InterruptedError);
    expect(server.asked.length - asked).toBe(1);
  });
});

it("when the consumer goes away, what is under way is broken off", async () => {
  const server = await serve({ delayMs: 50 });
  const { policy } = await connect([server], { concurrency: 2 });
  const before = server.asked.length;
  for await (const response of policy.sample(requests(10), options)) {
    expect(response.promptId).toBe("first");
    break;
  }
  expect(server.asked.length - before).toBeLessThanOrEqual(3);
});
