import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { rewardNamed } from "../reward/registry.js";
import { answer } from "../sharpen/answer.js";
import { promptsOf, wordPolicy } from "../sharpen/tiny-policies.test-helper.js";
import { answerMany, type AnswerSettings } from "./answer-many.js";
import { openAnswers } from "./answers-out.js";
import type { Progress } from "../sharpen/draw.js";
import type { AskedPrompts } from "./asked-prompts.js";
import { keepingContext } from "./context.test-helper.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-many-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const extract = (text: string): string => text.slice(0, 1);
const SETTINGS: AnswerSettings = {
  ...{ reward: rewardNamed("log-likelihood"), n: 6, temperature: 1, seed: 3, maxTokens: 5 },
  keepAll: true,
};
const prompts = promptsOf(4);
const asked = (some = prompts): AskedPrompts => ({ prompts: some, groups: [{ prompts: some, extract }] });

it("answers each prompt as it is answered alone, and shows the answers in the prompts' order", async () => {
  const context = keepingContext();
  const [odd, even] = [0, 1].map((rest) => prompts.filter((_, at) => at % 2 === rest));
  const groups = [odd!, even!].map((some) => ({ prompts: some, extract }));
  const given = await answerMany(wordPolicy(), { prompts, groups }, SETTINGS, undefined, context);
  const alone = new Map<string, string>();
  for (const prompt of prompts) {
    const { chosen } = await answer(wordPolicy(), prompt, { ...SETTINGS, extract });
    alone.set(prompt.id, chosen.text);
  }
  expect(new Map(given.map(({ id, text }) => [id, text]))).toEqual(alone);
  expect(context.said).toEqual(prompts.map(({ id, text }) => `> ${text}\n${alone.get(id)!}\n\n`));
});

it("counts the time before the first answer as the answers'", async () => {
  const context = keepingContext();
  const updates: Progress[] = [];
  const progress = { ...context.progress, live: false, update: (one: Progress) => void updates.push(one) };
  await answerMany(wordPolicy(), asked(), SETTINGS, undefined, { ...context, progress });
  expect(updates).toEqual([0, 1, 2, 3, 4].map((done) => ({ stage: "answers", done, total: 4 })));
});

it("goes on with a file that stopped in the middle, and ends with the bytes of one that did not", async () => {
  const answerInto = async (name: string, some: typeof prompts): Promise<number> => {
    const out = await openAnswers(join(dir, name), some, { n: 6 });
    try {
      return (await answerMany(wordPolicy(), asked(some), SETTINGS, out, keepingContext())).length;
    } finally {
      out.close();
    }
  };
  expect(await answerInto("whole.jsonl", prompts)).toBe(4);
  expect(await answerInto("parts.jsonl", prompts.slice(2))).toBe(2);
  expect(await answerInto("parts.jsonl", prompts)).toBe(2);
  const [whole, parts] = ["whole", "parts"].map((name) => readFileSync(join(dir, `${name}.jsonl`), "utf8"));
  expect(parts).toBe(whole);
  expect(await answerInto("parts.jsonl", prompts)).toBe(0);
});
