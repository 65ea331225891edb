import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import type { Response } from "../../src/policy/policy.js";
import { game24 } from "../../src/task/game24/game24.js";

const python = process.env["WHETSTONE_PYTHON"];
const folder = join(import.meta.dirname, "..", "..", "models", "game24");
const SAMPLES = 20;

interface Answer {
  readonly distributions: number[][];
  readonly greedy: string[];
  readonly sampled: string[];
}
interface Measured {
  readonly temperature1: { readonly value: number };
  readonly greedy: { readonly value: number };
}

test.skipIf(python === undefined)(
  "transformers runs the embedded model unchanged: the same distributions, greedy answers and accuracy",
  async () => {
    const task = game24();
    const prompts = task.prompts("test");
    const policy = await LocalPolicy.load(folder);
    try {
      const greedy: Response[] = [];
      for await (const response of policy.greedy(prompts, task)) greedy.push(response);
      const byPrompt = new Map(greedy.map((response) => [response.promptId, response]));
      // Distributions at the prompt's end and in the middle of an answer.
      const cases = prompts.slice(0, 12).map((prompt, i) => ({
        prompt,
        tokens: byPrompt.get(prompt.id)!.tokens.slice(0, i),
      }));
      const rows: number[][] = [];
      for (const { prompt, tokens } of cases) rows.push([...(await policy.promptTokens(prompt)), ...tokens]);
      const child = spawnSync(python!, [join(import.meta.dirname, "game24.py"), folder], {
        input: JSON.stringify({ rows, prompts: prompts.map(({ text }) => text), samples: SAMPLES, seed: 1 }),
        encoding: "utf8",
        maxBuffer: 1 << 28,
        env: { ...process.env, HF_HUB_OFFLINE: "1" },
      });
      expect(child.status, child.stderr).toBe(0);
      const answer = JSON.parse(child.stdout) as Answer;

      const vocabulary = policy.runtime.model.config.vocabSize;
      for (const [i, { prompt, tokens }] of cases.entries()) {
        const scored = await policy.logProb(
          Array.from({ length: vocabulary }, (_, token) => ({ prompt, tokens: [...tokens, token] })),
        );
        scored.forEach((logProbs, token) => {
          expect(Math.abs(logProbs.at(-1)! - answer.distributions[i]![token]!)).toBeLessThan(1e-4);
        });
      }
      const differing = prompts.filter(({ id }, i) => byPrompt.get(id)!.text !== answer.greedy[i]);
      expect(differing.length).toBeLessThanOrEqual(1);

      const measured = JSON.parse(readFileSync(join(folder, "measured.json"), "utf8")) as Measured;
      const correct = answer.sampled.filter((text, i) =>
        task.grade(prompts[Math.floor(i / SAMPLES)]!.id, text),
      ).length;
      // 5,120 samples there and 12,800 here on the same prompts: the difference has a standard error of 0.7 points.
      expect(Math.abs(correct / answer.sampled.length - measured.temperature1.value)).toBeLessThan(0.025);
      const greedyCorrect = prompts.filter(({ id }, i) => task.grade(id, answer.greedy[i]!)).length;
      expect(Math.abs(greedyCorrect / prompts.length - measured.greedy.value)).toBeLessThan(0.005);
    } finally {
      await policy.dispose();
    }
  },
  300_000,
);
