import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TokenPair } from "./packing.js";
import { Runtime } from "../runtime.js";
import { certaintyOf, drawPlainly, logSoftmax, plainLogits } from "./plain-decoder.test-helper.js";
import {
  collect,
  goldenRows,
  largestDifference,
  randomModel,
  tinyModel,
  type GoldenRow,
} from "../tiny-models.test-helper.js";

describe.each(["tiny-gqa", "tiny-tied"] as const)("%s against Python's transformers", (name) => {
  let rows: readonly GoldenRow[];
  let runtime: Runtime;
  beforeAll(async () => {
    rows = await goldenRows(name);
    runtime = new Runtime(await tinyModel(name), { threads: 1 });
  });
  afterAll(() => runtime.dispose());

  test("a full forward gives its logits", () => {
    const logitsOf = plainLogits(runtime.model);
    for (const { tokens, logits } of rows) {
      logitsOf(tokens).forEach((row, i) => expect(largestDifference(row, logits[i]!)).toBeLessThan(1e-4));
    }
  });

  test("the scorer gives its log-probabilities and certainties, wherever the prompt ends", async () => {
    const cuts = rows.flatMap((row) =>
      Array.from({ length: row.tokens.length - 1 }, (_, i) => ({ row, cut: i + 1 })),
    );
    expect(cuts.length).toBe(2 + 6 + 11);
    const scored = await runtime.score(
      cuts.map(({ row, cut }) => ({ prompt: row.tokens.slice(0, cut), response: row.tokens.slice(cut) })),
    );
    for (const [i, { row, cut }] of cuts.entries()) {
      const logProbs = row.tokens.slice(cut).map((token, t) => logSoftmax(row.logits[cut - 1 + t]!)[token]!);
      const certainties = row.logits.slice(cut - 1, -1).map(certaintyOf);
      expect(largestDifference(scored[i]!.logProbs, row.logProbs.slice(cut - 1))).toBeLessThan(1e-4);
      expect(largestDifference(scored[i]!.logProbs, logProbs)).toBeLessThan(1e-4);
      expect(largestDifference(scored[i]!.certainties, certainties)).toBeLessThan(1e-4);
    }
  });

  test("a pass of its own gives the entropies of what its tokens were drawn from", async () => {
    const pairs = rows.map(({ tokens }) => ({ prompt: tokens.slice(0, 1), response: tokens.slice(1) }));
    const found = await runtime.entropies([...pairs, { prompt: rows[0]!.tokens, response: [] }]);
    for (const [i, { logits }] of rows.entries()) {
      const expected = logits
        .slice(0, -1)
        .map((row) => logSoftmax(row).reduce((sum, value) => sum - Math.exp(value) * value, 0));
      expect(largestDifference(found[i]!, expected)).toBeLessThan(1e-4);
    }
    expect(found.at(-1)).toHaveLength(0);
  });

  test("and one gives the likeliest tokens at each position", async () => {
    const pairs = rows.map(({ tokens }) => ({ prompt: tokens.slice(0, 1), response: tokens.slice(1) }));
    const found = await runtime.likeliest([...pairs, { prompt: rows[0]!.tokens, response: [] }]);
    for (const [i, { logits }] of rows.entries()) {
      const expected = logits.slice(0, -1).map((row) => logSoftmax(row));
      expect(found[i]).toHaveLength(expected.length);
      found[i]!.forEach((likeliest, at) => {
        const sorted = [...expected[at]!].sort((a, b) => b - a);
        expect(likeliest).toHaveLength(Math.min(20, sorted.length));
        const values = likeliest.map(({ logProb }) => logProb);
        expect(largestDifference(values, sorted.slice(0, values.length))).toBeLessThan(1e-4);
        const own = likeliest.map(({ token }) => expected[at]![token]!);
        expect(largestDifference(values, own)).toBeLessThan(1e-4);
      });
    }
    expect(found.at(-1)).toEqual([]);
  });

  test("greedy decoding gives its tokens and their log-probabilities", async () => {
    const requests = rows.map(({ tokens }, tag) => ({ tag, prompt: tokens, promptKey: 0, index: -1 }));
    const options = { temperature: 1, maxTokens: 8, seed: 0, greedy: true, rows: 3 };
    const drawn = await collect(runtime.draw(requests, options));
    expect(drawn.map(({ tag }) => tag).sort()).toEqual([...rows.keys()]);
    for (const { tag, tokens, logProbs } of drawn) {
      // Python was told to go on past the end token.
      const golden = rows[tag]!;
      expect(tokens).toEqual(golden.greedy.slice(0, tokens.length));
      expect(tokens.length === 8 || tokens.at(-1) === 2).toBe(true);
      expect(largestDifference(logProbs, golden.greedyLogProbs.slice(0, tokens.length))).toBeLessThan(1e-4);
    }
  });

  test("a response's log-probabilities are the same drawn, scored and by a full forward", async () => {
    const { config } = runtime.model;
    const logitsOf = plainLogits(runtime.model);
    const prompts = rows.map(({ tokens }) => tokens);
    const requests = prompts.map((prompt, tag) => ({ tag, prompt, promptKey: tag, index: tag }));
    const drawn = await collect(runtime.draw(requests, { temperature: 1, maxTokens: 12, seed: 5 }));
    const pairs = drawn.map(({ tag, tokens }) => ({ prompt: prompts[tag]!, response: tokens }));
    const scored = await runtime.score(pairs);
    for (const [i, { tag, tokens, logProbs, certainties }] of drawn.entries()) {
      const drawing = { prompt: prompts[tag]!, promptKey: tag, index: tag, seed: 5, maxTokens: 12 };
      const plain = drawPlainly(logitsOf, config, drawing, tokens);
      expect(tokens).toEqual(plain.tokens);
      for (const { logProbs: ours, certainties: spreads } of [{ logProbs, certainties }, scored[i]!]) {
        expect(largestDifference(ours, plain.logProbs)).toBeLessThan(1e-4);
        expect(largestDifference(spreads, plain.certainties)).toBeLessThan(1e-4);
      }
    }
  });
});

