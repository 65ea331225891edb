import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Comparison, PromptLine, PromptWhole, RunChanges, RunHead, RunList } from "../page/view/told.js";
import type { Response as Drawn } from "../policy/policy.js";
import { answerErrors } from "../serve/api-error.js";
import { amortizedResult, inferenceResult } from "../report/suite/suite-results.test-helper.js";
import { startRun, type Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { runRoutes } from "./routes.js";
import { RunsFolder } from "./runs-folder.js";

const root = mkdtempSync(join(tmpdir(), "whetstone-view-"));
const N = 3;
const PROMPTS = 12;
const opened: string[] = [];

/** Right is whatever ends in the prompt's own digit. */
const task: Task = {
  ...{ name: "toy", digest: "t", maxTokens: 9 },
  prompts: () => [],
  extract: (text) => /\d$/.exec(text)?.[0],
  grade: (id, text) => text.endsWith(id.at(-1)!),
};
const runs = new RunsFolder(root, (run) => {
  opened.push(run.dir);
  return Promise.resolve(task);
});
const app = runRoutes(runs);
answerErrors(app);

async function ask<T>(path: string, query: Record<string, string | number> = {}): Promise<T> {
  const words = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, `${value}`]));
  const reply = await app.request(`/api/runs/${path}?${words.toString()}`);
  expect(reply.headers.get("cache-control")).toBe("no-store");
  return (await reply.json()) as T;
}

const response = (promptId: string, index: number, text: string, logProb = -1): Drawn => ({
  ...{ promptId, index, text, tokens: [1], logProbs: [logProb], finish: "stop" },
});

function start(name: string, module?: string): Promise<Run> {
  return startRun(
    join(root, name),
    {
      model: { name: "m", digest: "m1" },
      task: { name: module ?? "toy", digest: "t" },
      drawing: { n: N, temperature: 1, maxTokens: 9 },
      rewards: [{ name: "majority" }],
      seeds: { run: 1 },
    },
    {
      command: "whetstone sharpen toy",
      createdAt: `2026-11-${String(name.length).padStart(2, "0")}T00:00:00.000Z`,
    },
  );
}

/** A whole run: of each prompt two responses give 0, one its own digit; majority takes 0. */
async function whole(name: string, right = 1): Promise<Run> {
  const run = await start(name);
  for (let i = 0; i < PROMPTS; i++)
    (await run.promptLog()).append({ id: `p${i}`, text: `What is ${i}?`, split: "test" });
  for (let i = 0; i < PROMPTS; i++) {
    const id = `p${i}`;
    (await run.greedyLog()).append(response(id, -1, "is 0", -0.5));
    for (let k = 0; k < N; k++)
      (await run.responseLog()).append(response(id, k, k < right ? `it is ${i}` : "is 0", -1 - k));
    (await run.selectionLog()).append({
      promptId: id,
      reward: "majority",
      chosen: N - 1,
      scores: [0, 0.5, 1],
    });
  }
  return run;
}

let live: Run;
beforeAll(async () => {
  await (await whole("one")).close();
  await (await whole("three", N)).close();
  live = await start("suite-cell");
});
afterAll(async () => {
  await live.close();
  await runs.close();
  rmSync(root, { recursive: true, force: true });
});

describe("the list", () => {
  it("has each run with its state, the newest first, those in folders below too, and says what cannot be read", async () => {
    await (await start("deep/er")).close();
    mkdirSync(join(root, "broken"));
    writeFileSync(join(root, "broken", "manifest.json"), "{");
    const { runs: found, unread } = await ask<RunList>("list");
    expect(found.map(({ id, state }) => [id, state])).toEqual([
      ["suite-cell", "drawing"],
      ["deep/er", "stopped"],
      ["three", "stopped"],
      ["one", "stopped"],
    ]);
    expect(unread.map(({ id }) => id)).toEqual(["broken"]);
    rmSync(join(root, "broken"), { recursive: true });
    rmSync(join(root, "deep"), { recursive: true });
  });
});

