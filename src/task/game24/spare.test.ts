import { describe, expect, it } from "vitest";
import { randomStream } from "../../core/random.js";
import { game24 } from "./game24.js";
import { isHeldOut, multisetKey, sparePuzzles, splitPuzzles } from "./puzzles.js";
import { game24Spare } from "./spare.js";
import { trainingExample } from "./training-data.js";
import { traces } from "./traces.js";

describe("game24-spare", () => {
  const task = game24Spare();
  const train = task.prompts("train");
  const numbersOf = (text: string): number[] => (text.match(/\d+/g) ?? []).map(Number).slice(0, 4);

  it("measures and judges on game24's own puzzles", () => {
    for (const split of ["test", "validation"] as const)
      expect(task.prompts(split)).toEqual(game24().prompts(split));
    expect(task.digest).not.toBe(game24({ orders: 24 }).digest);
  });

  it("learns from half of the training puzzles, in every order, the first of each before any second", () => {
    const spare = sparePuzzles();
    expect(spare).toHaveLength(503);
    const ranks = train.map(({ id }) => Number(id.split("-")[1]));
    expect(ranks.slice(0, 503)).toEqual(spare.map(({ rank }) => rank));
    expect(new Set(ranks).size).toBe(503);
    expect(new Set(train.map(({ text }) => text)).size).toBe(train.length);
    const orders = spare.reduce((sum, { numbers }) => {
      const repeats = numbers.map((number) => numbers.filter((other) => other === number).length);
      // 4! over the factorials of how often each number occurs.
      const equal = [...new Set(numbers)].reduce(
        (product, number) => product * [1, 1, 2, 6, 24][repeats[numbers.indexOf(number)]!]!,
        1,
      );
      return sum + 24 / equal;
    }, 0);
    expect(train).toHaveLength(orders);
    const last = train.at(-1)!;
    const [trace] = traces(numbersOf(last.text), 24);
    expect(task.grade(last.id, trace ?? "")).toBe(trace !== undefined);
  });

  it("has no prompt that the half base was pretrained on, whatever its target", () => {
    const spare = new Set(sparePuzzles().map(({ numbers }) => multisetKey(numbers)));
    const stream = randomStream(3, "half");
    const seen = new Set<number>();
    for (let i = 0; i < 20_000; i++) {
      const numbers = numbersOf(trainingExample(stream, true).prompt);
      seen.add(multisetKey(numbers));
      if (spare.has(multisetKey(numbers)) || isHeldOut(numbers)) expect.fail(numbers.join(" "));
    }
    // All that is left of the 1,820 multisets.
    expect(seen.size).toBe(1820 - 503 - 356);
    const whole = randomStream(3, "half");
    const met = Array.from({ length: 2000 }, () => numbersOf(trainingExample(whole).prompt));
    expect(met.filter((numbers) => spare.has(multisetKey(numbers))).length).toBeGreaterThan(500);
  });

  it("leaves the other half, which is no smaller, to the base", () => {
    const spare = new Set(sparePuzzles().map(({ rank }) => rank));
    expect(splitPuzzles("train").filter(({ rank }) => !spare.has(rank))).toHaveLength(503);
  });
});
