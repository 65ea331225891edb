import { describe, expect, test } from "vitest";
import { GraphError } from "../../core/errors.js";
import {
  Graph,
  add,
  argMax,
  concat,
  cumSum,
  div,
  equal,
  exp,
  expand,
  gather,
  gatherElements,
  gatherND,
  layerNorm,
  lessOrEqual,
  logSoftmax,
  matMul,
  max,
  min,
  mul,
  pow,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  rmsNorm,
  rotaryEmbedding,
  scatterElementsAdd,
  scatterNDAdd,
  slice,
  softmax,
  split,
  sub,
  topK,
  transpose,
  where,
  type DataType,
  type Shape,
  type Value,
} from "../index.js";

const graph = new Graph();
let inputs = 0;
const input = (shape: Shape, type: DataType = "float32"): Value => graph.input(`x${inputs++}`, type, shape);
const ids = (...shape: Shape): Value => input(shape, "int64");
const m = input(["b", 3]);
const n = input(["t", 4]);
const cube = input(["b", "t", 6]);

/** What is built, and what the message has to name: the operator and both shapes (or the shape and the argument). */
const MISTAKES: readonly (readonly [build: () => unknown, ...named: string[]])[] = [
  ...[add, sub, mul, div, pow, min, max, lessOrEqual, equal].map(
    (operator, i) =>
      [
        () => operator(m, n),
        ["Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "LessOrEqual", "Equal"][i]!,
        "[b, 3]",
        "[t, 4]",
      ] as const,
  ),
  [() => add(m, ids("b", 3)), "Add", "float32[b, 3]", "int64[b, 3]"],
  [() => add(1, 2), "At least one operand"],
  [() => add(ids(2), 0.5), "0.5", "int64"],
  [() => exp(ids(2)), "Exp", "int64[2]"],
  [() => where(m, m, m), "Where", "float32"],
  [() => where(input(["b", 3], "bool"), m, n), "Where", "[b, 3]", "[t, 4]"],
  [() => where(input([1], "bool"), m, ids("b", 3)), "Where", "float32[b, 3]", "int64[b, 3]"],
  [() => matMul(m, n), "MatMul", "[b, 3]", "[t, 4]", "3 against t"],
  [() => matMul(m, n, { transB: true }), "MatMul", "[b, 3]", "[t, 4]", "transB true", "3 against 4"],
  [() => matMul(input(["b", 2, 3]), input(["k", 3, 2])), "MatMul", "[b]", "[k]"],
  [() => matMul(input([3]), m), "MatMul", "[3]", "[b, 3]"],
  [() => matMul(ids(2, 3), ids(3, 2)), "MatMul", "int64[2, 3]", "int64[3, 2]"],
  [() => reshape(m, [7, "b"]), "Reshape", "[b, 3]", "[7, b]"],
  [() => reshape(m, [2, -1]), "Reshape", "[b, 3]", "[2, -1]"],
  [() => reshape(m, [-1, -1]), "Reshape", "[b, 3]", "[-1, -1]"],
  [() => transpose(m, [0, 0]), "Transpose", "[0, 0]", "[b, 3]"],
  [() => transpose(m, [0]), "Transpose", "[0]", "[b, 3]"],
  [() => expand(m, ["b", 4]), "Expand", "[b, 3]", "[b, 4]"],
  [() => expand(m, [3]), "Expand", "[b, 3]", "[3]"],
  [() => concat([m, n], 1), "Concat", "[b, 3]", "[t, 4]", "axis 1"],
  [() => concat([m, ids("b", 3)], 1), "Concat", "float32[b, 3]", "int64[b, 3]"],
  [() => concat([], 0), "Concat"],
  [() => split(m, [1, 1], 1), "Split", "[1, 1]", "[b, 3]"],
  [() => slice(m, 1, 2, 5), "Slice", "2:5", "[b, 3]"],
  [() => slice(m, 1, 2, 2), "Slice", "2:2", "[b, 3]"],
  [() => slice(m, 1, -1, 2), "Slice", "-1:2", "[b, 3]"],
  ...[reduceSum, reduceMean, reduceMax].map(
    (operator, i) =>
      [() => operator(m, [2]), ["ReduceSum", "ReduceMean", "ReduceMax"][i]!, "axis 2", "[b, 3]"] as const,
  ),
  [() => reduceSum(m, [1, -1]), "ReduceSum", "repeat"],
  [() => cumSum(m, 2), "CumSum", "axis 2", "[b, 3]"],
  [() => softmax(input([])), "Softmax", "[]"],
  [() => logSoftmax(input([])), "LogSoftmax", "[]"],
  [() => argMax(input([])), "ArgMax", "[]"],
  [() => topK(m, 4), "TopK", "4", "[b, 3]"],
  [() => gather(m, m), "Gather", "float32"],
  [() => gather(m, ids("k"), 2), "Gather", "axis 2", "[b, 3]"],
  [() => gatherElements(m, ids("t", 1), 1), "GatherElements", "[t, 1]", "[b, 3]"],
  [() => gatherElements(m, ids("b"), 1), "GatherElements", "[b]", "[b, 3]"],
  [() => gatherND(m, ids("k", 3)), "GatherND", "[k, 3]", "[b, 3]"],
  [() => gatherND(m, ids("t", 1), 1), "GatherND", "[t, 1]", "[b, 3]"],
  [() => gatherND(m, input(["k", 1], "int32")), "GatherND", "int32"],
  [() => scatterElementsAdd(m, ids("b", 2), m, 1), "ScatterElements", "[b, 2]", "[b, 3]"],
  [() => scatterElementsAdd(m, ids("t", 3), input(["t", 3]), 1), "ScatterElements", "[t, 3]", "[b, 3]"],
  [() => scatterNDAdd(m, ids("k", 1), input(["k", 2])), "ScatterND", "[k, 2]", "[k, 3]", "[b, 3]"],
  [() => scatterNDAdd(m, ids("k", 3), input(["k"])), "ScatterND", "[k, 3]", "[b, 3]"],
  [() => rmsNorm(m, input([4]), 1e-5), "RMSNorm", "[4]", "[b, 3]"],
  [() => layerNorm(m, input([3]), input([4]), 1e-5), "LayerNormalization", "[4]", "[b, 3]"],
  [
    () => rotaryEmbedding(cube, ids("b", "t"), input([9, 2]), input([9, 2])),
    "RotaryEmbedding",
    "[b, t, 6]",
    "[9, 2]",
  ],
  [
    () => rotaryEmbedding(cube, ids("t"), input([9, 3]), input([9, 3])),
    "RotaryEmbedding",
    "[b, t, 6]",
    "[t]",
  ],
];

describe("a mistake is refused where it is built, by the operator and the shapes", () => {
  test.each(MISTAKES.map(([build, ...named]) => ({ named: named.join(" "), parts: named, build })))(
    "$named",
    ({ build, parts }) => {
      let error: unknown;
      try {
        build();
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(GraphError);
      for (const part of parts) expect((error as GraphError).message).toContain(part);
    },
  );
});
