import type { Engine } from "./engine.js";
import { turnMatrix } from "./byte-matrix.js";
import { Graph } from "./graph.js";
import { byteProduct } from "./operators/byte-product.js";

const COLUMNS = 64;
const ROWS = 16;

/**
 * Whether an engine's products of unsigned with signed bytes are exact. On x86 processors without VNNI, ONNX Runtime adds pairs of them in 16
 * bits, where the largest do not fit; asked by a product of the largest.
 */
export async function multipliesSignedBytes(engine: Pick<Engine, "session">): Promise<boolean> {
  const graph = new Graph();
  const x = graph.input("x", "float32", [4, COLUMNS]);
  const bytes = new Int8Array(COLUMNS * ROWS).fill(127);
  const scales = new Float32Array(ROWS).fill(1);
  graph.output("y", byteProduct(x, "w", { bits: 8, rows: ROWS, columns: COLUMNS, bytes, scales }));
  const session = await engine.session(graph);
  // A row that is turned into ones: each is the largest of its row, byte 255.
  const turn = turnMatrix(COLUMNS);
  const data = Float32Array.from({ length: 4 * COLUMNS }, (_, i) =>
    turn
      .subarray((i % COLUMNS) * COLUMNS, ((i % COLUMNS) + 1) * COLUMNS)
      .reduce((sum, value) => sum + value, 0),
  );
  try {
    const { y } = await session.run({ x: { type: "float32", dims: [4, COLUMNS], data } });
    return (y!.data as Float32Array).every((value) => Math.abs(value - COLUMNS * 127) < 1);
  } finally {
    await session.dispose();
  }
}
