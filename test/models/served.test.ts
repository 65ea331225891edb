import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FaultServer } from "../../src/policy/remote/fault-server.test-helper.js";
import type { InferenceResult } from "../../src/reproduce/result.js";
import { verifyRun } from "../../src/run/verify-run.js";
import { commandLine, recordsOf, type CommandLine } from "../support/cli.js";

/** The real command line and a server in this process. */
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

const SUITE = ["reproduce", "inference", "--tasks", "game24", "--prompts", "3", "--n", "2", "--seeds", "2"];

it("reproduce inference puts a model behind a server beside one on this machine, and resumes cell by cell", async () => {
  const suite = [
    ...SUITE,
    "--models",
    "game24,openai:tiny",
    "--base-url",
    server.url,
    "--api",
    "completions",
    "--max-tokens",
    "6",
  ];
  const asked = server.asked.length;
  const result = (await cli.json([...suite, "--out", "mixed"])) as unknown as InferenceResult & {
    readonly servers: Record<string, { requests: number; byServer: Record<string, number> }>;
    readonly page: string;
  };
  expect(result.models).toEqual(["game24", "openai-tiny"]);
  const [local, served] = result.cells;
  expect(local!.metrics!.n).toBe(2);
  expect(served!.failures).toEqual([]);
  expect(served!.seeds).toEqual([0, 1]);
  expect(served!.metrics!.bestOfN["majority"]!["2"]!.accuracy!.value).toBe(0);
  // No server shows the whole distribution.
  expect(Object.keys(local!.metrics!.bestOfN)).toContain("self-certainty");
  expect(Object.keys(served!.metrics!.bestOfN)).toEqual(["log-likelihood", "length-normalized", "majority"]);
  const requests = server.asked.length - asked;
  expect(result.servers["openai:tiny"]).toMatchObject({ requests, byServer: { [server.url]: requests } });
  const cell = join(cli.folder, "mixed", "openai-tiny", "game24", "seed-1");
  expect((await verifyRun(cell)).problems).toEqual([]);
  const manifest = JSON.parse(readFileSync(join(cell, "manifest.json"), "utf8")) as {
    model: { server: object };
  };
  expect(manifest.model.server).toMatchObject({ kind: "vLLM", logProbs: "raw", echo: "matches" });
  expect(existsSync(join(cli.folder, result.page))).toBe(true);

  // A third seed: what is there is not asked for again, nor are the greedy responses, which no seed changes.
  const before = server.asked.length;
  const more = [...suite.map((word, at) => (suite[at - 1] === "--seeds" ? "3" : word)), "--out", "mixed"];
  const { cells } = (await cli.json([...more, "--resume"])) as unknown as InferenceResult;
  expect(cells.map(({ seeds }) => seeds)).toEqual([
    [0, 1, 2],
    [0, 1, 2],
  ]);
  const drawn = server.asked.slice(before).filter(({ prompt }) => String(prompt).includes("= 24"));
  expect(drawn).toHaveLength(3 * 2);
});

it("holds the models of a suite that are on this machine as is asked for, and says so where there is none", async () => {
  const suite = ["reproduce", "inference", "--tasks", "game24", "--prompts", "2", "--n", "2", "--seeds", "1"];
  const held = ["--quantize", "int8", "--max-length", "40", "--max-tokens", "6", "--out", "held"];
  const served = ["--base-url", server.url, "--api", "completions"];
  await cli.json([...suite, ...held, ...served, "--models", "game24,openai:tiny"]);
  const modelOf = (model: string): object => {
    const manifest = readFileSync(
      join(cli.folder, "held", model, "game24", "seed-0", "manifest.json"),
      "utf8",
    );
    return (JSON.parse(manifest) as { readonly model: object }).model;
  };
  expect(modelOf("game24")).toMatchObject({ quantize: "int8", maxLength: 40 });
  expect(modelOf("openai-tiny")).not.toHaveProperty("quantize");
  const alone = await cli.run([...suite, ...held, ...served, "--models", "openai:tiny"]);
  expect([alone.status, alone.stderr]).toEqual([
    2,
    expect.stringMatching(/--quantize is for a model on this machine/),
  ]);
  const trained = await cli.run(["reproduce", "amortized", "--quantize", "int4", "--out", "trained"]);
  expect([trained.status, trained.stderr]).toEqual([
    2,
    expect.stringMatching(/use --quantize keep or leave it out to train/),
  ]);
});

it("says before anything is drawn that a server lacks a model, and leaves its cells blank", async () => {
  const models = ["--models", "openai:tiny,openai:other"];
  const urls = ["--base-url", `tiny=${server.url},other=${server.url}`];
  const { status, stderr, stdout } = await cli.run([...SUITE, ...models, ...urls, "--out", "half", "--json"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^openai:other has no results: The server .* does not have the model other; it has tiny\.$/m,
  );
  expect(stderr.indexOf("openai:other has no results")).toBeLessThan(stderr.indexOf("cell 1 of"));
  const { cells } = JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as InferenceResult;
  expect(cells.map(({ metrics }) => metrics === undefined)).toEqual([false, true]);
});

it("refuses to train what a server holds, and servers without a model", async () => {
  const asked = server.asked.length;
  const amortized = await cli.run(["reproduce", "amortized", "--models", "openai:tiny"]);
  expect(amortized.status).toBe(2);
  expect(amortized.stderr).toMatch(
    /Training needs the model's weights, which the server of openai:tiny does not hand out/,
  );
  const local = await cli.run([...SUITE, "--models", "game24", "--base-url", server.url]);
  expect(local.status).toBe(2);
  expect(local.stderr).toMatch(
    /--base-url is for models behind servers, --models openai:<name>; game24 is none/,
  );
  expect(server.asked.length).toBe(asked);
});

it("records what was asked of servers with the run, command by command, and tells it", async () => {
  const settings = ["--prompts", "2", "--n", "3", "--run", "counted"];
  const sample = [
    "sample",
    "game24",
    "--model",
    "openai:tiny",
    "--base-url",
    server.url,
    "--api",
    "completions",
    ...settings,
  ];
  const asked = server.asked.length;
  server.misdeeds.push("500");
  const { status, stderr } = await cli.run([...sample, "--max-requests", "12"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/budget of 12 requests is used up/);
  expect(stderr).toMatch(
    /^openai:tiny: 12 requests, 1 of them again after faults \(server error 1×\), [\d,]+ prompt and [\d,]+ response tokens\.$/m,
  );
  const { server: usage } = await cli.json([...sample, "--resume"]);
  const [first, second, ...more] = recordsOf<Record<string, number>>(
    join(cli.folder, "counted", "servers.jsonl"),
  );
  expect(more).toEqual([]);
  expect(first).toMatchObject({ command: 0, requests: 12, retries: 1, faults: { "server error": 1 } });
  expect(second).toEqual({ command: 1, ...(usage as object) });
  // Nothing was asked that is not recorded, and nothing twice but what failed.
  expect(first!["requests"]! + second!["requests"]!).toBe(server.asked.length - asked);
  const seeds = server.asked
    .slice(asked)
    .filter(({ temperature, prompt }) => temperature === 1 && String(prompt).includes("= 24"));
  expect(new Set(seeds.map(({ seed, prompt }) => `${seed} ${String(prompt)}`)).size).toBe(6);
  expect(seeds).toHaveLength(6);
});