describe("scoring", () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = new Runtime(await randomModel(), { threads: 1 });
  });
  afterAll(() => runtime.dispose());

  test("keeps the order given, and takes responses of no token", async () => {
    const pairs = [
      { prompt: [5, 6], response: [7, 8, 9] },
      { prompt: [5, 6, 7, 8, 9, 10], response: [] },
      { prompt: [5], response: [11] },
      { prompt: Array.from({ length: 40 }, (_, i) => 20 + i), response: [1, 2] },
    ];
    const together = await runtime.score(pairs);
    expect(together.map(({ logProbs }) => logProbs.length)).toEqual([3, 0, 1, 2]);
    for (const [i, pair] of pairs.entries()) {
      const [alone] = await runtime.score([pair]);
      expect(largestDifference(together[i]!.logProbs, alone!.logProbs)).toBeLessThan(1e-5);
    }
    expect(await runtime.score([])).toEqual([]);
  });

  test("the probabilities of all tokens sum to 1, and the certainty is theirs", async () => {
    const prompt = [5, 6, 7];
    const pairs = Array.from({ length: runtime.model.config.vocabSize }, (_, token) => ({
      prompt,
      response: [token],
    }));
    const scored = await runtime.score(pairs);
    const logProbs = scored.map((score) => score.logProbs[0]!);
    expect(logProbs.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 5);
    // The certainty of logits is that of log-probabilities: they differ by a constant.
    expect(scored[0]!.certainties[0]).toBeCloseTo(certaintyOf(logProbs), 4);
  });
});

describe("pairs that differ in their last token", () => {
  test("share a row, and each has the score that it has alone", async () => {
    const runtime = new Runtime(await tinyModel("tiny-gqa"), { threads: 1 });
    const pairs: TokenPair[] = [
      { prompt: [5, 9, 4], response: [7] },
      { prompt: [5, 9], response: [4, 11] },
      { prompt: [5, 9, 4], response: [12] },
      { prompt: [5, 9, 4], response: [] },
      { prompt: [5, 9], response: [4, 3] },
      { prompt: [6, 9, 4], response: [7] },
    ];
    const together = await runtime.score(pairs);
    for (const [i, pair] of pairs.entries()) {
      const [alone] = await runtime.score([pair]);
      expect(together[i]!.logProbs).toHaveLength(pair.response.length);
      expect(largestDifference(together[i]!.logProbs, alone!.logProbs)).toBeLessThan(1e-5);
      expect(largestDifference(together[i]!.certainties, alone!.certainties)).toBeLessThan(1e-5);
    }
    expect(together[0]!.logProbs[0]).not.toBe(together[2]!.logProbs[0]);
    await runtime.dispose();
  });
});
