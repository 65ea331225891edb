import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { randomStream } from "../../../core/random.js";
import {
  Engine,
  Graph,
  dequantizedProduct,
  evaluate,
  quantizedProduct,
  type HeldMatrix,
} from "../../../graph/index.js";
import { testdata } from "../../tiny-models.test-helper.js";
import { readGgufHeader } from "./header.js";
import { toWords } from "../../../core/half-precision.js";
import { emptyMatrix, keepRows, keptFormats, keptHalf } from "./keep.js";

const engine = new Engine({ threads: 2 });
afterAll(() => engine.dispose());

const golden = JSON.parse(readFileSync(join(testdata, "gguf", "formats.json"), "utf8")) as Record<
  string,
  string
>;
const path = join(testdata, "gguf", "formats.gguf");

it.each(keptFormats)("multiplies with the dequantized values of %s, in rows of any number", async (name) => {
  const { format, start, bytes, shape } = (await readGgufHeader(path)).tensors.get(name)!;
  const [rows, columns] = shape as [number, number];
  const stored = readFileSync(path).subarray(start, start + bytes);
  const half = keptHalf(name);
  let matrix: HeldMatrix;
  if (half) {
    const floats = new Float32Array(rows * columns);
    format.dequantize(stored, floats, 0);
    const words = toWords(half, floats);
    expect(Buffer.from(words.buffer).equals(stored)).toBe(true);
    matrix = { half, rows, columns, values: words };
  } else {
    const blocks = emptyMatrix(format, rows, columns, false)!;
    keepRows(format, stored, blocks, 0);
    matrix = blocks;
  }
  const values = new Float32Array(Uint8Array.from(Buffer.from(golden[name]!, "base64")).buffer);
  const graph = new Graph();
  const input = graph.input("x", "float32", ["m", columns]);
  graph.output("y", quantizedProduct(input, "w", matrix));
  graph.output("z", dequantizedProduct(input, "w", matrix));
  graph.output("in shares", dequantizedProduct(input, "w", matrix, 2 * columns));
  const session = await engine.session(graph);
  for (const m of [1, 3, 16]) {
    const stream = randomStream(m, name);
    const x = Float32Array.from({ length: m * columns }, () => stream.normal());
    const feeds = { x: { type: "float32" as const, dims: [m, columns], data: x } };
    const results = [await session.run(feeds), evaluate(graph, feeds)];
    const products = results.flatMap((each) => Object.values(each).map(({ data }) => data as Float32Array));
    for (let at = 0; at < m * rows; at++) {
      const [i, row] = [Math.floor(at / rows), at % rows];
      let [sum, size] = [0, 0];
      for (let k = 0; k < columns; k++) {
        const term = x[i * columns + k]! * values[row * columns + k]!;
        sum += term;
        size += Math.abs(term);
      }
      products.forEach((product, kind) =>
        expect(Math.abs(product[at]! - sum), `${m} rows, ${at}, ${kind}`).toBeLessThan(2e-6 * size + 1e-9),
      );
    }
  }
  await session.dispose();
});

it.each(keptFormats.filter((name) => keptHalf(name) === undefined))(
  "holds %s for rounded activations with the same values, and multiplies with them as closely as eight bits allow",
  async (name) => {
    const { format, start, bytes, shape } = (await readGgufHeader(path)).tensors.get(name)!;
    const [rows, columns] = shape as [number, number];
    const stored = readFileSync(path).subarray(start, start + bytes);
    const matrix = emptyMatrix(format, rows, columns, true)!;
    // The last row alone, then those before it.
    const rowBytes = bytes / rows;
    keepRows(format, stored.subarray((rows - 1) * rowBytes), matrix, rows - 1);
    keepRows(format, stored.subarray(0, (rows - 1) * rowBytes), matrix, 0);
    const { bits, packed, scales, offsets, steps, units, blockSize: size = 32 } = matrix;
    const exact = new Float32Array(Uint8Array.from(Buffer.from(golden[name]!, "base64")).buffer);
    const integer = (i: number): number =>
      bits === 8 ? packed[i]! - 128 : ((packed[i >> 1]! >> (i % 2 === 0 ? 0 : 4)) & 15) - (steps ? 0 : 8);
    const offset = (i: number): number => {
      const block = Math.floor(i / size);
      return steps ? steps[block]! * units![block >> 3]! : (offsets?.[block] ?? 0);
    };
    const scaled = (i: number): number => scales[Math.floor(i / size)]! * integer(i);
    const largest = Math.max(...exact.map(Math.abs));
    exact.forEach((value, i) =>
      expect(Math.abs(scaled(i) + offset(i) - value), `${i}`).toBeLessThan(3e-7 * largest),
    );
    const graph = new Graph();
    graph.output("y", quantizedProduct(graph.input("x", "float32", ["m", columns]), "w", matrix));
    const session = await engine.session(graph, { planned: false });
    for (const m of [1, 4, 16]) {
      const stream = randomStream(m, name);
      const x = Float32Array.from({ length: m * columns }, () => stream.normal());
      const { y } = await session.run({ x: { type: "float32", dims: [m, columns], data: x } });
      for (let at = 0; at < m * rows; at++) {
        const [i, row] = [Math.floor(at / rows), at % rows];
        let [sum, room] = [0, 1e-5];
        for (let from = 0; from < columns; from += size) {
          const block = x.subarray(i * columns + from, i * columns + from + size);
          const half = Math.max(...block.map(Math.abs)) / 254;
          block.forEach((value, k) => {
            const j = row * columns + from + k;
            sum += value * exact[j]!;
            // What rounding to the nearest of 255 levels does, and float32's own.
            room +=
              (half + 3e-6 * Math.abs(value)) * Math.abs(scaled(j)) + 3e-6 * Math.abs(value * offset(j));
          });
        }
        expect(Math.abs((y!.data as Float32Array)[at]! - sum), `${m} rows, ${at}`).toBeLessThan(room);
      }
    }
    await session.dispose();
  },
);
