/** Large constants: packed for one session, or shared by all of them. */
import { afterAll, describe, expect, test } from "vitest";
import { randomStream } from "../core/random.js";
import { Engine, Graph, add, evaluate, gather, matMul, type Tensor } from "./index.js";
import { encode } from "./encode.js";
import { expectClose } from "./operators/check.test-helper.js";

const engine = new Engine({ threads: 1 });
afterAll(() => engine.dispose());

const random = randomStream(11, "constants");
const normals = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.normal());
/** 128 · 160 values are 80 KiB: large. */
const [rows, columns] = [128, 160];
const weight = normals(rows * columns);
const x: Tensor = { type: "float32", dims: [3, columns], data: normals(3 * columns) };

/** x Wᵀ + W[ids, :128] + a small constant. */
function product(data: Float32Array): Graph {
  const graph = new Graph();
  const w = graph.initializer("w", "float32", [rows, columns], data);
  const taken = gather(w, graph.input("ids", "int64", [3]));
  const square = matMul(taken, graph.initializer("cut", "float32", [columns, rows], normals(columns * rows)));
  const y = matMul(graph.input("x", "float32", [3, columns]), w, { transB: true });
  graph.output("y", add(add(y, square), 0.5));
  return graph;
}
const feeds = { x, ids: { type: "int64" as const, dims: [3], data: BigInt64Array.of(5n, 0n, 127n) } };

describe("constants", () => {
  test("have the same values packed and shared as in the plain evaluator", async () => {
    const graph = product(weight);
    const plain = evaluate(graph, feeds)["y"]!;
    for (const constants of ["packed", "shared"] as const) {
      const session = await engine.session(graph, { constants });
      expectClose(constants, (await session.run(feeds))["y"]!, plain);
      await session.dispose();
    }
  });

  test("of 64 KiB and more are left out of the model: beside it, or from a limit on as inputs", () => {
    const bytes = weight.byteLength;
    for (const [limit, external, fed] of [
      [bytes, ["w", "cut"], []],
      [bytes - 1, [], ["w", "cut"]],
      [0, [], ["w", "cut"]],
    ] as const) {
      const encoded = encode(product(weight), limit);
      expect(encoded.model.byteLength).toBeLessThan(2000);
      expect(encoded.external.map(({ value }) => value.name)).toEqual(external);
      expect(encoded.fed.map(({ value }) => value.name)).toEqual(fed);
      expect(Buffer.from(encoded.model).includes("location")).toBe(external.length > 0);
    }
  });

  test("too large for ONNX Runtime are shared by a session that packs the others", async () => {
    const graph = product(weight);
    const [ids, wide] = [graph.inputs[0]!, normals(columns * (rows + 1))];
    const more = graph.initializer("wide", "float32", [rows + 1, columns], wide);
    graph.output("rows", gather(more, ids));
    const plain = evaluate(graph, feeds);
    // In place of 2 GiB, a limit between the sizes of the two.
    const session = await engine.session(graph, { packUpTo: weight.byteLength });
    const data = wide.slice();
    wide.fill(0);
    const results = await session.run(feeds);
    expectClose("packed", results["y"]!, plain["y"]!);
    expect(results["rows"]!.data).toEqual(
      Float32Array.from(
        [5n, 0n, 127n].flatMap((row) => [
          ...data.subarray(Number(row) * columns, (Number(row) + 1) * columns),
        ]),
      ),
    );
    await session.dispose();
    // Held while the session was, and given back with it: it is read anew.
    const again = await engine.session(graph, { packUpTo: weight.byteLength });
    expect((await again.run(feeds))["rows"]!.data).toEqual(new Float32Array(3 * columns));
    await again.dispose();
  });

  test("outlive the first of two sessions that share them, and are read anew after the last", async () => {
    const data = weight.slice();
    const graph = product(data);
    const [first, second] = [
      await engine.session(graph, { constants: "shared" }),
      await engine.session(graph, { constants: "shared" }),
    ];
    const before = await first.run(feeds);
    await first.dispose();
    await first.dispose();
    expect(await second.run(feeds)).toEqual(before);
    await second.dispose();
    data.fill(0);
    const third = await engine.session(graph, { constants: "shared" });
    // What is left: W is 0, so only the small constant.
    expect((await third.run(feeds))["y"]!.data).toEqual(new Float32Array(3 * rows).fill(0.5));
    await third.dispose();
  });

  test("are given back when the model is refused", async () => {
    const data = weight.slice();
    const bad = product(data);
    bad.output("z", bad.node("NoSuchOperator", [bad.inputs[0]!], [{ type: "float32", shape: [1] }])[0]!);
    await expect(engine.session(bad, { constants: "shared" })).rejects.toThrow("NoSuchOperator");
    // Were they still held, the old values would be found here.
    data.fill(0);
    const session = await engine.session(product(data), { constants: "shared" });
    expect((await session.run(feeds))["y"]!.data).toEqual(new Float32Array(3 * rows).fill(0.5));
    await session.dispose();
  });
});
