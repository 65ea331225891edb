import { readFileSync } from "node:fs";
import { createServer, request as requestTo, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { ServerError } from "../../core/errors.js";
import type { Response } from "../policy.js";
import { collect, connect, options, prompts, requests, serve } from "./remote.test-helper.js";
import { RemotePolicy } from "./remote-policy.js";
import { retryAfterMs } from "./transport-faults.js";

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

const conversations = [{ id: "first", text: "Grass is", messages: [{ role: "user", content: "Grass is" }] }];
const four = [0, 1, 2, 3].map((index) => ({ prompt: conversations[0]!, index }));

/** Passes everything on to a server of the tests, and counts it. */
function passingOn(target: string): {
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  readonly passed: string[];
} {
  const passed: string[] = [];
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    passed.push(request.url ?? "");
    const url = new URL(request.url ?? "", target);
    const onward = requestTo(url, { method: request.method, headers: request.headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(response);
    });
    request.pipe(onward);
  };
  return { handler, passed };
}

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

describe("a server slightly off the norm is understood:", () => {
  it.each(["none", "another each time"] as const)("its replies name the model: %s", async (names) => {
    const { policy } = await connect([await serve({ names })]);
    const usual = await connect([await serve()]);
    expect(policy.facts.models).toBeUndefined();
    expect(await collect(policy.sample(requests(3), options))).toEqual(
      await collect(usual.policy.sample(requests(3), options)),
    );
  });

  it.each(["eos_token", "stop_sequence", "EOS", "end_turn"])("it calls an end %s", async (stopped) => {
    const { policy } = await connect([await serve({ stopped })]);
    const drawn = await collect(policy.sample(requests(6), options));
    expect(drawn.some(({ finish }) => finish === "stop")).toBe(true);
    expect(policy.usage.faults).toEqual({});
  });

  it.each([false, true])(
    "it tells thinking apart, and has no content where there is thinking alone (stream: %s)",
    async (stream) => {
      const draw = async (thinks: boolean): Promise<Response[]> => {
        const { policy } = await connect([await serve({ thinks })], { api: "chat", stream });
        return [
          ...(await collect(policy.sample(four, options))),
          ...(await collect(policy.sample(four.slice(0, 1), { ...options, maxTokens: 1 }))),
        ];
      };
      const plain = await draw(false);
      const thinking = await draw(true);
      const told = plain.map(({ text }) => {
        const [, thought, content] = /^(\s*\S+)(.*)$/s.exec(text) as unknown as [string, string, string];
        return content === "" ? `<think>${thought}` : `<think>${thought}</think>${content}`;
      });
      expect(thinking.map(({ text }) => text)).toEqual(told);
      expect(told.at(-1)).not.toContain("</think>");
      expect(thinking.map(({ logProbs }) => logProbs)).toEqual(plain.map(({ logProbs }) => logProbs));
    },
  );

  it("it says with a date when to come again, which counts from the reply's own", () => {
    const said = (headers: Readonly<Record<string, string>>): number | undefined =>
      retryAfterMs({ get: (name) => headers[name] ?? null });
    const [now, later] = ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT"];
    expect(said({ "retry-after": later, date: now })).toBe(30_000);
    expect(said({ "retry-after": now, date: later })).toBe(0);
    expect(said({ "retry-after": later })).toBeUndefined();
    expect(said({ "retry-after": "2.5" })).toBe(2500);
    expect(said({ "retry-after-ms": "40", "retry-after": "9" })).toBe(40);
    expect(said({ "retry-after": "soon", date: now })).toBeUndefined();
    expect(said({ "retry-after": "86400" })).toBe(600_000);
  });
});

