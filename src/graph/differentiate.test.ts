import { afterAll, describe, expect, test } from "vitest";
import { randomStream } from "../core/random.js";
import {
  Engine,
  Graph,
  add,
  argMax,
  cast,
  equal,
  evaluate,
  exp,
  expand,
  gatherElements,
  gradients,
  layerNorm,
  logSoftmax,
  mul,
  neg,
  reduceSum,
  reshape,
  rmsNorm,
  rotaryEmbedding,
  scatterElementsAdd,
  silu,
  softmax,
  split,
  sub,
  tanh,
  withGradient,
  type Shape,
  type Tensor,
  type Value,
} from "./index.js";
import { expectClose } from "./operators/check.test-helper.js";

const engine = new Engine({ threads: 1 });
afterAll(() => engine.dispose());

const floats = (...data: readonly number[]): Tensor => ({
  type: "float32",
  dims: [data.length],
  data: Float32Array.from(data),
});

/** The gradients of a loss of one vector `x`, by the reference. */
function gradientAt(x: Tensor, build: (x: Value) => Value, shape: Shape = x.dims): number[] {
  const graph = new Graph();
  const input = graph.input("x", "float32", shape);
  graph.output("gradient", gradients(build(input), [input])[0]!);
  return Array.from(evaluate(graph, { x })["gradient"]!.data, Number);
}

describe("gradients", () => {
  test("add up over all paths from the loss", () => {
    // d/dx Σ (x² + 3x)·x = 3x² + 6x
    const found = gradientAt(floats(1, -2, 0.5), (x) => reduceSum(mul(add(mul(x, x), mul(x, 3)), x)));
    expect(found).toEqual([9, 0, 3.75]);
  });

  test("are zeros for what the loss does not depend on", async () => {
    const graph = new Graph();
    const [x, y] = [graph.input("x", "float32", ["n"]), graph.input("y", "float32", ["m", 2])];
    graph.output("loss", reduceSum(add(mul(x, 2), reduceSum(mul(y, 0)))));
    gradients(reduceSum(mul(x, 2)), [x, y]).forEach((value, i) => graph.output(`gradient${i}`, value));
    const session = await engine.session(graph);
    const feeds = { x: floats(1, 2), y: { ...floats(1, 2, 3, 4), dims: [2, 2] } };
    const results = await session.run(feeds);
    expect(results["gradient1"]).toEqual({ ...feeds.y, data: new Float32Array(4) });
    expect(results["gradient0"]).toEqual(floats(2, 2));
    await session.dispose();
  });

  test("of the loss itself is 1, and of an intermediate value is the rest of the chain", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", []);
    const middle = mul(x, x);
    const loss = exp(middle);
    gradients(loss, [loss, middle, x]).forEach((value, i) => graph.output(`gradient${i}`, value));
    const found = evaluate(graph, { x: { ...floats(0.5), dims: [] } });
    const values = [0, 1, 2].map((i) => Number(found[`gradient${i}`]!.data[0]));
    expect(values[0]).toBe(1);
    expect(values[1]).toBeCloseTo(Math.exp(0.25), 6);
    expect(values[2]).toBeCloseTo(Math.exp(0.25), 6);
  });

  test("of gradients are second derivatives", () => {
    // Σ x³ and its gradient's sum: 6x.
    const found = gradientAt(floats(1, -2, 0.5), (x) => {
      const loss = reduceSum(mul(mul(x, x), x));
      return reduceSum(gradients(loss, [x])[0]!);
    });
    expect(found).toEqual([6, -12, 3]);
    // d²/dx² of Σ w·tanh, silu and softmax against differences of the first derivative.
    const x = floats(0.3, -1.2, 0.8);
    for (const operator of [tanh, silu, softmax, logSoftmax]) {
      const first = (at: Value): Value =>
        reduceSum(
          mul(gradients(reduceSum(mul(operator(at), operator(at))), [at])[0]!, at.graph.constant([1, -2, 3])),
        );
      const second = gradientAt(x, first);
      const valueAt = (i: number, step: number): number => {
        const graph = new Graph();
        const input = graph.input("x", "float32", [3]);
        graph.output("first", first(input));
        const data = Float32Array.from(x.data as Float32Array);
        data[i]! += step;
        return Number(evaluate(graph, { x: { ...x, data } })["first"]!.data[0]);
      };
      second.forEach((value, i) =>
        expect(value).toBeCloseTo((valueAt(i, 2 ** -7) - valueAt(i, -(2 ** -7))) * 64, 2),
      );
    }
  });

  test("need a float32 scalar", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", ["n"]);
    expect(() => gradients(x, [x])).toThrow("gradients: the loss must be a float32 scalar, got float32[n].");
    expect(() => gradients(reduceSum(argMax(reshape(x, [1, "n"]))), [x])).toThrow("got int64[].");
  });

  test("that would be silently wrong are refused, naming the operator", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", ["b", "t", 4]);
    const scale = graph.input("scale", "float32", [4]);
    for (const norm of [rmsNorm(x, scale, 1e-3), layerNorm(x, scale, scale, 1e-3)]) {
      const first = gradients(reduceSum(mul(norm, norm)), [x])[0]!;
      expect(() => gradients(reduceSum(first), [x])).toThrow(/LayerNormalization has no gradient itself/);
    }
    const table = graph.input("table", "float32", [9, 2]);
    const turned = rotaryEmbedding(x, graph.input("positions", "int64", ["b", "t"]), table, table);
    expect(() => gradients(reduceSum(turned), [table])).toThrow(
      'RotaryEmbedding has no gradient for "table" (its input 2), and the loss depends on it.',
    );
  });

  test("stop at integers and comparisons", () => {
    const found = gradientAt(floats(1, 2, 3), (x) => {
      const mask = cast(equal(cast(x, "int64"), 2), "float32");
      return reduceSum(mul(mul(x, x), mask));
    });
    expect(found).toEqual([0, 4, 0]);
  });
});

