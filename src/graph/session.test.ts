import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { afterAll, describe, expect, test } from "vitest";
import { GraphError } from "../core/errors.js";
import { encode, EXTERNAL_LIMIT } from "./encode.js";
import {
  Engine,
  Graph,
  add,
  concat,
  evaluate,
  exp,
  gather,
  matMul,
  mul,
  reduceSum,
  reshape,
  type Tensor,
} from "./index.js";

/** A graph's operators and outputs, as ONNX Runtime is given them. */
function onnxOf(graph: Graph): { readonly nodes: string[]; readonly outputs: string[] } {
  const { graph: made } = fromBinary(ModelProtoSchema, encode(graph, EXTERNAL_LIMIT).model);
  return { nodes: made!.node.map(({ opType }) => opType), outputs: made!.output.map(({ name }) => name) };
}

const engine = new Engine({ threads: 2 });
afterAll(() => engine.dispose());

const tensor = (dims: readonly number[], ...data: readonly number[]): Tensor => ({
  type: "float32",
  dims,
  data: Float32Array.from(data),
});

describe("feeds", () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", ["b", 2]);
  const y = graph.input("y", "float32", ["b", "t"]);
  const joined = graph.input("joined", "float32", ["t+b"]);
  const unused = graph.input("unused", "float32", [1]);
  mul(unused, 2);
  graph.output("sum", reduceSum(concat([x, y], 1), [1]));
  graph.output("joined too", mul(joined, 2));
  const session = engine.session(graph);
  const good = { x: tensor([2, 2], 1, 2, 3, 4), y: tensor([2, 1], 10, 20), joined: tensor([3], 1, 2, 3) };

  test("that fit give the values; an input that no output needs may be missing, or fed", async () => {
    const expected = { sum: tensor([2], 13, 27), "joined too": tensor([3], 2, 4, 6) };
    expect(await (await session).run(good)).toEqual(expected);
    expect(await (await session).run({ ...good, unused: tensor([1], 1) })).toEqual(expected);
    expect(evaluate(graph, good)).toEqual(expected);
  });

  test("may be views: only what they show is used", async () => {
    const data = Float32Array.of(9, 9, 1, 2, 3, 4, 9).subarray(2, 6);
    const results = await (await session).run({ ...good, x: { type: "float32", dims: [2, 2], data } });
    expect(results["sum"]).toEqual(tensor([2], 13, 27));
    expect(data).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  test.each([
    ["missing", { y: undefined }, 'The input "y" (float32[b, t]) is not fed.'],
    [
      "of another rank",
      { x: tensor([4], 1, 2, 3, 4) },
      'The input "x" is float32[b, 2]; it was fed float32[4].',
    ],
    [
      "of another size",
      { x: tensor([1, 3], 1, 2, 3) },
      'The input "x" is float32[b, 2]; it was fed float32[1, 3].',
    ],
    [
      "at odds with another",
      { y: tensor([3, 1], 1, 2, 3) },
      'The input "y" is float32[b, t]; it was fed float32[3, 1].',
    ],
    [
      "at odds with a sum",
      { joined: tensor([4], 1, 2, 3, 4) },
      'The input "joined" is float32[t+b]; it was fed float32[4].',
    ],
    [
      "of another type",
      { x: { type: "int32", dims: [2, 2], data: new Int32Array(4) } },
      "it was fed int32[2, 2].",
    ],
    [
      "of a mislabelled array",
      { x: { type: "float32", dims: [2, 2], data: new Int32Array(4) } },
      "it was fed Int32Array.",
    ],
    [
      "too short",
      { x: tensor([2, 2], 1, 2, 3) },
      'The input "x" of shape [2, 2] needs 4 values; it was fed 3.',
    ],
  ])("that are %s are named, with both shapes", async (_, wrong, message) => {
    const run = (await session).run({ ...good, ...wrong } as Record<string, Tensor>);
    await expect(run).rejects.toThrow(GraphError);
    await expect(run).rejects.toThrow(message);
  });
});

test("an input's dimensions are written one way only, which the error shows", () => {
  const graph = new Graph();
  expect(() => graph.input("x", "float32", ["b+t", 2])).toThrow(
    'The input "x" of shape [b+t, 2] has the dimension "b+t": write "t+b".',
  );
  expect(() => graph.input("x", "float32", [-1])).toThrow(
    'has the dimension "-1": use a whole number or a name.',
  );
  expect(() => graph.input("x", "float32", ["b-1"])).toThrow(GraphError);
});

describe("outputs", () => {
  test("are those asked for; an unknown one is named", async () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [2]);
    graph.output("double", mul(x, 2));
    graph.output("exp", exp(x));
    const session = await engine.session(graph);
    const feeds = { x: tensor([2], 0, 1) };
    expect(await session.run(feeds, { fetch: ["double", "double"] })).toEqual({ double: tensor([2], 0, 2) });
    expect(Object.keys(await session.run(feeds))).toEqual(["double", "exp"]);
    await expect(session.run(feeds, { fetch: ["triple"] })).rejects.toThrow(
      'The graph has no output "triple"; it has double, exp.',
    );
    await session.dispose();
  });

  test("may be inputs and constants themselves, and the fed array stays usable", async () => {
    const graph = new Graph();
    graph.output("same", graph.input("x", "float32", ["n"]));
    graph.output("constant", graph.constant([1, 2]));
    const session = await engine.session(graph);
    const feeds = { x: tensor([3], 1, 2, 3) };
    for (let run = 0; run < 2; run++) {
      expect(await session.run(feeds)).toEqual({ same: feeds.x, constant: tensor([2], 1, 2) });
    }
    await session.dispose();
  });

  test("are what the graph computes, under their names: nothing is copied to give one", async () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", ["n"]);
    const doubled = mul(x, 2);
    const first = graph.output("doubled", doubled);
    graph.output("again", doubled);
    graph.output("of an output", first);
    graph.output("further", add(doubled, 1));
    graph.output("x itself", x);
    const { nodes, outputs } = onnxOf(graph);
    expect(nodes).toEqual(["Mul", "Identity", "Identity", "Add", "Identity"]);
    expect(outputs).toEqual(["doubled", "again", "of an output", "further", "x itself"]);
    const session = await engine.session(graph);
    const [twice, own] = [tensor([2], 2, -6), tensor([2], 1, -3)];
    expect(await session.run({ x: own })).toEqual({
      ...{ doubled: twice, again: twice, "of an output": twice },
      ...{ further: tensor([2], 3, -5), "x itself": own },
    });
    await session.dispose();
  });
});

