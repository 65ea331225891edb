import { request } from "node:http";
import { describe, expect, it } from "vitest";
import { wordPolicy } from "../sharpen/tiny-policies.test-helper.js";
import type { LogLine } from "./request-log.js";
import { servePolicy } from "./serve.test-helper.js";
import { startServer } from "./server.js";

const KEY = "sk-canary+/=0123456789?&";
const CHAT = { model: "words", messages: [{ role: "user" as const, content: "p0: a secret question" }] };

interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** A plain request, whose Host header may be any. */
function ask(
  url: string,
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    request(url + path, { method, headers }, (reply) => {
      let body = "";
      reply.setEncoding("utf8").on("data", (text: string) => (body += text));
      reply.on("end", () => resolve({ status: reply.statusCode!, headers: reply.headers, body }));
    })
      .on("error", reject)
      .end();
  });
}

const ROUTES = [
  ["GET", "/v1/models"],
  ["GET", "/v1/models/words"],
  ["POST", "/v1/chat/completions"],
  ["POST", "/v1/completions"],
  ["GET", "/ready"],
  ["GET", "/elsewhere"],
] as const;

describe("keys", () => {
  it("are asked for on every route but the one that tells whether the server is alive", async () => {
    const { url, client } = await servePolicy(wordPolicy(), { keys: ["another-key-0123", KEY] });
    expect((await ask(url, "/health")).status).toBe(200);
    for (const [method, path] of ROUTES) {
      for (const authorization of ["", `Bearer ${KEY}x`, "Bearer ", `Basic ${KEY}`, KEY]) {
        const reply = await ask(url, path, { authorization }, method);
        expect([reply.status, JSON.parse(reply.body)]).toMatchObject([
          401,
          { error: { type: "authentication_error", code: "invalid_api_key" } },
        ]);
        expect(reply.body).not.toContain(KEY);
      }
      expect((await ask(url, path, { authorization: `Bearer ${KEY}` }, method)).status).not.toBe(401);
    }
    const other = client.withOptions({ apiKey: KEY });
    expect((await other.chat.completions.create(CHAT)).choices).toHaveLength(1);
  });

  it("are needed where others than this machine can ask", async () => {
    const policy = wordPolicy();
    const { server } = await servePolicy(policy);
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const settings = {
      model: { id: "words", policy, takes: "text" as const },
      defaults: { bestOf: 1, reward: { name: "none", description: "", needs: [], score: async () => [0] } },
      surroundings: { now: () => 0, freshSeed: () => 0, freshId: () => "" },
    };
    await expect(startServer(settings, { host: "0.0.0.0", port: 0 })).rejects.toThrow(/has no key/);
    const taken = Number(server.url.split(":").at(-1));
    await expect(startServer(settings, { port: taken })).rejects.toThrow(/cannot listen at 127.0.0.1:\d+/);
  });
});

describe("a page in a browser", () => {
  it("whose name was made to lead here gets nothing", async () => {
    const { url } = await servePolicy(wordPolicy(), { hosts: ["models.example"] });
    for (const host of ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
      expect((await ask(url, "/v1/models", { host })).status).toBe(403);
    for (const host of ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:1", "models.example"])
      expect((await ask(url, "/v1/models", { host })).status).toBe(200);
  });

  it("may ask where its origin is allowed, and never with credentials of the browser", async () => {
    const origin = "http://localhost:3000";
    const { url } = await servePolicy(wordPolicy(), { origins: [origin], keys: [KEY] });
    const refused = await ask(url, "/v1/models", {
      origin: "http://localhost:3001",
      authorization: `Bearer ${KEY}`,
    });
    expect(refused.status).toBe(403);
    expect(refused.headers["access-control-allow-origin"]).toBeUndefined();
    const preflight = await ask(
      url,
      "/v1/chat/completions",
      { origin, "access-control-request-headers": "authorization,content-type" },
      "OPTIONS",
    );
    expect(preflight).toMatchObject({
      status: 204,
      headers: {
        "access-control-allow-origin": origin,
        "access-control-allow-headers": "authorization,content-type",
      },
    });
    const allowed = await ask(url, "/v1/models", { origin, authorization: `Bearer ${KEY}` });
    expect([allowed.status, allowed.headers["access-control-allow-origin"]]).toEqual([200, origin]);
    expect(allowed.headers["access-control-allow-credentials"]).toBeUndefined();
  });
});

describe("the log", () => {
  it("has a line for each request, with what it cost and nothing of what was said", async () => {
    const lines: LogLine[] = [];
    const { client, url } = await servePolicy(wordPolicy(), { log: (line) => lines.push(line), keys: [KEY] });
    const reply = await client.chat.completions.create(
      { ...CHAT, ...{ best_of: 3 } },
      { headers: { "x-request-id": "mine-1" } },
    );
    expect(reply._request_id).toBe("mine-1");
    for await (const _ of await client.chat.completions.create({ ...CHAT, stream: true }));
    await expect(client.chat.completions.create({ ...CHAT, model: "other" })).rejects.toThrow(/no model/);
    await ask(url, "/a%20secret", { "x-request-id": "not an id", authorization: `Bearer ${KEY}` });
    const common = { time: "2023-11-14T22:13:20.000Z", method: "POST", route: "/v1/chat/completions", ms: 0 };
    const told = { model: "words", reward: "length-normalized" };
    expect(lines).toMatchObject([
      {
        ...{ ...common, ...told, id: "mine-1", status: 200, best_of: 3, stream: false },
        tokens: { drawn: reply.usage!.completion_tokens },
      },
      { ...common, ...told, status: 200, best_of: 4, stream: true },
      { ...common, status: 404, error: "model_not_found" },
      { method: "GET", route: "none", status: 404, error: "not_found" },
    ]);
    const text = JSON.stringify(lines);
    for (const secret of ["secret", KEY, reply.choices[0]!.message.content!])
      expect(text).not.toContain(secret);
  });
});