describe("a suite", () => {
  it("is in the list with its runs, and its cells lead to those that are there", async () => {
    await (await start("suite/a/game24/seed-0")).close();
    writeFileSync(join(root, "suite", "suite.json"), "{}");
    expect((await ask<RunList>("list")).suites).toEqual([]);
    writeFileSync(join(root, "suite", "result.json"), JSON.stringify(inferenceResult()));
    const { runs: found, suites } = await ask<RunList>("list");
    expect(suites).toEqual(["suite"]);
    expect(found.map(({ id }) => id)).toContain("suite/a/game24/seed-0");
    const { markup } = await ask<{ markup: string }>("suite", { suite: "suite" });
    const links = [...markup.matchAll(/<a href="\/runs\?([^"]*)">([^<]*)/g)];
    expect(links.map(([, query, words]) => [new URLSearchParams(query).get("run"), words])).toEqual([
      ["suite/a/game24/seed-0", "seed 0"],
    ]);
    await (await start("suite/a/game24/n-50-seed-0")).close();
    writeFileSync(join(root, "suite", "result.json"), JSON.stringify(amortizedResult()));
    const { markup: amortized } = await ask<{ markup: string }>("suite", { suite: "suite" });
    const [, run] = /<a href="\/runs\?run=([^"&]*)">seed 0/.exec(amortized) ?? [];
    expect(decodeURIComponent(run ?? "")).toBe("suite/a/game24/n-50-seed-0");
    expect((await app.request("/api/runs/suite?suite=..")).status).toBe(404);
    writeFileSync(join(root, "suite", "result.json"), '{"kind":"inference"}');
    const broken = await app.request("/api/runs/suite?suite=suite");
    expect([broken.status, await broken.text()]).toEqual([
      500,
      expect.stringContaining("not the result of a suite"),
    ]);
    rmSync(join(root, "suite"), { recursive: true });
  });
});