describe("graphs", () => {
  test("with large constants, stored outside the model's protobuf, keep every value", async () => {
    const graph = new Graph();
    const rows = 300;
    const table = Float32Array.from({ length: rows * 64 }, (_, i) => i / 7);
    const shared = new Float32Array(table.length + 5);
    shared.set(table, 5);
    // A view into a larger buffer, as weights in a file are.
    const weight = graph.initializer("a/table.weight", "float32", [rows, 64], shared.subarray(5));
    graph.output("row", gather(weight, graph.input("ids", "int64", ["k"])));
    const session = await engine.session(graph);
    const { row } = await session.run({
      ids: { type: "int64", dims: [2], data: BigInt64Array.of(299n, 0n) },
    });
    expect(row!.data).toEqual(Float32Array.of(...table.subarray(299 * 64), ...table.subarray(0, 64)));
    await session.dispose();
  });

  test("of several symbolic dimensions serve any sizes in one session, 0 included", async () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", ["b", "t", "k"]);
    const w = graph.input("w", "float32", ["k", "v"]);
    const flat = reshape(matMul(x, w), ["b*t", "v"]);
    graph.output("all", concat([flat, flat], 0));
    graph.output("folded", reshape(concat([x, x, x], 1), ["t", "3*b*k"]));
    graph.output("sum", reduceSum(flat, [0]));
    const session = await engine.session(graph);
    for (const [b, t, k, v] of [
      [1, 1, 1, 1],
      [2, 3, 4, 5],
      [3, 1, 2, 2],
      [0, 2, 3, 2],
      [2, 0, 1, 3],
    ] as const) {
      const fill = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => (i % 5) - 2);
      const feeds = {
        x: { type: "float32" as const, dims: [b, t, k], data: fill(b * t * k) },
        w: { type: "float32" as const, dims: [k, v], data: fill(k * v) },
      };
      expect(await session.run(feeds), `sizes ${b} ${t} ${k} ${v}`).toEqual(evaluate(graph, feeds));
    }
    await session.dispose();
  });
});

