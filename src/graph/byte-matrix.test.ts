import { afterAll, expect, it } from "vitest";
import { randomStream } from "../core/random.js";
import { turnMatrix, turnedTogether } from "./byte-matrix.js";
import {
  byteMatrix,
  byteProduct,
  Engine,
  Graph,
  matMul,
  multipliesSignedBytes,
  unsignedBytes,
  type Session,
} from "./index.js";

const engine = new Engine({ threads: 1 });
afterAll(() => engine.dispose());

const stream = randomStream(1, "byte matrix");
const [ROWS, COLUMNS] = [24, 192];
const weights = Float32Array.from({ length: ROWS * COLUMNS }, () => stream.next() - 0.5);

/** Products of x [r, COLUMNS] in floats, in signed bytes and in unsigned ones. */
async function products(): Promise<Session> {
  const graph = new Graph();
  const x = graph.input("x", "float32", ["r", COLUMNS]);
  const matrix = byteMatrix(weights, ROWS, COLUMNS);
  const floats = graph.initializer("w", "float32", [ROWS, COLUMNS], weights);
  graph.output("float", matMul(x, floats, { transB: true }));
  graph.output("signed", byteProduct(x, "signed", matrix));
  graph.output("unsigned", byteProduct(x, "unsigned", unsignedBytes(matrix)));
  return engine.session(graph);
}

async function productsOf(session: Session, data: Float32Array): Promise<Record<string, Float32Array>> {
  const fed = { x: { type: "float32", dims: [data.length / COLUMNS, COLUMNS], data } } as const;
  const outputs = await session.run(fed);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data: values }]) => [name, values as Float32Array]),
  );
}

const lengthOf = (values: Iterable<number>): number => Math.hypot(...values);

it("turns the largest power of two that divides the columns, up to 64, by an orthogonal matrix without zeros", () => {
  expect([1, 33, 6, 576, 1536, 640, 128].map(turnedTogether)).toEqual([1, 1, 2, 64, 64, 64, 64]);
  for (const width of [1, 2, 8, 64]) {
    const matrix = turnMatrix(width);
    for (let a = 0; a < width; a++)
      for (let b = 0; b <= a; b++) {
        let product = 0;
        for (let i = 0; i < width; i++) product += matrix[a * width + i]! * matrix[b * width + i]!;
        expect(product).toBeCloseTo(a === b ? 1 : 0, 5);
      }
    for (const value of matrix) expect(Math.abs(value)).toBeCloseTo(1 / Math.sqrt(width), 6);
  }
});

it("is within one and a half hundredths of the product in floats, and with an outlier among the columns within three", async () => {
  const session = await products();
  const plain = Float32Array.from({ length: 8 * COLUMNS }, () => stream.next() - 0.5);
  const outlying = plain.map((value, i) => (i % COLUMNS === 7 ? 40 * value : value));
  for (const [data, most] of [
    [plain, 0.015],
    [outlying, 0.03],
  ] as const) {
    const { float, signed } = await productsOf(session, data);
    const error = lengthOf(float!.map((value, i) => value - signed![i]!)) / lengthOf(float!);
    expect(error).toBeGreaterThan(0.0005);
    expect(error).toBeLessThan(most);
  }
  await session.dispose();
});

it("gives the same bits in unsigned bytes, and of a row whatever the others and however many they are", async () => {
  const session = await products();
  const data = Float32Array.from({ length: 13 * COLUMNS }, (_, i) => (stream.next() - 0.5) * (1 + (i % 5)));
  const { signed, unsigned } = await productsOf(session, data);
  if (await multipliesSignedBytes(engine)) expect(unsigned).toEqual(signed);
  for (const rows of [1, 2, 4, 7]) {
    const some = await productsOf(session, data.slice(0, rows * COLUMNS));
    expect(some["unsigned"]).toEqual(unsigned!.slice(0, rows * ROWS));
  }
  await session.dispose();
});

it("takes a row of zeros and a matrix of zeros for zeros", async () => {
  const session = await products();
  const { signed } = await productsOf(session, new Float32Array(COLUMNS));
  expect([...signed!]).toEqual(Array(ROWS).fill(0));
  await session.dispose();
  const none = byteMatrix(new Float32Array(64), 1, 64);
  expect([...none.bytes, ...none.scales]).toEqual(Array(65).fill(0));
});

it("refuses a factor of another width", () => {
  const x = new Graph().input("x", "float32", ["r", 31]);
  expect(() => byteProduct(x, "w", byteMatrix(new Float32Array(64), 2, 32))).toThrow(
    /float32\[r, 31\] does not multiply with the transpose of \[2, 32\]/,
  );
});
