import { Agent, get } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { Hono } from "hono";
import { expect, it } from "vitest";
import { listen } from "./listen.js";

/** Asks by a connection that is kept for a next request. */
function kept(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: true });
    get(url, { agent }, (reply) => void text(reply).then(resolve, reject)).once("error", reject);
  });
}

it("ends once what is under way is answered, whoever keeps a connection, or has one and asks nothing", async () => {
  let answer = (): void => undefined;
  const asked = new Promise<void>((begun) => {
    answer = begun;
  });
  let go = (): void => undefined;
  const going = new Promise<void>((resolve) => (go = resolve));
  const app = new Hono();
  app.get("/now", (context) => context.text("now"));
  app.get("/later", async (context) => {
    answer();
    await going;
    return context.text("later".repeat(100_000));
  });
  const server = await listen(app, { host: "127.0.0.1", port: 0 });
  const silent = connect(Number(new URL(server.url).port), "127.0.0.1");
  const gone = new Promise((resolve) => silent.once("close", resolve));
  silent.on("error", () => undefined);
  await new Promise((resolve) => silent.once("connect", resolve));
  expect(await kept(`${server.url}/now`)).toBe("now");
  const later = kept(`${server.url}/later`);
  await asked;
  const closed = server.close();
  go();
  expect(await later).toBe("later".repeat(100_000));
  await closed;
  await gone;
  await expect(kept(`${server.url}/now`)).rejects.toThrow(/ECONNREFUSED/);
  // Node's own close would wait for 40 s, and for 75.
}, 10_000);
