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
    const blocks = emptyMatrix(format, rows, columns)!;
    keepRows(format, stored, blocks, 0);
    matrix = blocks;
  }
  const values = new Float32Array(Uint8Array.from(Buffer.from(golden[name]!, "base64")).buffer);
  const graph = new Graph();
  const input = graph.input("x", "float32", ["m", columns]);
  graph.output("y", quantizedProduct(input, "w", matrix));
  graph.output("z", dequantizedProduct(input, "w", matrix));
  const session = await engine.session(graph);
  for (const m of [1, 3, 16]) {
    const stream = randomStream(m, name);
    const x = Float32Array.from({ length: m * columns }, () => stream.normal());
    const feeds = { x: { type: "float32" as const, dims: [m, columns], data: x } };
    const results = [await session.run(feeds), evaluate(graph, feeds)];
    const products = results.flatMap(({ y, z }) => [y!.data, z!.data] as Float32Array[]);
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
