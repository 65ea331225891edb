import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sequentialPolicy } from "../policy/sequential.js";
import type { Policy, Response } from "../policy/policy.js";
import { rewardNamed } from "../reward/registry.js";
import { verifyRun } from "../run/verify-run.js";
import { handOver } from "./hand-over.js";
import { splitPrompts } from "./prompts.js";
import { startJob, tinyJob, tinyTask } from "./tiny-job.test-helper.js";

const WORDS = ["10", "23", "33", "7"];

/** Draws one of four words. */
const policyOf = (words: readonly string[]): Policy =>
  sequentialPolicy({
    name: "numbers",
    fingerprint: "numbers",
    word: (token) => words[token]!,
    next: (_, prefix) =>
      prefix.length === 0 ? Float64Array.from([0.4, 0.3, 0.2, 0.1], Math.log) : undefined,
  });
const policy = policyOf(WORDS);

const lines = (path: string): Record<string, unknown>[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it("writes the choice for every training prompt in the shapes of TRL and OpenAI, and none of a measured prompt", async () => {
  const dir = join(mkdtempSync(join(tmpdir(), "whetstone-hand-over-")), "run");
  const task = await tinyTask(true);
  const options = {
    policy,
    task,
    n: 5,
    temperature: 1,
    maxTokens: 3,
    seed: 3,
    reward: rewardNamed("log-likelihood"),
  };
  const run = await startJob(dir, { ...tinyJob({} as never, task), policy });
  const handed = (await handOver({ ...options, run }))!;
  // Called again, it draws nothing and writes the same.
  const silent: Policy = {
    ...policy,
    sample: () => policy.sample([], options),
  };
  expect(await handOver({ ...options, policy: silent, run })).toEqual(handed);
  await run.close();

  const split = splitPrompts(task, { seed: 3 });
  const prompts = [...split.train, ...split.validation];
  expect(handed).toMatchObject({ dir: join(dir, "hand-over"), examples: prompts.length });
  const drawn = lines(join(handed.dir, "responses.jsonl")) as unknown as Response[];
  const expected = prompts.map(({ id, text }) => {
    const pool = drawn
      .filter(({ promptId }) => promptId === id)
      .map((response) => ({ text: response.text, score: response.logProbs[0]! }));
    const chosen = pool.reduce((a, b) => (b.score > a.score ? b : a));
    const rejected = pool
      .filter((one) => one.text !== chosen.text)
      .reduce<typeof chosen | undefined>((a, b) => (a && a.score <= b.score ? a : b), undefined);
    return { prompt: text, chosen, rejected };
  });
  const pairs = expected.filter(({ rejected }) => rejected);
  expect(pairs.length).toBeGreaterThan(prompts.length / 2);
  expect(handed.pairs).toBe(pairs.length);
  const file = (name: string): Record<string, unknown>[] => lines(join(handed.dir, name));
  expect(file("trl-sft.jsonl")).toEqual(
    expected.map(({ prompt, chosen }) => ({ prompt, completion: chosen.text })),
  );
  expect(file("trl-dpo.jsonl")).toEqual(
    pairs.map(({ prompt, chosen, rejected }) => ({
      prompt,
      chosen: chosen.text,
      rejected: rejected!.text,
      chosen_reward: chosen.score,
      rejected_reward: rejected!.score,
    })),
  );
  expect(file("openai-sft.jsonl")[0]).toEqual({
    messages: [
      { role: "user", content: expected[0]!.prompt },
      { role: "assistant", content: expected[0]!.chosen.text },
    ],
  });
  expect(file("openai-dpo.jsonl")[0]).toEqual({
    input: { messages: [{ role: "user", content: pairs[0]!.prompt }] },
    preferred_output: [{ role: "assistant", content: pairs[0]!.chosen.text }],
    non_preferred_output: [{ role: "assistant", content: pairs[0]!.rejected!.text }],
  });
  expect((await verifyRun(dir)).problems).toEqual([]);
  const measured = new Set(split.test.map(({ text }) => text));
  expect(expected.some(({ prompt }) => measured.has(prompt))).toBe(false);
});

it("leaves empty responses out of the files for OpenAI, which takes no message without content", async () => {
  const dir = join(mkdtempSync(join(tmpdir(), "whetstone-hand-over-")), "run");
  const task = await tinyTask(true);
  const silent = policyOf(["", "23", "33", "7"]);
  const run = await startJob(dir, { ...tinyJob({} as never, task), policy: silent });
  const options = { policy: silent, task, n: 3, temperature: 1, maxTokens: 3, seed: 3 };
  const handed = (await handOver({ ...options, run, reward: rewardNamed("log-likelihood") }))!;
  await run.close();
  const file = (name: string): Record<string, unknown>[] => lines(join(handed.dir, name));
  const chosen = file("trl-sft.jsonl").map(({ completion }) => completion);
  const empty = chosen.filter((text) => text === "").length;
  expect(empty).toBeGreaterThan(0);
  expect(empty).toBeLessThan(chosen.length);
  expect(handed).toMatchObject({ examples: chosen.length, empty });
  expect(file("openai-sft.jsonl")).toHaveLength(chosen.length - empty);
  const said = file("trl-dpo.jsonl").filter((line) => line["chosen"] !== "" && line["rejected"] !== "");
  expect(file("openai-dpo.jsonl")).toHaveLength(said.length);
  expect(JSON.stringify([file("openai-sft.jsonl"), file("openai-dpo.jsonl")])).not.toContain('"content":""');
});