describe("withGradient", () => {
  /** log softmax(logits)[id] per row; with its closed form onehot − softmax, or by the chain rule. */
  function tokenLogProb(logits: Value, ids: Value, closed: boolean): Value {
    const column = reshape(ids, [-1, 1]);
    const chosen = reshape(gatherElements(logSoftmax(logits), column, 1), [-1]);
    if (!closed) return chosen;
    return withGradient(chosen, [logits], (gradient) => {
      const rows = reshape(gradient, ["k", 1]);
      return [scatterElementsAdd(neg(mul(softmax(logits), rows)), column, rows, 1)];
    });
  }

  test("the closed form of a token's log-probability equals the chain rule, on both evaluators", async () => {
    const random = randomStream(3, "with-gradient");
    const [k, v] = [7, 11];
    const normals = (count: number): Float32Array =>
      Float32Array.from({ length: count }, () => random.normal());
    const feeds = {
      logits: { type: "float32" as const, dims: [k, v], data: normals(k * v) },
      weights: { type: "float32" as const, dims: [k], data: normals(k) },
      ids: {
        type: "int64" as const,
        dims: [k],
        data: BigInt64Array.from({ length: k }, () => BigInt(random.integer(v))),
      },
    };
    const run = async (closed: boolean): Promise<{ plain: Tensor; native: Tensor; nodes: number }> => {
      const graph = new Graph();
      const logits = graph.input("logits", "float32", ["k", v]);
      const scaled = mul(logits, 1.5);
      const logProbs = tokenLogProb(scaled, graph.input("ids", "int64", ["k"]), closed);
      const loss = reduceSum(mul(exp(logProbs), graph.input("weights", "float32", ["k"])));
      graph.output("gradient", gradients(loss, [logits])[0]!);
      const session = await engine.session(graph);
      const native = (await session.run(feeds))["gradient"]!;
      await session.dispose();
      return { plain: evaluate(graph, feeds)["gradient"]!, native, nodes: graph.nodes.length };
    };
    const [chain, closed] = [await run(false), await run(true)];
    expectClose("closed form", closed.plain, chain.plain, 1e-6);
    expectClose("closed form in ONNX Runtime", closed.native, chain.plain);
    const largest = (chain.plain.data as Float32Array).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    expect(largest).toBeGreaterThan(0.01);
  });

  test("goes through what has no gradient of its own (straight-through rounding)", () => {
    const found = gradientAt(floats(1.25, 0.75, 2.5), (x) => {
      const rounded = withGradient(cast(cast(x, "int64"), "float32"), [x], (gradient) => [gradient]);
      return reduceSum(mul(rounded, rounded));
    });
    expect(found).toEqual([2, 0, 4]);
  });

  test("replaces the rule for one output of a node, the others keep theirs", () => {
    const build = (x: Value): Value => {
      const [first, rest] = split(x, [1, "n+-1"], 0) as [Value, Value];
      withGradient(rest, [x], (gradient) => [
        mul(expand(reduceSum(gradient, [0], { keepDims: true }), ["n"]), 10),
      ]);
      return add(reduceSum(mul(first, 5)), reduceSum(rest));
    };
    expect(gradientAt(floats(1, 2, 3), build, ["n"])).toEqual([25, 20, 20]);
  });

  test("refuses a gradient of another shape, and a value that no node makes", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", ["n"]);
    const y = withGradient(mul(x, 2), [x], (gradient) => [reduceSum(gradient)]);
    expect(() => gradients(reduceSum(sub(y, 1)), [x])).toThrow(
      /custom gradient of "Mul_\d+" gives float32\[\] for "x", which is float32\[n\]/,
    );
    expect(() => withGradient(x, [x], (gradient) => [gradient])).toThrow('withGradient: "x" is float32');
  });
});
