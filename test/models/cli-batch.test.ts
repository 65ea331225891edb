import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FaultServer } from "../../src/policy/remote/fault-server.test-helper.js";
import { commandLine, type CommandLine } from "../support/cli.js";

let cli: CommandLine;
let server: FaultServer;
beforeAll(async () => {
  cli = commandLine();
  server = await new FaultServer().start();
});
afterAll(async () => {
  await server.stop();
  cli.remove();
});

interface Asked {
  readonly custom_id: string;
  readonly url: string;
  readonly body: object;
}

it("a run that is drawn by batch files is the one that is drawn online, and goes on with what is missing", async () => {
  const lines = ["The sky is", "Grass is", "Snow is"].map((prompt) =>
    JSON.stringify({ prompt, answer: "blue" }),
  );
  writeFileSync(join(cli.folder, "p.jsonl"), lines.join("\n"));
  const sample = ["sample", "p.jsonl", "--model", "openai:tiny", "--n", "4", "--max-tokens", "6"];
  await cli.json([...sample, "--base-url", server.url, "--run", "online"]);
  const written = await cli.json([...sample, "--batch", "out", "--batch-lines", "6", "--run", "files"]);
  expect(written["batch"]).toMatchObject({
    missing: 15,
    requests: 15,
    files: [0, 1, 2].map((i) => join("out", `requests-0000${i}.jsonl`)),
  });
  const asked = readdirSync(join(cli.folder, "out")).flatMap((name) =>
    readFileSync(join(cli.folder, "out", name), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Asked),
  );
  const answers = await Promise.all(
    asked.map(async ({ custom_id, url, body }) => {
      const reply = await fetch(new URL(url, server.url), { method: "POST", body: JSON.stringify(body) });
      return JSON.stringify({
        custom_id,
        response: { status_code: 200, body: await reply.json() },
        error: null,
      });
    }),
  );
  writeFileSync(join(cli.folder, "some.jsonl"), answers.slice(0, 9).join("\n"));
  const taking = [...sample, "--run", "files", "--resume", "--batch-results"];
  const short = await cli.run([...taking, "some.jsonl"]);
  expect(short.status).toBe(1);
  expect(short.stderr).toContain("9 responses taken; 6 missing.");
  expect(short.stderr).toContain(
    "whetstone: 6 responses of the run have no result yet; write the rest with --batch <folder> --resume, or give more results",
  );
  writeFileSync(join(cli.folder, "all.jsonl"), answers.reverse().join("\n"));
  const whole = await cli.json([...taking, "all.jsonl"]);
  expect(whole["batch"]).toEqual({ taken: 6, duplicates: 0, missing: 0, failed: {}, requests: 0, files: [] });
  for (const name of ["responses.jsonl", "greedy.jsonl", "prompts.jsonl"]) {
    const of = (run: string): string => readFileSync(join(cli.folder, run, name), "utf8");
    expect(of("files")).toBe(of("online"));
  }
  const measured = await cli.json(["evaluate", "files"]);
  expect(measured["bestOfN"]).toEqual((await cli.json(["evaluate", "online"]))["bestOfN"]);
  expect(Object.keys(measured["bestOfN"] as object)).toEqual([
    "log-likelihood",
    "length-normalized",
    "majority",
  ]);
});
