import { expect, it } from "vitest";
import { Runtime } from "../runtime.js";
import { collect, randomModel } from "../tiny-models.test-helper.js";
import { rowsThatFit } from "./rows-that-fit.js";

it("fits as many rows as their caches leave memory for, and never fewer than a batch has", async () => {
  const { config } = await randomModel();
  const lengths = { prompt: 40, sharing: 8, response: 60 };
  // Two layers of keys and values, two key heads of six floats, over 60 tokens and an eighth of 40, half as much again while moving.
  const caches = 1.5 * 2 * 2 * 2 * 6 * 4 * 65;
  const scores = 4 * 4 * 4 * 100;
  const one = caches + scores + 4 * (6 * config.vocabSize + 8 * 24 + 4 * 40);
  expect(rowsThatFit(config, 64, lengths, 10 * one)).toBe(10);
  expect(rowsThatFit(config, 64, lengths, 10 * one - 1)).toBe(9);
  expect(rowsThatFit(config, 64, lengths, 10.5 * one)).toBe(10);
  expect(rowsThatFit(config, 8, lengths, 10.5 * one)).toBe(8);
  expect(rowsThatFit(config, 64, lengths, -1)).toBe(4);
});

it("draws the same in fewer rows, to the bit, whatever memory there is", async () => {
  const model = await randomModel({ vocabSize: 300, hiddenSize: 64, intermediateSize: 96, headDim: 16 });
  const prompts = [
    [3, 1, 4, 1, 5],
    [2, 7, 1],
    [8, 2],
  ];
  const requests = prompts.flatMap((prompt, p) =>
    Array.from({ length: 9 }, (_, index) => ({ tag: `${p}/${index}`, prompt, promptKey: p, index })),
  );
  const options = { temperature: 0.9, maxTokens: 12, seed: 3, rows: 32 };
  const drawnWith = async (memory: number | undefined) => {
    const runtime = new Runtime(model, { threads: 1, memory });
    const draws = await collect(runtime.draw(requests, options));
    await runtime.dispose();
    return new Map(draws.map(({ tag, ...rest }) => [tag, rest]));
  };
  // A byte: the few rows that every batch has.
  expect(await drawnWith(1)).toEqual(await drawnWith(1e12));
});
