import { afterAll, describe, expect, test } from "vitest";
import { randomStream } from "../../core/random.js";
import {
  Engine,
  Graph,
  gather,
  gatherElements,
  gatherND,
  gradients,
  mul,
  reduceSum,
  reshape,
} from "../index.js";
import { GATHER_CASES } from "./cases.test-helper.js";
import { checkRandomly } from "./check.test-helper.js";

const engine = new Engine({ threads: 2 });
afterAll(() => engine.dispose());

describe("ONNX Runtime, the reference and finite differences agree", () => {
  test.each(Object.entries(GATHER_CASES))("%s", async (_, build) => {
    await checkRandomly(engine, build);
  });
});

/**
 * Exact resume of a training depends on this: sums over repeated indices are the same to the bit at every run, and are
 * those of a plain loop in float32. ONNX Runtime's ScatterND fails it: its threads lose each other's updates.
 */
describe("gradients of gathers add repeated indices in their order", () => {
  const [rows, width, count] = [8, 64, 6000];
  const random = randomStream(7, "repeated-indices");
  const picks = Array.from({ length: count }, () => random.integer(rows));
  const weights = Float32Array.from({ length: count * width }, () => random.normal());
  const byRow = new Float32Array(rows * width);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < width; j++) byRow[picks[i]! * width + j]! += weights[i * width + j]!;
  }
  const table = { type: "float32" as const, dims: [rows, width], data: new Float32Array(rows * width) };
  const ids = { type: "int64" as const, dims: [count], data: BigInt64Array.from(picks, BigInt) };
  const spread = {
    ...ids,
    dims: [count, width],
    data: BigInt64Array.from(weights, (_, i) => BigInt(picks[Math.floor(i / width)]!)),
  };

  test.each(["gather", "gatherND", "gatherElements"] as const)("%s", async (kind) => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [rows, width]);
    const indices = graph.input("ids", "int64", kind === "gatherElements" ? ["n", width] : ["n"]);
    const w = graph.input("w", "float32", ["n", width]);
    const taken =
      kind === "gather"
        ? gather(x, indices)
        : kind === "gatherND"
          ? gatherND(x, reshape(indices, ["n", 1]))
          : gatherElements(x, indices, 0);
    graph.output("gradient", gradients(reduceSum(mul(taken, w)), [x])[0]!);
    const session = await engine.session(graph);
    const feeds = {
      x: table,
      ids: kind === "gatherElements" ? spread : ids,
      w: { type: "float32" as const, dims: [count, width], data: weights },
    };
    for (let run = 0; run < 20; run++) {
      const { data } = (await session.run(feeds))["gradient"]!;
      expect(byRow.findIndex((sum, i) => sum !== data[i])).toBe(-1);
    }
    await session.dispose();
  });
});
