/**
 * What is promised to the bit, or to the rounding of float32, on real models from the files that people have: pruned search chooses what
 * full search does, weights kept in their blocks say what their dequantized values say, and a run that is resumed ends with the bytes of one that
 * was not. That choices of a rounded model are the exact ones of their pool is in exact-choice.test.ts.
 */
import { mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import type { Policy, Prompt, Response } from "../../src/policy/policy.js";
import { rewardNamed } from "../../src/reward/registry.js";
import { startRun, type Run } from "../../src/run/run.js";
import { bestOfN } from "../../src/sharpen/best-of-n.js";
import { drawAll, drawGreedy } from "../../src/sharpen/draw.js";
import { drawPowerTask, type PowerDrawing } from "../../src/sharpen/power/draw-power.js";
import { fetchedModel } from "../support/golden-model.js";

const PROMPTS: readonly Prompt[] = [
  "Question: A farmer has 3 pens with 4 hens each. How many hens are there?\nAnswer:",
  "def add(a, b):\n    return",
].map((text, i) => ({ id: `q${i}`, text }));
const SETTINGS = { n: 5, temperature: 0.8, maxTokens: 10, seed: 3 };
const POWER: PowerDrawing = {
  ...{ method: "power", alpha: 4, moves: 1, blocks: 2, particles: 4, n: 3, maxTokens: 8, seed: 3 },
};
/** log π of other graphs of the same values differs by less. */
const ROUNDING = 1e-3;
const FILES = ["greedy.jsonl", "responses.jsonl"];

async function drawnBy(policy: Policy): Promise<Response[]> {
  const requests = PROMPTS.flatMap((prompt) => [0, 1, 2].map((index) => ({ prompt, index })));
  const all: Response[] = [];
  for await (const response of policy.sample(requests, SETTINGS)) all.push(response);
  return all.sort((a, b) => (a.promptId < b.promptId ? -1 : a.promptId > b.promptId ? 1 : a.index - b.index));
}

describe.each(["smollm2", "qwen"] as const)("%s", (name) => {
  const path = fetchedModel(name);
  const real = it.skipIf(path === undefined);
  const root = mkdtempSync(join(tmpdir(), "whetstone-exactness-"));
  let policy: LocalPolicy;
  beforeAll(async () => {
    if (path !== undefined) policy = await LocalPolicy.load(path, { rows: 8 });
  });
  afterAll(async () => {
    await policy?.dispose();
    rmSync(root, { recursive: true });
  });

  /** In a run folder, some of what is drawn, and the files as they are then. @param stopAfter responses. */
  async function drawInto(folder: string, from: Policy, stopAfter = Infinity): Promise<string[]> {
    const config = {
      model: { name, digest: from.digest },
      task: { name: "questions", digest: "questions" },
      drawing: { n: SETTINGS.n, temperature: SETTINGS.temperature, maxTokens: SETTINGS.maxTokens },
      seeds: { run: SETTINGS.seed },
    };
    const dir = join(root, folder);
    const run = await startRun(dir, config, { resume: true, command: "test", createdAt: "" });
    try {
      await drawnTo(run, from, stopAfter);
    } catch (error) {
      if (stopAfter === Infinity) throw error;
    } finally {
      await run.close();
    }
    return FILES.map((file) => readFileSync(join(dir, file), "utf8"));
  }

  async function drawnTo(run: Run, from: Policy, stopAfter: number): Promise<void> {
    const stop = new AbortController();
    await drawGreedy(await run.greedyLog(), from, PROMPTS, { maxTokens: SETTINGS.maxTokens }, "greedy");
    const onProgress = ({ done }: { readonly done: number }): void => {
      if (done >= stopAfter) stop.abort();
    };
    const settings = { ...SETTINGS, signal: stop.signal, onProgress };
    await drawAll(await run.responseLog(), from, PROMPTS, settings, "sampling");
  }

  real.each(["log-likelihood", "length-normalized", "majority"])(
    "the pruned choice by %s is that of all responses",
    async (reward) => {
      const chosen: Response[][] = [];
      const tokens: number[] = [];
      for (const keepAll of [false, true]) {
        const found = new Map<string, Response>();
        let drawn = 0;
        const options = { ...SETTINGS, n: 12, reward: rewardNamed(reward), keepAll };
        for await (const best of bestOfN(policy, PROMPTS, options)) {
          found.set(best.prompt.id, best.chosen);
          drawn += best.tokens;
        }
        chosen.push(PROMPTS.map(({ id }) => found.get(id)!));
        tokens.push(drawn);
      }
      expect(chosen[0]).toEqual(chosen[1]);
      if (reward === "log-likelihood") expect(tokens[0]).toBeLessThan(tokens[1]!);
    },
  );

  real(
    "weights kept in their blocks draw and score what their dequantized values do, and a resumed run has the bytes of one that was not",
    async () => {
      const expected = await drawnBy(policy);
      const whole = await drawInto("whole", policy);
      const power = await startedPower(policy, "power");
      await policy.dispose();
      const kept = await LocalPolicy.load(path!, { quantize: "keep" });
      const found = await drawnBy(kept);
      const scores = await kept.logProb(
        expected.map(({ promptId, tokens }) => ({
          prompt: PROMPTS.find(({ id }) => id === promptId)!,
          tokens,
        })),
      );
      await kept.dispose();
      expected.forEach(({ tokens, logProbs }, i) => {
        expect(found[i]!.tokens).toEqual(tokens);
        logProbs.forEach((value, t) => {
          expect(Math.abs(found[i]!.logProbs[t]! - value)).toBeLessThan(ROUNDING);
          expect(Math.abs(scores[i]![t]! - value)).toBeLessThan(ROUNDING);
        });
      });

      // Another process has what memory there is then, and may draw fewer at once.
      policy = await LocalPolicy.load(path!, { rows: 4 });
      const broken = await drawInto("resumed", policy, 4);
      expect(broken[1]!.split("\n").length - 1).toBeLessThan(10);
      const responses = join(root, "resumed", "responses.jsonl");
      truncateSync(responses, readFileSync(responses).length - 20);
      expect(await drawInto("resumed", policy)).toEqual(whole);
      expect(await startedPower(policy, "power in fewer rows")).toEqual(power);
    },
  );

  /** The files of a run of power sampling. */
  async function startedPower(from: Policy, folder: string): Promise<string[]> {
    const { n, maxTokens, seed, alpha, moves, blocks } = POWER;
    const config = {
      model: { name, digest: from.digest },
      task: { name: "questions", digest: "questions" },
      drawing: { n, temperature: 1, maxTokens, sampler: { method: "power", alpha, moves, blocks } },
      seeds: { run: seed },
    } as const;
    const dir = join(root, folder);
    const run = await startRun(dir, config, { resume: false, command: "test", createdAt: "" });
    await drawPowerTask(run, from, PROMPTS, POWER, () => undefined);
    await run.close();
    return ["responses.jsonl", "power.jsonl"].map((file) => readFileSync(join(dir, file), "utf8"));
  }
});
