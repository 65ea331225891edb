import { describe, expect, test } from "vitest";
import { GraphError } from "../core/errors.js";
import { Graph, add, evaluate, expand, mul, reduceSum, reshape, rmsNorm } from "./index.js";

describe("Graph", () => {
  test("refuses a name twice, data of the wrong size, and values of another graph", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [2]);
    expect(() => graph.input("x", "int64", [1])).toThrow('The graph already has a value named "x".');
    expect(() => graph.initializer("w", "float32", [2, 3], new Float32Array(5))).toThrow(
      'Initializer "w" of shape [2, 3] needs 6 values, got 5.',
    );
    const other = new Graph().input("y", "float32", [2]);
    expect(() => add(x, other)).toThrow('Add: the input "y" belongs to another graph.');
  });

  test("names its own values around those of the user", () => {
    const graph = new Graph();
    const x = graph.input("Mul_2", "float32", [1]);
    graph.input("Mul_3", "float32", [1]);
    graph.output("y", mul(mul(x, x), x));
    expect(
      evaluate(graph, { Mul_2: { type: "float32", dims: [1], data: Float32Array.of(2) } })["y"]!.data,
    ).toEqual(Float32Array.of(8));
  });

  test("shares equal constants and run-time sizes", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", ["b", "t"]);
    expect(graph.constant([1, 2])).toBe(graph.constant([1, 2]));
    expect(graph.constant([1, 2], [2, 1])).not.toBe(graph.constant([1, 2]));
    expect(graph.constant(1)).not.toBe(graph.constant([1]));
    expect(graph.shapeTensor(["b", "t"])).toBe(graph.shapeTensor(["b", "t"]));
    const before = graph.nodes.length;
    expand(reduceSum(x, [0], { keepDims: true }), ["b", "t"]);
    expect(graph.nodes.length - before).toBe(2);
  });

  test("reads sizes at run time: sums, products and constants of symbols", () => {
    const graph = new Graph();
    graph.input("x", "float32", ["b", "t"]);
    graph.output("sizes", graph.shapeTensor(["2*b*t+b+-1", 7, "t"]));
    const x = { type: "float32" as const, dims: [3, 4], data: new Float32Array(12) };
    expect(evaluate(graph, { x })["sizes"]!.data).toEqual(BigInt64Array.of(26n, 7n, 4n));
  });

  test("names a size that no input has", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [1]);
    expect(() => expand(x, ["q"])).toThrow('The size "q" is in no input\'s shape');
  });

  test("adds no node for what changes nothing", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", ["b", 4]);
    expect(reshape(x, [-1, 4])).toBe(x);
    expect(expand(x, ["b", 4])).toBe(x);
    expect(reduceSum(x, [])).toBe(x);
    expect(graph.nodes).toHaveLength(0);
  });
});

describe("the reference evaluator", () => {
  test("refuses a missing feed, an index out of range, an unknown operator and a wrong shape", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", ["n"]);
    graph.output("y", graph.node("Exp", [x], [{ type: "float32", shape: [2] }])[0]!);
    expect(() => evaluate(graph, {})).toThrow('The input "x" is not fed.');
    const feed = (n: number) => ({ x: { type: "float32" as const, dims: [n], data: new Float32Array(n) } });
    expect(evaluate(graph, feed(2))["y"]!.data).toEqual(Float32Array.of(1, 1));
    expect(() => evaluate(graph, feed(3))).toThrow(/is float32\[2\], but its value is float32\[3\]/);
    graph.output("z", graph.node("Erf", [x], [{ type: "float32", shape: ["n"] }])[0]!);
    expect(() => evaluate(graph, feed(2))).toThrow(new GraphError("Erf has no plain definition."));
  });

  test("rounds in float64 what ONNX Runtime rounds in float32", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [3]);
    graph.output("sum", reduceSum(x));
    graph.output("norm", rmsNorm(x, graph.constant([1, 1, 1]), 0));
    const data = Float32Array.of(2 ** 24, 1, 1);
    const results = evaluate(graph, { x: { type: "float32", dims: [3], data } });
    expect(results["sum"]!.data[0]).toBe(2 ** 24 + 2);
    expect(results["norm"]!.data[0]).toBeCloseTo(Math.sqrt(3), 6);
  });
});
