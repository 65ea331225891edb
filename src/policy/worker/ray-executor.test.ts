import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Agent } from "undici";
import { afterEach, expect, it } from "vitest";
import type { Job } from "./executor.js";
import { rayExecutor } from "./ray-executor.js";

const EARLY =
  "Traceback (most recent call last):\nException: No available agent to submit job, please try again later.\n";

let server: Server | undefined;
const dispatcher = new Agent();

afterEach(async () => {
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
});

/** A dashboard whose cluster takes jobs from the submission after `refused` ones; the submissions that it was asked for. */
async function dashboard(
  refused: number,
  why = EARLY,
): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  server = createServer((incoming, reply) => {
    let body = "";
    incoming.on("data", (chunk: Buffer) => (body += chunk.toString("latin1")));
    incoming.on("end", () => {
      if (incoming.method === "PUT") return void reply.end("{}");
      if (incoming.method === "GET") return void reply.writeHead(404).end("no such job");
      asked.push((JSON.parse(body) as { submission_id: string }).submission_id);
      if (asked.length <= refused) reply.writeHead(500).end(why);
      else reply.end("{}");
    });
  });
  await new Promise((resolve) => server!.listen(0, "127.0.0.1", () => resolve(undefined)));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const job: Job = { id: "job-1", command: ["true"], files: new Map(), gpus: 0 };

it("submits a job again while a cluster that has just started takes none", async () => {
  const { url, asked } = await dashboard(2);
  await rayExecutor({ url, dispatcher }).submit(job);
  expect(asked).toEqual(["job-1", "job-1", "job-1"]);
});

it("says what the cluster says where it takes none in time", async () => {
  const { url, asked } = await dashboard(Infinity);
  const submitting = rayExecutor({ url, dispatcher, patience: 200 }).submit(job);
  await expect(submitting).rejects.toThrow(
    `Ray at ${url} refused a request: 500 Exception: No available agent to submit job, please try again later.`,
  );
  // At once, and after 100 ms; another 150 would be too late.
  expect(asked.length).toBe(2);
});

it("does not ask again where a submission is refused for another reason", async () => {
  const { url, asked } = await dashboard(1, "ValueError: no such runtime environment");
  await expect(rayExecutor({ url, dispatcher }).submit(job)).rejects.toThrow("no such runtime environment");
  expect(asked.length).toBe(1);
});