describe("a proxy that compresses without being asked", () => {
  /** Passes everything on, compressed. @param cut bytes of each reply that are left out at its end. */
  async function compressing(encoding: string, compress: (text: Buffer) => Buffer, cut = 0): Promise<string> {
    const target = await serve();
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? "", target.url);
      const onward = requestTo(url, { method: request.method, headers: request.headers }, (reply) => {
        const parts: Buffer[] = [];
        reply.on("data", (part: Buffer) => parts.push(part));
        reply.on("end", () => {
          const bytes = compress(Buffer.concat(parts));
          const type = reply.headers["content-type"] ?? "application/json";
          response.writeHead(reply.statusCode ?? 502, { "content-type": type, "content-encoding": encoding });
          response.end(request.method === "POST" ? bytes.subarray(0, bytes.length - cut) : bytes);
        });
      });
      request.pipe(onward);
    });
    return `http://127.0.0.1:${await listening(server)}/v1`;
  }

  it.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["deflate", deflateSync],
  ] as const)("is understood: %s, whole and streamed", async (encoding, compress) => {
    const usual = await connect([await serve()]);
    const expected = await collect(usual.policy.sample(requests(3), options));
    for (const stream of [false, true]) {
      const url = await compressing(encoding, compress);
      const { policy } = await connect([{ url }], { stream });
      expect(await collect(policy.sample(requests(3), options))).toEqual(expected);
    }
  });

  it("a reply whose compressed bytes break off is a cut reply", async () => {
    const url = await compressing("gzip", gzipSync, 12);
    await expect(connect([{ url }], { tries: 1 })).rejects.toThrow(/broke off/);
  });
});

describe("a certificate of nobody's", () => {
  const pem = (name: string): string =>
    readFileSync(join(import.meta.dirname, "testdata", `self-signed.${name}.pem`), "utf8");

  async function tlsServer(): Promise<{ readonly url: string; readonly passed: readonly string[] }> {
    const { handler, passed } = passingOn((await serve()).url);
    const port = await listening(createTlsServer({ key: pem("key"), cert: pem("cert") }, handler));
    return { url: `https://127.0.0.1:${port}/v1`, passed };
  }

  it("is one sentence with the remedy, and is not tried again", async () => {
    const { url, passed } = await tlsServer();
    const connected = RemotePolicy.connect({
      model: "tiny",
      baseUrls: [url],
      sleep: () => Promise.reject(new Error("waited for what is permanent")),
    });
    await expect(connected).rejects.toThrow(ServerError);
    await expect(connected).rejects.toThrow(
      /^The server https:\S+ did not accept the probe of tiny: its certificate is of no authority that is trusted \(self-signed certificate\); give that authority's certificates in a file of its own\.$/,
    );
    expect(passed).toEqual([]);
  });

  it("is trusted where it is named", async () => {
    const { url, passed } = await tlsServer();
    const policy = await RemotePolicy.connect({ model: "tiny", baseUrls: [url], ca: pem("cert") });
    expect(await collect(policy.sample(requests(2), options))).toHaveLength(4);
    expect(passed).toContain("/v1/completions");
    await policy.dispose();
  });

  it("a server without TLS behind an https URL is said to be that", async () => {
    const { url } = await serve();
    await expect(
      RemotePolicy.connect({ model: "tiny", baseUrls: [url.replace("http:", "https:")], tries: 1 }),
    ).rejects.toThrow(
      /no secure connection \(.*\); check the URL, and whether it begins with http or https\.$/,
    );
  });
});

describe("proxies", () => {
  const before = { ...process.env };
  afterEach(() => {
    for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });

  it("that the environment names are used, unless it says for whom not", async () => {
    const server = await serve();
    const { handler, passed } = passingOn(server.url);
    const port = await listening(createServer(handler));
    for (const name of ["no_proxy", "NO_PROXY", "http_proxy"]) delete process.env[name];
    process.env["HTTP_PROXY"] = `http://127.0.0.1:${port}`;
    const { policy } = await connect([server]);
    const drawn = await collect(policy.sample(requests(1), options));
    expect(drawn).toHaveLength(prompts.length);
    expect(passed).toContain(`${server.url}/completions`);
    const through = passed.length;
    process.env["NO_PROXY"] = "127.0.0.1";
    const direct = await connect([server]);
    expect(await collect(direct.policy.sample(requests(1), options))).toEqual(drawn);
    expect(passed.length).toBe(through);
  });
});
