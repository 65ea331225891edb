import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../core/random.js";
import { Engine, Graph, type Session } from "../../graph/index.js";
import { certaintyOf, logSoftmax } from "../decoder/plain-decoder.test-helper.js";
import { samplingHead } from "./sampling-head.js";
import { largestDifference } from "../tiny-models.test-helper.js";

let engine: Engine;
beforeAll(() => {
  engine = new Engine({ threads: 1 });
});
afterAll(() => engine.dispose());

/** The largest uniform that `tokenUniform` can give. */
const LAST = 1 - 2 ** -24;

interface Head {
  draw(
    rows: readonly ArrayLike<number>[],
    uniforms: readonly number[],
    temperature?: number,
  ): Promise<{ tokens: number[]; logProbs: number[]; certainties: number[]; drawnLogProbs: number[] }>;
}

async function headOf(size: number, tempered = false): Promise<Head> {
  const graph = new Graph();
  const logits = graph.input("logits", "float32", ["n", size]);
  const uniforms = graph.input("uniforms", "float32", ["n", 1]);
  const drawn = samplingHead(
    logits,
    uniforms,
    tempered ? graph.input("temperature", "float32", ["n", 1]) : undefined,
  );
  for (const [name, value] of Object.entries(drawn)) graph.output(name, value);
  const session: Session = await engine.session(graph);
  return {
    draw: async (rows, points, temperature) => {
      const data = new Float32Array(rows.length * size);
      rows.forEach((row, i) => data.set(row, i * size));
      const result = await session.run({
        logits: { type: "float32", dims: [rows.length, size], data },
        uniforms: { type: "float32", dims: [points.length, 1], data: Float32Array.from(points) },
        temperature: {
          type: "float32",
          dims: [points.length, 1],
          data: new Float32Array(points.length).fill(temperature ?? 1),
        },
      });
      const list = (name: string): number[] => Array.from((result[name]?.data ?? []) as Float32Array);
      return {
        ...{ tokens: list("token"), logProbs: list("logProb"), certainties: list("certainty") },
        drawnLogProbs: list("drawnLogProb"),
      };
    },
  };
}

const normals = (size: number, seed: number, deviation = 2): Float32Array => {
  const stream = randomStream(seed, "logits");
  return Float32Array.from({ length: size }, () => deviation * stream.normal());
};

/** Equally spaced points of [0, 1), each a multiple of 2^-24 as the sampler's. */
const grid = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) / count) * 2 ** 24) / 2 ** 24);

// One level up to 512; two for 640 = 20·32 and 49,152, which divide, and for primes, which are padded.
const SIZES = [2, 64, 512, 521, 640, 1031, 49152];

describe.each(SIZES)("a vocabulary of %i", (size) => {
  let head: Head;
  const logits = normals(size, size);
  const count = size > 10000 ? 24 : 512;
  const same = Array.from({ length: count }, () => logits);
  beforeAll(async () => {
    head = await headOf(size);
  });

  test("inverts the exact cumulative distribution, but for rounding at its steps", async () => {
    const exact = logSoftmax(logits);
    const certainty = certaintyOf(logits);
    const cumulative: number[] = [];
    for (const logProb of exact) cumulative.push((cumulative.at(-1) ?? 0) + Math.exp(logProb));
    const points = grid(count);
    const { tokens, logProbs, certainties } = await head.draw(same, points);
    expect(
      largestDifference(
        logProbs,
        tokens.map((token) => exact[token]!),
      ),
    ).toBeLessThan(1e-4);
    expect(
      largestDifference(
        certainties,
        points.map(() => certainty),
      ),
    ).toBeLessThan(1e-4);
    let unequal = 0;
    for (const [i, token] of tokens.entries()) {
      const uniform = points[i]!;
      if (token !== cumulative.findIndex((value) => value > uniform)) unequal++;
      expect(cumulative[token]!).toBeGreaterThan(uniform - 1e-5);
      expect(cumulative[token - 1] ?? 0).toBeLessThan(uniform + 1e-5);
    }
    expect(unequal).toBeLessThanOrEqual(count / 100);
  });

  test("never draws a token of probability zero, at either end", async () => {
    // Weights that underflow to 0 everywhere but at a few places, ends included or not.
    const rows = [[0], [size - 1], [Math.floor(size / 2)], [0, size - 1], [1, Math.floor(size / 3)]].map(
      (kept) => Float32Array.from({ length: size }, (_, i) => (kept.includes(i) ? 10 : -200)),
    );
    for (const uniform of [0, 2 ** -24, 0.25, 0.5, 0.75, LAST]) {
      const { tokens, logProbs } = await head.draw(
        rows,
        rows.map(() => uniform),
      );
      tokens.forEach((token, i) => expect(rows[i]![token]).toBe(10));
      const expected = rows.map((row) => -Math.log(row.filter((value) => value === 10).length));
      logProbs.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
    }
  });

  test("draws the first token at 0 and the last at 1 − 2⁻²⁴ of a flat distribution", async () => {
    const flat = new Float32Array(size);
    const { tokens, certainties } = await head.draw([flat, flat], [0, LAST]);
    expect(tokens[0]).toBe(0);
    // The step is 1/size wide, and sums of up to 49,152 terms round.
    expect(tokens[1]).toBeGreaterThanOrEqual(size - 1 - Math.ceil(size * 1e-5));
    certainties.forEach((value) => expect(value).toBeCloseTo(0, 4));
  });

  test("takes the highest logit when the uniform is negative, the first on ties", async () => {
    const top = logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
    const tied = new Float32Array(size).fill(-1);
    tied[size - 1] = 3;
    tied[size - 2] = 3;
    // Far apart, so that they lie in different blocks of a large vocabulary.
    const apart = new Float32Array(size).fill(-1);
    apart[size - 1] = 3;
    apart[Math.floor(size / 3)] = 3;
    const { tokens, logProbs } = await head.draw([logits, tied, apart], [-1, -1, -1]);
    expect(tokens).toEqual([top, size - 2, Math.floor(size / 3)]);
    expect(logProbs[0]).toBeCloseTo(logSoftmax(logits)[top]!, 4);
  });
});

