import { afterAll, describe, expect, test } from "vitest";
import { GraphError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import {
  Engine,
  Graph,
  add,
  evaluate,
  gradients,
  matMul,
  mul,
  recomputed,
  reduceSum,
  rmsNorm,
  silu,
  tanh,
  zeroAfter,
  type Tensor,
  type Value,
} from "./index.js";
import { expectClose } from "./operators/check.test-helper.js";

const engine = new Engine({ threads: 1 });
afterAll(() => engine.dispose());

const stream = randomStream(4, "recomputed");
const normal = (...dims: readonly number[]): Tensor => {
  const length = dims.reduce((product, dim) => product * dim, 1);
  return { type: "float32", dims, data: Float32Array.from({ length }, () => stream.normal()) };
};
const feeds = { x: normal(3, 5), norm: normal(5), w0: normal(5, 5), w1: normal(5, 5) };

/** Two layers with residuals that share a norm, and the gradients of x, the norm and both weights. */
function layers(part: (x: Value, build: (x: Value) => Value) => Value): Graph {
  const graph = new Graph();
  const x = graph.input("x", "float32", ["n", 5]);
  const norm = graph.input("norm", "float32", [5]);
  const weights = [0, 1].map((i) => graph.input(`w${i}`, "float32", [5, 5]));
  let h = x;
  for (const w of weights) {
    h = part(h, (at) => {
      const y = silu(matMul(rmsNorm(at, norm, 1e-5), w, { transB: true }));
      return add(at, mul(y, tanh(y)));
    });
  }
  const parts = gradients(reduceSum(mul(h, h)), [x, norm, ...weights]);
  graph.output("y", h);
  parts.forEach((value, i) => graph.output(`gradient.${i}`, value));
  return graph;
}

describe("recomputed parts", () => {
  const plain = layers((x, build) => build(x));
  const frugal = layers(recomputed);

  test("have the values and the gradients of what is held", async () => {
    const expected = evaluate(plain, feeds);
    const session = await engine.session(frugal);
    const [slow, fast] = [evaluate(frugal, feeds), await session.run(feeds)];
    for (const [name, tensor] of Object.entries(expected)) {
      expectClose(name, slow[name]!, tensor);
      expectClose(name, fast[name]!, tensor);
    }
    await session.dispose();
  });

  test("leave nothing but their x to the backward pass", () => {
    const forward = frugal.nodes.findIndex(({ op }) => op === "ReduceSum");
    const made = new Set(
      frugal.nodes.slice(0, forward).flatMap(({ outputs }) => outputs.map(({ name }) => name)),
    );
    const read = frugal.nodes
      .slice(forward + 1)
      .filter(({ op }) => op !== "Identity")
      .flatMap(({ inputs }) => inputs.filter(({ name, type }) => type === "float32" && made.has(name)));
    // What the second layer was given, and what the loss is made of.
    expect(new Set(read.map(({ name }) => name)).size).toBe(2);
  });

  test("have their parameters' gradients before the backward pass goes on to what is below", () => {
    const maker = new Map(frugal.nodes.flatMap((node) => node.outputs.map(({ name }) => [name, node])));
    const sources = new Set<string>();
    const below = (name: string): void => {
      if (sources.has(name)) return;
      sources.add(name);
      for (const input of maker.get(name)?.inputs ?? []) below(input.name);
    };
    below("gradient.0");
    const ofSecond = maker.get("gradient.3")!.inputs[0]!.name;
    expect(sources.has(ofSecond)).toBe(true);
  });

  test("are nothing where nothing is built", () => {
    const graph = new Graph();
    expect(() => recomputed(graph.input("x", "float32", [2]), (x) => x)).toThrow(GraphError);
  });
});

test("a zero after a value is one, whatever the value is", async () => {
  const graph = new Graph();
  graph.output("zero", zeroAfter(graph.input("x", "float32", ["n", 2])));
  const session = await engine.session(graph);
  for (const value of [3, NaN, Infinity]) {
    const x: Tensor = { type: "float32", dims: [1, 2], data: Float32Array.of(value, 1) };
    expect((await session.run({ x }))["zero"]!.data).toEqual(BigInt64Array.of(0n));
  }
  await session.dispose();
});
