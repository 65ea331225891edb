import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { collect, connect, options, prompts, requests, serve } from "../remote.test-helper.js";
import { BatchPolicy, type BatchOptions } from "./batch-policy.js";
import type { BatchRequest } from "./shards.js";

let dir = "";
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), "whetstone-batch-"))));
afterEach(() => rmSync(dir, { recursive: true }));

const N = 5;
const out = (): string => join(dir, "out");
const results = (): string => join(dir, "in");

/** Everything of a run: greedy and N responses to each prompt. */
async function take(
  policy: BatchPolicy,
): Promise<ReturnType<typeof collect> extends Promise<infer R> ? R : never> {
  const greedy = await collect(policy.greedy(prompts, options));
  const drawn = await collect(policy.sample(requests(N), options));
  await policy.dispose();
  return [...greedy, ...drawn];
}

const open = (some: Partial<BatchOptions> = {}): Promise<BatchPolicy> =>
  BatchPolicy.open({ model: "tiny", ...some });

/** The requests of all shards, as a batch program reads them. */
function shards(folder = out()): BatchRequest[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), "utf8").trimEnd().split("\n"))
    .map((line) => JSON.parse(line) as BatchRequest);
}

/** Answers requests by a real server, as `vllm run-batch` does. */
async function answer(url: string, asked: readonly BatchRequest[]): Promise<string[]> {
  return Promise.all(
    asked.map(async ({ custom_id, url: path, body }, i) => {
      const reply = await fetch(new URL(path, url), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const response = {
        status_code: reply.status,
        request_id: `r${i}`,
        body: await reply.json(),
      };
      return JSON.stringify({ id: `b${i}`, custom_id, response, error: null });
    }),
  );
}

it.each(["completions", "chat"])("what is drawn by files is what is drawn online (%s)", async (api) => {
  const server = await serve();
  const { policy: online } = await connect([server], { api });
  const expected = [
    ...(await collect(online.greedy(prompts, options))),
    ...(await collect(online.sample(requests(N), options))),
  ];
  await online.dispose();
  const writing = await open({ api, requests: { folder: out(), size: 5 } });
  expect(await take(writing)).toEqual([]);
  expect(writing.counts).toEqual({ taken: 0, duplicates: 0, missing: 12, failed: {} });
  expect(readdirSync(out()).sort()).toEqual([
    "requests-00000.jsonl",
    "requests-00001.jsonl",
    "requests-00002.jsonl",
  ]);
  expect(writing.written).toMatchObject({ requests: 12 });
  const asked = shards();
  expect(asked.map(({ custom_id }) => custom_id)).toEqual([
    ...["first:-1", "second:-1"],
    ...["first", "second"].flatMap((id) => Array.from({ length: N }, (_, i) => `${id}:${i}`)),
  ]);
  const lines = await answer(server.url, asked);
  // In any order, over several files.
  writeFileSync(join(dir, "a.jsonl"), `${lines.slice(0, 7).reverse().join("\n")}\n`);
  writeFileSync(join(dir, "b.jsonl"), lines.slice(7).join("\r\n"));
  const reading = await open({ api, results: dir });
  expect(await take(reading)).toEqual(expected);
  expect(reading.counts).toEqual({ taken: 12, duplicates: 0, missing: 0, failed: {} });
  expect(reading.digest).toBe(online.digest);
});

it("counts what is there twice, what failed and what is missing, and asks for the rest alone", async () => {
  const server = await serve();
  const first = await open({ requests: { folder: out(), size: 100 } });
  await take(first);
  const asked = shards();
  const lines = await answer(server.url, asked);
  const faulty = (line: string, response: unknown, error: unknown = null): string =>
    JSON.stringify({ ...(JSON.parse(line) as object), response, error });
  const body = (JSON.parse(lines[5]!) as { response: { body: object } }).response.body;
  writeFileSync(
    results(),
    [
      ...lines.slice(0, 3),
      lines[1],
      faulty(lines[3]!, null, { message: "out of memory" }),
      faulty(lines[4]!, { status_code: 500, body: null }),
      faulty(lines[5]!, { status_code: 200, body: { ...body, model: "other" } }),
      // One that failed is taken where it came through later, and one of another batch is left alone.
      faulty(lines[6]!, { status_code: 429, body: null }),
      lines[6],
      lines[7]!.replace('"custom_id":"', '"custom_id":"x'),
      lines[8]!.slice(0, 40),
    ].join("\n"),
  );
  const policy = await open({ results: results(), requests: { folder: join(dir, "again"), size: 100 } });
  const taken = await take(policy);
  expect(taken.map(({ promptId, index }) => `${promptId}:${index}`)).toEqual(
    [0, 1, 2, 6].map((at) => asked[at]!.custom_id),
  );
  expect(policy.counts).toEqual({
    taken: 4,
    duplicates: 1,
    missing: 8,
    failed: { "out of memory": 1, "status 500": 1, "a reply of the model other, not tiny": 1 },
  });
  expect(shards(join(dir, "again"))).toEqual(asked.filter((_, at) => ![0, 1, 2, 6].includes(at)));
});

it("refuses what is no result, a folder that holds requests, and temperatures that nothing was probed at", async () => {
  writeFileSync(results(), '{"custom_id": "first:0", "response": null, "error": "x"}\n{"prompt": "a"}\n');
  const reading = await open({ results: results() });
  await expect(take(reading)).rejects.toThrow(/^Line 2 of .*in is no result of a batch/);
  await expect(open({ results: join(dir, "none") })).rejects.toThrow(
    /none cannot be read: there is no such file/,
  );
  await take(await open({ requests: { folder: out(), size: 100 } }));
  await expect(open({ requests: { folder: out(), size: 100 } })).rejects.toThrow(
    /out holds requests already, which may be under way; choose another folder\.$/,
  );
  const policy = await open();
  await expect(collect(policy.sample(requests(1), { ...options, temperature: 0.5 }))).rejects.toThrow(
    /^Drawing at temperature 0\.5 needs .* draw at temperature 1/,
  );
  await expect(collect(policy.sample(requests(1), { ...options, topP: 0.5 }))).rejects.toThrow(
    /^Drawing from the likeliest tokens alone needs /,
  );
  const stopping = await open({ requests: { folder: join(dir, "stopping"), size: 9 } });
  await collect(stopping.sample(requests(1), { ...options, stop: ["\n"] }));
  await stopping.dispose();
  expect(shards(join(dir, "stopping")).map(({ body }) => body["stop"])).toEqual([["\n"], ["\n"]]);
  expect(() => policy.logProb()).toThrow(/Scoring a given response needs/);
});

it("refuses greedy log-probabilities that were told after the temperature", async () => {
  const server = await serve();
  await take(await open({ requests: { folder: out(), size: 100 } }));
  const lines = await answer(server.url, shards());
  const zeros = lines.map((line) =>
    line.replace(/"token_logprobs":\[[^\]]*\]/, (told) => told.replace(/-[\d.e-]+/g, "0")),
  );
  writeFileSync(results(), zeros.join("\n"));
  await expect(take(await open({ results: results() }))).rejects.toThrow(
    /^The log-probabilities of all greedy responses in .* are 0: .*--logprobs-mode raw_logprobs`\.$/,
  );
});
