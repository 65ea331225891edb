import { afterAll, describe, expect, test } from "vitest";
import { Engine, Graph, add, evaluate, gradients, max, min, mul, reduceMax, reduceSum } from "../index.js";
import { VALUE_CASES } from "./cases.test-helper.js";
import { checkRandomly, expectClose } from "./check.test-helper.js";

const engine = new Engine({ threads: 1 });
afterAll(() => engine.dispose());

describe("ONNX Runtime and the reference agree on operators without a gradient", () => {
  test.each(Object.entries(VALUE_CASES))("%s", async (_, build) => {
    await checkRandomly(engine, build, { gradient: false });
  });
});

describe("gradients at ties", () => {
  /** Gradients of Σ weights · output on both evaluators. */
  async function both(
    build: (graph: Graph) => { loss: ReturnType<typeof reduceSum>; wrt: Graph["inputs"] },
    feeds: Record<string, readonly number[]>,
  ) {
    const graph = new Graph();
    const { loss, wrt } = build(graph);
    gradients(loss, wrt).forEach((value, i) => graph.output(wrt[i]!.name + "'", value));
    const tensors = Object.fromEntries(
      Object.entries(feeds).map(([name, data]) => [
        name,
        { type: "float32" as const, dims: [data.length], data: Float32Array.from(data) },
      ]),
    );
    const session = await engine.session(graph);
    const results = await session.run(tensors);
    await session.dispose();
    const plain = evaluate(graph, tensors);
    for (const [name, want] of Object.entries(plain)) expectClose(name, results[name]!, want);
    return Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, Array.from(data, Number)]),
    );
  }

  test("tied maxima of a reduction share the gradient evenly", async () => {
    const found = await both(
      (graph) => {
        const x = graph.input("x", "float32", ["n"]);
        return { loss: mul(reduceMax(x), 6), wrt: [x] };
      },
      { x: [1, 3, 3, -2, 3] },
    );
    expect(found).toEqual({ "x'": [0, 2, 2, 0, 2] });
  });

  test("on ties of min and max the first operand takes the gradient", async () => {
    const found = await both(
      (graph) => {
        const [a, b] = [graph.input("a", "float32", ["n"]), graph.input("b", "float32", ["n"])];
        const high = reduceSum(mul(max(a, b), 3));
        return { loss: add(high, reduceSum(mul(min(a, b), 5))), wrt: [a, b] };
      },
      { a: [0.5, 0, 1], b: [0.5, 1, 0.25] },
    );
    expect(found).toEqual({ "a'": [8, 5, 3], "b'": [0, 3, 5] });
  });
});