describe("drawn frequencies", () => {
  /** Pearson's statistic over tokens, those expected fewer than 5 times pooled into one class. */
  function chiSquare(
    tokens: readonly number[],
    logProbs: readonly number[],
  ): { value: number; freedom: number } {
    const seen = new Map<number, number>();
    for (const token of tokens) seen.set(token, (seen.get(token) ?? 0) + 1);
    let pooledSeen = 0;
    let pooledExpected = 0;
    let value = 0;
    let classes = 0;
    for (const [token, logProb] of logProbs.entries()) {
      const expected = Math.exp(logProb) * tokens.length;
      const observed = seen.get(token) ?? 0;
      if (expected < 5) {
        pooledSeen += observed;
        pooledExpected += expected;
      } else {
        value += (observed - expected) ** 2 / expected;
        classes++;
      }
    }
    if (pooledExpected > 5) {
      value += (pooledSeen - pooledExpected) ** 2 / pooledExpected;
      classes++;
    }
    return { value, freedom: classes - 1 };
  }

  test.each([
    { size: 64, temperature: 1 },
    { size: 521, temperature: 1 },
    { size: 521, temperature: 0.6 },
    { size: 640, temperature: 1.7 },
  ])("pass a chi-square test ($size tokens at temperature $temperature)", async ({ size, temperature }) => {
    const head = await headOf(size, temperature !== 1);
    const logits = normals(size, 7 * size);
    const stream = randomStream(11, `uniforms ${size} ${temperature}`);
    const exact = logSoftmax(logits);
    const tempered = logSoftmax(Array.from(logits, (value) => value / temperature));
    const tokens: number[] = [];
    for (let round = 0; round < 10; round++) {
      const uniforms = Array.from({ length: 1000 }, () => stream.integer(2 ** 24) * 2 ** -24);
      const drawn = await head.draw(
        uniforms.map(() => logits),
        uniforms,
        temperature,
      );
      tokens.push(...drawn.tokens);
      // At temperature 1 whatever temperature drew.
      const expected = drawn.tokens.map((token) => exact[token]!);
      expect(largestDifference(drawn.logProbs, expected)).toBeLessThan(1e-4);
      if (temperature === 1) continue;
      expect(drawn.drawnLogProbs).toHaveLength(drawn.tokens.length);
      const under = drawn.tokens.map((token) => tempered[token]!);
      expect(largestDifference(drawn.drawnLogProbs, under)).toBeLessThan(1e-4);
    }
    const { value, freedom } = chiSquare(tokens, tempered);
    expect(freedom).toBeGreaterThan(25);
    // Wilson–Hilferty: the cube root is nearly normal; 3.7 deviations is one chance in ten thousand.
    const z = (Math.cbrt(value / freedom) - (1 - 2 / (9 * freedom))) / Math.sqrt(2 / (9 * freedom));
    expect(Math.abs(z)).toBeLessThan(3.7);
  });
});

test("one level and two levels draw the same tokens", async () => {
  // 500 tokens in one level, and the same 500 with 140 impossible ones behind them in two.
  const [one, two] = [await headOf(500), await headOf(640)];
  const stream = randomStream(3, "uniforms");
  const rows = Array.from({ length: 400 }, (_, i) => normals(500, 100 + i, 0.5 + (i % 7)));
  const longer = rows.map((row) => {
    const wide = new Float32Array(640).fill(-300);
    wide.set(row);
    return wide;
  });
  const uniforms = rows.map(() => stream.integer(2 ** 24) * 2 ** -24);
  const [short, long] = [await one.draw(rows, uniforms), await two.draw(longer, uniforms)];
  expect(long.tokens).toEqual(short.tokens);
  expect(new Set(short.tokens).size).toBeGreaterThan(150);
  expect(Math.max(...short.logProbs.map((value, i) => Math.abs(value - long.logProbs[i]!)))).toBeLessThan(
    1e-5,
  );
});
