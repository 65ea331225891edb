import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hash32, philox4x32, randomStream, tokenUniform } from "./random.js";

const hex = (words: readonly number[]): string =>
  words.map((word) => word.toString(16).padStart(8, "0")).join(" ");

describe("philox4x32", () => {
  // The known answers that the authors' library (Random123) ships for ten rounds.
  it.each([
    [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      "d16cfe09 94fdcceb 5001e420 24126ea1",
    ],
  ] as const)("of %j under %j", ([a, b, c, d], [k0, k1], words) => {
    expect(hex(philox4x32(a, b, c, d, k0, k1))).toBe(words);
  });

  it("agrees with the same rounds in big integers", () => {
    const reference = (counter: readonly number[], key: readonly number[]): string => {
      const mask = 0xffffffffn;
      let [a, b, c, d] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
      let [k0, k1] = key.map(BigInt) as [bigint, bigint];
      for (let round = 0; round < 10; round++) {
        const p0 = 0xd2511f53n * a;
        const p1 = 0xcd9e8d57n * c;
        [a, b, c, d] = [(p1 >> 32n) ^ b ^ k0, p1 & mask, (p0 >> 32n) ^ d ^ k1, p0 & mask];
        k0 = (k0 + 0x9e3779b9n) & mask;
        k1 = (k1 + 0xbb67ae85n) & mask;
      }
      return hex([a, b, c, d].map(Number));
    };
    const word = fc.nat(0xffffffff);
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), (counter, key) => {
        expect(hex(philox4x32(...counter, ...key))).toBe(reference(counter, key));
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});

describe("hash32", () => {
  // The test vectors of the FNV specification (32-bit FNV-1a).
  it.each([
    ["", 0x811c9dc5],
    ["a", 0xe40c292c],
    ["foobar", 0xbf9cf968],
  ])("of %j", (text, hash) => expect(hash32(text)).toBe(hash));
});

describe("tokenUniform", () => {
  it("is a multiple of 2^-24 in [0, 1), exact in float32, and depends on each argument", () => {
    const base = [7, 11, 3, 5] as const;
    const value = tokenUniform(...base);
    expect(tokenUniform(...base)).toBe(value);
    for (let at = 0; at < 4; at++) {
      const changed = base.map((part, i) => (i === at ? part + 1 : part)) as [number, number, number, number];
      expect(tokenUniform(...changed)).not.toBe(value);
    }
    expect(tokenUniform(2 ** 32 + 7, 11, 3, 5)).not.toBe(value);
    for (let position = 0; position < 1000; position++) {
      const uniform = tokenUniform(1, 2, 3, position);
      expect(uniform >= 0 && uniform < 1 && Number.isInteger(uniform * 2 ** 24)).toBe(true);
      expect(Math.fround(uniform)).toBe(uniform);
    }
  });

  it("fills [0, 1) evenly over positions, samples and prompts", () => {
    for (const draw of [
      (i: number) => tokenUniform(1, 2, 3, i),
      (i: number) => tokenUniform(1, 2, i, 3),
      (i: number) => tokenUniform(1, i, 2, 3),
    ]) {
      expect(chiSquare(64, 32_000, (i) => Math.floor(draw(i) * 64))).toBeLessThan(CHI_SQUARE_63);
    }
  });
});

/** Exceeded with probability 1e-6 by 63 degrees of freedom. */
const CHI_SQUARE_63 = 128;

function chiSquare(bins: number, draws: number, draw: (i: number) => number): number {
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < draws; i++) counts[draw(i)]! += 1;
  const expected = draws / bins;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe("randomStream", () => {
  it("is a function of seed, purpose and place", () => {
    const take = (seed: number, purpose: string, start = 0): number[] => {
      const stream = randomStream(seed, purpose, start);
      return Array.from({ length: 12 }, () => stream.next());
    };
    expect(take(1, "a")).toEqual(take(1, "a"));
    expect(take(1, "a")).not.toEqual(take(2, "a"));
    expect(take(1, "a")).not.toEqual(take(1, "b"));
    expect(take(1, "a")).not.toEqual(take(1 + 2 ** 32, "a"));
    for (let start = 0; start < 8; start++) expect(take(1, "a", start)[0]).toBe(take(1, "a")[start]);
  });

  it("draws integers and normals with the right law", () => {
    const integers = randomStream(3, "integers");
    expect(chiSquare(64, 32_000, () => integers.integer(64))).toBeLessThan(CHI_SQUARE_63);
    const normals = randomStream(4, "normals");
    const sample = Array.from({ length: 40_000 }, () => normals.normal());
    const moment = (k: number): number => sample.reduce((sum, x) => sum + x ** k, 0) / sample.length;
    // 0, 1, 0, 3 within five standard errors.
    expect(Math.abs(moment(1))).toBeLessThan(5 / 200);
    expect(Math.abs(moment(2) - 1)).toBeLessThan((5 * Math.SQRT2) / 200);
    expect(Math.abs(moment(3))).toBeLessThan((5 * Math.sqrt(15)) / 200);
    expect(Math.abs(moment(4) - 3)).toBeLessThan((5 * Math.sqrt(96)) / 200);
    expect(sample.every(Number.isFinite)).toBe(true);
  });

  it("shuffles into every order equally often, and leaves its argument alone", () => {
    const stream = randomStream(5, "shuffle");
    const items = Object.freeze([0, 1, 2, 3]);
    const orders = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const order = stream.shuffle(items).join("");
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    const statistic = [...orders.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // Exceeded with probability 1e-6 by 23 degrees of freedom.
    expect(statistic).toBeLessThan(67);
    expect(stream.shuffle([])).toEqual([]);
  });
});
