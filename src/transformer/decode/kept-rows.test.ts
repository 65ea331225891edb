import { afterAll, beforeAll, expect, it } from "vitest";
import { Engine, type ResidentBuffer } from "../../graph/index.js";
import { KeptRows } from "./kept-rows.js";

let engine: Engine;
beforeAll(() => {
  engine = new Engine({ threads: 1 });
});
afterAll(() => engine.dispose());

const copies: ResidentBuffer[] = [];
const copy = async (): Promise<ResidentBuffer> => {
  const buffer = await engine.buffer("float32", 10);
  copies.push(buffer);
  return buffer;
};

it("finds the longest beginning that is known of a prompt's responses, and a step more: the token that comes next was not fed yet", async () => {
  const kept = new KeptRows();
  const prompt = [7, 8];
  await kept.add(1, prompt, [1, 2, 3, 4], await copy(), Infinity);
  await kept.add(1, prompt, [1, 2, 5], await copy(), Infinity);
  const stepsFor = (tokens: readonly number[], key = 1, of: readonly number[] = [7, 8]): number =>
    kept.find(key, of, tokens)?.steps ?? 0;
  expect(stepsFor([1, 2, 3])).toBe(3);
  expect(stepsFor([1, 2, 3, 4])).toBe(4);
  // Of a response of three tokens three steps are known: that over the last prompt token and those over two of its own.
  expect(stepsFor([1, 2, 5, 6])).toBe(3);
  expect(stepsFor([1, 9, 9])).toBe(2);
  expect(stepsFor([9, 9])).toBe(1);
  expect(stepsFor([1, 2, 3], 2)).toBe(0);
  expect(stepsFor([1, 2, 3], 1, [7, 9])).toBe(0);
  await kept.dispose();
  expect(copies.every(({ isFreed }) => isFreed)).toBe(true);
});

it("lets go of what was not used for longest where there is too much", async () => {
  // Two copies of ten floats.
  const kept = new KeptRows();
  const stepsFor = (first: number): number => kept.find(1, [7], [first, 0])?.steps ?? 0;
  await kept.add(1, [7], [1, 0, 0], await copy(), 80);
  await kept.add(1, [7], [2, 0, 0], await copy(), 80);
  expect(stepsFor(1)).toBe(2);
  await kept.add(1, [7], [3, 0, 0], await copy(), 80);
  // Of the second the step over the prompt's last token is left, which all have.
  expect([1, 2, 3].map(stepsFor)).toEqual([2, 1, 2]);
  expect(copies.filter(({ isFreed }) => !isFreed)).toHaveLength(2);
  const none = new KeptRows();
  await none.add(1, [7], [1], await copy(), 0);
  expect(none.find(1, [7], [1, 0])).toBeUndefined();
  await kept.dispose();
});
