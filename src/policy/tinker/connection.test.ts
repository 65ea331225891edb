import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { InterruptedError, ServerError } from "../../core/errors.js";
import { ApiKey } from "../remote/api-key.js";
import { dispatcherFor } from "../remote/transport.js";
import { Refusal, TinkerConnection } from "./connection.js";

type Answer = (request: IncomingMessage, reply: ServerResponse, times: number) => void;

const SECRET = "secret-key-0123456789";
const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close().closeAllConnections();
});

/** A server of one answer, and what was asked of it. */
async function serving(answer: Answer): Promise<{ readonly url: string; readonly asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, reply) => {
    asked.push(request);
    request.resume().once("end", () => answer(request, reply, asked.length));
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
const json = (reply: ServerResponse, body: object, status = 200): void => {
  reply.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
};
const connect = (url: string): TinkerConnection =>
  new TinkerConnection({ url, key: new ApiKey(SECRET), dispatcher: dispatcherFor(), firstWaitMs: 1 });

describe("a trainer's connection", () => {
  it("asks again for a result that is not there yet, whichever way the server says so", async () => {
    const { url, asked } = await serving((_, reply, times) => {
      if (times === 1) json(reply, { detail: "Timeout" }, 408);
      else if (times === 2) json(reply, { type: "try_again", queue_state: "active" });
      else json(reply, { type: "optim_step", metrics: { grad_norm: 2 } });
    });
    expect(await connect(url).result("r1")).toEqual({
      json: { type: "optim_step", metrics: { grad_norm: 2 } },
    });
    expect(asked.map((request) => request.url)).toEqual(Array(3).fill("/api/v1/retrieve_future"));
  });

  it("sends again what failed in passing, a cut connection and a busy server", async () => {
    const { url, asked } = await serving((request, reply, times) => {
      if (times === 1) request.socket.destroy();
      else if (times === 2) json(reply, { detail: "busy" }, 503);
      else json(reply, { session_id: "s" });
    });
    expect(await connect(url).post("create_session", {})).toEqual({ session_id: "s" });
    expect(asked).toHaveLength(3);
  });

  it("sends nothing again once it is known that nobody will answer", async () => {
    const { url, asked } = await serving((request) => request.socket.destroy());
    const said: (string | undefined)[] = [undefined, "the job j on Ray has failed"];
    const over = (): Promise<string | undefined> => Promise.resolve(said.shift());
    const connection = new TinkerConnection({ url, dispatcher: dispatcherFor(), firstWaitMs: 1, over });
    await expect(connection.post("create_session", {})).rejects.toThrow(
      `The trainer at ${url} cannot be used: the job j on Ray has failed.`,
    );
    expect(asked).toHaveLength(2);
  });

  it.each(["get_server_capabilities", "training_runs/m/checkpoints/a/archive"])(
    "asks again where a reply of %s breaks off in its middle",
    async (route) => {
      const whole = Buffer.from(JSON.stringify({ said: "x".repeat(2000) }));
      const { url, asked } = await serving((request, reply, times) => {
        reply.writeHead(200, { "content-length": whole.length, "content-type": "application/json" });
        if (times > 1) reply.end(whole);
        else reply.write(whole.subarray(0, 1000), () => setImmediate(() => request.socket.destroy()));
      });
      const connection = connect(url);
      const read = route.startsWith("get") ? connection.get(route) : connection.download(route);
      expect(Buffer.from(JSON.stringify(await read)).length).toBeGreaterThan(1999);
      expect(asked).toHaveLength(2);
    },
  );

  it("says so where every reply breaks off", async () => {
    const { url } = await serving((request, reply) => {
      reply.writeHead(200, { "content-length": 100 });
      reply.write("{", () => setImmediate(() => request.socket.destroy()));
    });
    const refused = connect(url).result("r1");
    await expect(refused).rejects.toThrow(ServerError);
    await expect(refused).rejects.toThrow("a reply that broke off");
  });

  it("gives up one request alone, at once", async () => {
    const { url } = await serving(() => undefined);
    const given = connect(url).post("asample", {}, AbortSignal.timeout(20));
    await expect(given).rejects.toThrow(InterruptedError);
  });

  it("does not send again what was refused, and its error holds no key", async () => {
    const { url, asked } = await serving((_, reply) => json(reply, { detail: `no ${SECRET} here` }, 400));
    const refused = connect(url).post("optim_step", {});
    await expect(refused).rejects.toThrow(Refusal);
    await expect(refused).rejects.toThrow("no [key] here");
    expect(asked).toHaveLength(1);
  });

  it.each([401, 403])(
    "says on %i which variable a refused key came from, or that there is none",
    async (status) => {
      const { url } = await serving((_, reply) => json(reply, { detail: "Invalid API key." }, status));
      const options = { url, dispatcher: dispatcherFor(), firstWaitMs: 1 };
      const named = new TinkerConnection({ ...options, key: new ApiKey(SECRET, "TINKER_API_KEY") });
      await expect(named.get("models")).rejects.toThrow(
        `${status} Invalid API key; the key comes from TINKER_API_KEY`,
      );
      await expect(new TinkerConnection({ ...options, key: undefined }).get("models")).rejects.toThrow(
        `${status} Invalid API key; no key was sent`,
      );
    },
  );

  it("tells a request that came to nothing", async () => {
    const { url } = await serving((_, reply) => json(reply, { error: "out of memory", category: "server" }));
    await expect(connect(url).result("r1")).rejects.toThrow("out of memory");
  });

  it("gives the key to the server alone, and follows to an archive without it", async () => {
    const other = await serving((_, reply) => reply.end("bytes"));
    const { url, asked } = await serving((_, reply) =>
      reply.writeHead(302, { location: `${other.url}/there` }).end(),
    );
    const bytes = await connect(url).download("training_runs/m/checkpoints/a/archive");
    expect(new TextDecoder().decode(bytes)).toBe("bytes");
    expect(asked[0]!.headers["x-api-key"]).toBe(SECRET);
    expect(other.asked[0]!.headers["x-api-key"]).toBeUndefined();
  });

  it("says what is wrong with a server that speaks something else", async () => {
    const { url } = await serving((_, reply) => reply.end("<html>"));
    await expect(connect(url).get("get_server_capabilities")).rejects.toThrow(ServerError);
  });
});