describe("resident buffers", () => {
  test("are written, read and copied row by row; a negative target skips its row", async () => {
    const buffer = await engine.buffer("float32", 8);
    expect(await buffer.read()).toEqual(new Float32Array(8));
    await buffer.write(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8).subarray(1, 7), 1);
    expect(await buffer.read()).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 0));
    expect(await buffer.read(2, 4)).toEqual(Float32Array.of(2, 3));
    const target = await engine.buffer("float32", 6);
    await buffer.copyTo(target, Int32Array.of(1, 3, 5), Int32Array.of(4, -1, 0), 2);
    expect(await target.read()).toEqual(Float32Array.of(5, 6, 0, 0, 1, 2));
    await Promise.all([buffer.free(), target.free()]);
  });

  test("hold every type", async () => {
    for (const [type, data] of [
      ["int32", Int32Array.of(1, -2)],
      ["int64", BigInt64Array.of(1n, -(2n ** 60n))],
      ["bool", Uint8Array.of(1, 0)],
    ] as const) {
      const buffer = await engine.buffer(type, 2);
      await buffer.write(data);
      expect(await buffer.read()).toEqual(data);
      await buffer.free();
    }
  });

  test("are fed by their first elements, and take rows of outputs after the run", async () => {
    const graph = new Graph();
    const cache = graph.input("cache", "float32", ["n", 2]);
    const fresh = graph.input("fresh", "float32", ["r", 2]);
    graph.output("total", reduceSum(cache, [0]));
    graph.output("new", add(fresh, 0.5));
    const session = await engine.session(graph);
    const buffer = await engine.buffer("float32", 10);
    await buffer.write(Float32Array.of(1, 2, 3, 4, 100, 100));
    const run = (n: number, to: readonly number[]) =>
      session.run(
        { cache: { buffer, dims: [n, 2] }, fresh: tensor([3, 2], 10, 20, 30, 40, 50, 60) },
        { stores: [{ output: "new", buffer, to: Int32Array.from(to), length: 2 }] },
      );
    expect(await run(2, [4, -1, 8])).toEqual({ total: tensor([2], 4, 6) });
    expect(await buffer.read()).toEqual(Float32Array.of(1, 2, 3, 4, 10.5, 20.5, 0, 0, 50.5, 60.5));
    expect(await run(3, [-1, -1, -1])).toEqual({ total: tensor([2], 14.5, 26.5) });
    // Of fewer targets than rows, the rest is not stored.
    expect(await run(5, [0])).toEqual({ total: tensor([2], 65, 87) });
    expect(await buffer.read(0, 4)).toEqual(Float32Array.of(10.5, 20.5, 3, 4));
    await expect(run(6, [0])).rejects.toThrow(
      'The input "cache" of shape [6, 2] needs 12 values; it was fed 10.',
    );
    await expect(run(5, [9])).rejects.toThrow(/row 0 \(2 elements from 0 to 9\) is not within 6 and 10/);
    await expect(run(5, [0, 2, 4, 6])).rejects.toThrow(/row 3/);
    await session.dispose();
    await buffer.free();
  });

  test("refuse what does not fit, in words", async () => {
    const [buffer, other] = [await engine.buffer("float32", 4), await engine.buffer("int32", 4)];
    await expect(buffer.write(Float32Array.of(1, 2), 3)).rejects.toThrow(
      "A write of 2 elements at 3 does not fit a buffer of 4.",
    );
    await expect(buffer.write(Float32Array.of(1), -1)).rejects.toThrow("at -1 does not fit");
    await expect(buffer.write(Int32Array.of(1))).rejects.toThrow(
      "A buffer of float32 cannot take a Int32Array.",
    );
    const [none, one] = [Int32Array.of(0), Int32Array.of(0, 1)];
    await expect(buffer.copyTo(other, none, none, 1)).rejects.toThrow(/from float32 .* to int32/);
    await expect(buffer.copyTo(buffer, none, one, 1)).rejects.toThrow("at 1 places to float32 at 2");
    await expect(buffer.copyTo(buffer, Int32Array.of(3), none, 2)).rejects.toThrow(GraphError);
    const graph = new Graph();
    graph.output("y", mul(graph.input("x", "float32", ["n"]), 2));
    const session = await engine.session(graph);
    const feeds = { x: tensor([1], 1) };
    await expect(
      session.run(feeds, { stores: [{ output: "y", buffer: other, to: none, length: 1 }] }),
    ).rejects.toThrow('The output "y" is float32; it cannot be stored in a buffer of int32.');
    await buffer.free();
    await expect(session.run({ x: { buffer, dims: [1] } })).rejects.toThrow("it was fed a freed buffer.");
    await expect(
      session.run(feeds, { stores: [{ output: "y", buffer, to: none, length: 1 }] }),
    ).rejects.toThrow("freed buffer of float32");
    await expect(other.copyTo(buffer, none, none, 1)).rejects.toThrow("was freed");
    await session.dispose();
    await other.free();
  });
});
