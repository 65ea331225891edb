import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { Engine, Graph, quantizeMatrix, quantizedProduct, type QuantizedMatrix } from "./index.js";

const engine = new Engine({ threads: 1 });
afterAll(() => engine.dispose());

/** w = scale · (q − zero point) + offset, element by element, as `QuantizedMatrix` says. */
function valuesOf({ bits, rows, columns, packed, scales, zeroPoints, offsets }: QuantizedMatrix): number[] {
  const blocks = Math.ceil(columns / 32);
  const integer = (bytes: Uint8Array, start: number, i: number): number =>
    bits === 8 ? bytes[start + i]! : (bytes[start + (i >> 1)]! >> (i % 2 === 0 ? 0 : 4)) & 15;
  return Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const block = Math.floor(column / 32);
    const q = integer(packed, (row * blocks * 32 * bits) / 8, column);
    const zero = zeroPoints
      ? integer(zeroPoints, row * Math.ceil((blocks * bits) / 8), block)
      : 2 ** (bits - 1);
    return scales[row * blocks + block]! * (q - zero) + (offsets?.[row * blocks + block] ?? 0);
  });
}

it("moves no value by more than half a step (with a rounded zero point, by one), and a zero of eight bits not at all", () => {
  const matrix = fc.record({
    bits: fc.constantFrom(4 as const, 8 as const),
    rows: fc.integer({ min: 1, max: 3 }),
    columns: fc.constantFrom(1, 32, 33, 64, 100),
    seed: fc.array(fc.float({ noNaN: true, min: -8, max: 8 }), { minLength: 1, maxLength: 40 }),
  });
  fc.assert(
    fc.property(matrix, ({ bits, rows, columns, seed }) => {
      const data = Float32Array.from(
        { length: rows * columns },
        (_, i) => seed[i % seed.length]! * (1 + (i % 7)),
      );
      const quantized = quantizeMatrix(data, rows, columns, bits);
      const blocks = Math.ceil(columns / 32);
      valuesOf(quantized).forEach((value, i) => {
        const scale = quantized.scales[Math.floor(i / columns) * blocks + Math.floor((i % columns) / 32)]!;
        const most = scale * (quantized.offsets ? 0.5 : 1) + 1e-5;
        if (!(Math.abs(value - data[i]!) <= most))
          expect.fail(`${data[i]} became ${value}, by more than ${most}`);
        if (data[i] === 0 && bits === 8) expect(value).toBe(0);
      });
    }),
    { numRuns: 200, seed: 1 },
  );
});

it("keeps what lies on its levels", () => {
  const levels = Float32Array.from({ length: 32 }, (_, i) => -3 + 0.25 * (i % 16));
  expect(valuesOf(quantizeMatrix(levels, 1, 32, 4))).toEqual([...levels]);
  expect(valuesOf(quantizeMatrix(new Float32Array(64), 2, 32, 8))).toEqual(Array(64).fill(0));
});

it("rounds the other factor of a product of eight bits, and that of four only where it is told to", async () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", ["r", 32]);
  const ones = new Float32Array(32).fill(1);
  graph.output("eight", quantizedProduct(x, "eight", quantizeMatrix(ones, 1, 32, 8)));
  graph.output("four", quantizedProduct(x, "four", quantizeMatrix(ones, 1, 32, 4)));
  // Integers 7 and −8, with an offset of 8 that meets x as it is.
  const first = quantizeMatrix(
    Float32Array.from({ length: 32 }, (_, i) => (i === 0 ? 15 : 0)),
    1,
    32,
    4,
  );
  graph.output("first", quantizedProduct(x, "first", first));
  const rounding = { ...first, roundsInput: true };
  graph.output("told", quantizedProduct(x, "told", rounding));
  const session = await engine.session(graph, { constants: "shared" });
  // The step is 1, and 0.4 is less than half of it.
  const data = Float32Array.from({ length: 32 }, (_, i) => (i === 0 ? 127 : 0.4));
  const {
    eight,
    four,
    first: own,
    told,
  } = await session.run({ x: { type: "float32", dims: [1, 32], data } });
  expect(eight!.data[0]).toBeCloseTo(127, 3);
  expect(four!.data[0]).toBeCloseTo(127 + 31 * 0.4, 3);
  expect(own!.data[0]).toBeCloseTo(15 * 127, 2);
  expect(told!.data[0]).toBeCloseTo(7 * 127 + 8 * (127 + 31 * 0.4), 2);
  await session.dispose();
});

it("refuses a factor of another width", () => {
  const x = new Graph().input("x", "float32", ["r", 31]);
  expect(() => quantizedProduct(x, "w", quantizeMatrix(new Float32Array(64), 2, 32, 8))).toThrow(
    /float32\[r, 31\] does not multiply with the transpose of \[2, 32\]/,
  );
});