describe("a run", () => {
  it("shows the training of its adapters as far as it has come", async () => {
    const run = await whole("trained");
    const dir = join(root, "trained", "adapters", "sft");
    mkdirSync(dir, { recursive: true });
    expect(await ask("training", { run: "trained" })).toEqual({ markup: "" });
    const epoch = (at: number): string =>
      JSON.stringify({
        epoch: at,
        validationLoss: 3 - at / 8,
        accuracy: { value: 0.25 + at / 8, low: 0, high: 1 },
      });
    writeFileSync(join(dir, "epochs.jsonl"), `${epoch(0)}\n${epoch(1)}\n${epoch(2).slice(0, 20)}`);
    const { training } = await ask<RunChanges>("changes", { run: "trained" });
    expect(training).toEqual([{ name: "sft", iterates: 2 }]);
    const { markup } = await ask<{ markup: string }>("training", { run: "trained" });
    expect(markup).toContain("Accuracy at temperature 1, %");
    expect(markup).toContain("37.5");
    expect(markup).not.toContain('<circle class="ring');
    await run.close();
    rmSync(join(root, "trained"), { recursive: true });
  });

  it("tells its prompts, what was drawn by distinct answer, and what is right", async () => {
    const head = await ask<RunHead>("head", { run: "one" });
    expect(head).toMatchObject({ n: N, prompts: PROMPTS, labelled: true, policies: ["base"] });
    expect(head.choosers).toEqual(["greedy", "majority"]);
    const lines = await ask<PromptLine[]>("prompts", { run: "one", at: "0,3,99" });
    expect(lines.map(({ at, greedy, right, answers }) => [at, greedy, right, answers])).toEqual([
      [0, 1, 3, 1],
      [3, 0, 1, 2],
    ]);
    const { prompt } = await ask<PromptWhole>("prompt", { run: "one", at: 3 });
    expect(prompt.answers).toEqual(["3", "0"]);
    expect(prompt.texts.map(([text, times, , , , , correct]) => [text, times, correct])).toEqual([
      ["it is 3", [1], 1],
      ["is 0", [2], 0],
    ]);
  });

  it("finds prompts by what they are narrowed to, and by words", async () => {
    // Greedy and majority say 0: right of p0 and p10.
    expect(await ask("found", { run: "three", only: "none" })).toEqual([]);
    expect(await ask("found", { run: "one", words: "IT IS 11" })).toEqual([11]);
    expect(await ask("found", { run: "one", words: "what is 1", only: "gain" })).toEqual([]);
    const refused = await app.request("/api/runs/found?run=one&only=nonsense");
    expect(refused.status).toBe(400);
  });

  it("is followed while it is drawn: only what has changed is told, and all where it was rewritten", async () => {
    const changes = (after: string): Promise<RunChanges> => ask("changes", { run: "suite-cell", after });
    (await live.promptLog()).append({ id: "p0", text: "a", split: "test" });
    (await live.promptLog()).append({ id: "p1", text: "b", split: "test" });
    const first = await changes("");
    expect(first).toMatchObject({ state: "drawing", drawn: 0, asked: 2 * N, changed: "all" });
    const log = await live.responseLog();
    log.append(response("p1", 0, "is 1"));
    const second = await changes(first.cursor);
    expect(second).toMatchObject({ drawn: 1, changed: [1] });
    expect((await changes(second.cursor)).changed).toEqual([]);
    log.append(response("p0", 0, "is 0"));
    log.append(response("p1", 1, "is 1"));
    expect((await changes(second.cursor)).changed).toEqual([0, 1]);
    await log.sort((a, b) => a.promptId.localeCompare(b.promptId) || a.index - b.index);
    const sorted = await changes(second.cursor);
    expect(sorted).toMatchObject({ drawn: 3, changed: "all" });
    const [line] = await ask<PromptLine[]>("prompts", { run: "suite-cell", at: "1" });
    expect(line).toMatchObject({ total: 2, right: 2 });
    for (const [id, k] of [
      ["p0", 1],
      ["p0", 2],
      ["p1", 2],
    ] as const)
      log.append(response(id, k, "is 1"));
    expect((await changes(sorted.cursor)).state).toBe("measuring");
    // A cursor of a server that has ended means nothing to the next one.
    const next = new RunsFolder(root, () => Promise.resolve(task));
    const reply = await runRoutes(next).request(`/api/runs/changes?run=suite-cell&after=${sorted.cursor}`);
    expect(((await reply.json()) as RunChanges).changed).toBe("all");
    await next.close();
  });

  it("is not opened under a name that is none of the list's, nor its task where that would run a file", async () => {
    for (const run of ["../one", "nothing", join(root, "one")])
      expect((await app.request(`/api/runs/head?run=${encodeURIComponent(run)}`)).status).toBe(404);
    await (await start("evil", "./evil.mjs")).close();
    const before = opened.length;
    const { remark, labelled } = await ask<RunHead>("head", { run: "evil" });
    expect(remark).toContain("./evil.mjs");
    expect(labelled).toBe(false);
    expect(opened).toHaveLength(before);
  });
});

it("compares two runs prompt by prompt", async () => {
  const { prompts, figures } = await ask<Comparison>("compare", { first: "one", second: "three" });
  expect(prompts).toBe(PROMPTS);
  const sample = figures.find(({ name }) => name === "one sample: accuracy, %")!;
  // Of p0 and p10 every response is right in both; of the ten others one third, then all.
  expect(sample.first).toMatch(/^44\.4 /);
  expect(sample.second).toMatch(/^100\.0 /);
  expect(sample.difference).toBe("+55.6");
  expect(sample.side).toBe("up");
  const greedy = figures.find(({ name }) => name === "greedy: accuracy, %")!;
  expect([greedy.difference, greedy.side]).toEqual(["0.0", "unclear"]);
});

it("has a page with the policy of all pages", async () => {
  const reply = await app.request("/runs?run=one");
  expect(reply.headers.get("content-security-policy")).toMatch(
    /^default-src 'none'; .*frame-ancestors 'none'$/,
  );
  expect(await reply.text()).toContain("/app/page/view/main.js");
});
