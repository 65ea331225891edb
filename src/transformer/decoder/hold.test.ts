import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import {
  Engine,
  Graph,
  quantizedProduct,
  split,
  stacked,
  type HeldQuantizedMatrix,
} from "../../graph/index.js";
import { randomStream } from "../../core/random.js";
import { blockModel, heldModel } from "../block-models.test-helper.js";
import { wholeGraph } from "../decode/whole-graph.js";
import { withSharedInput } from "../families/modules.js";
import type { Model } from "../model.js";
import { randomModel } from "../tiny-models.test-helper.js";

const cache = mkdtempSync(join(tmpdir(), "whetstone-hold-"));
const engine = new Engine({ threads: 1 });
let model: Model;
beforeAll(async () => {
  vi.stubEnv("XDG_CACHE_HOME", cache);
  const wide = { hiddenSize: 64, intermediateSize: 96, headDim: 16 };
  const { source, dequantized } = blockModel(await randomModel(wide, 7), cache);
  model = await heldModel(dequantized, source, "keep");
});
afterAll(async () => {
  await engine.dispose();
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

const matrixOf = (name: string): HeldQuantizedMatrix =>
  model.held!.quantized.get(name) as HeldQuantizedMatrix;
const SELF = "model.layers.1.self_attn";
const NAMES = ["q_proj", "k_proj", "v_proj"].map((kind) => `${SELF}.${kind}.weight`);

it("names those that meet the same input in groups", () => {
  const others = [
    `${SELF}.o_proj.weight`,
    "model.layers.1.mlp.gate_proj.weight",
    "model.layers.1.mlp.up_proj.weight",
  ];
  expect(withSharedInput([...NAMES, ...others, "model.layers.2.mlp.up_proj.weight"])).toEqual([
    NAMES,
    others.slice(0, 1),
    others.slice(1),
    ["model.layers.2.mlp.up_proj.weight"],
  ]);
});

it("lays matrices that meet the same input behind each other, so that they are one, with the same products", async () => {
  const matrices = NAMES.map(matrixOf);
  const both = stacked(matrices[0]!, matrices[1]!)!;
  const all = stacked(both, matrices[2]!)!;
  const sizes = matrices.map(({ rows }) => rows);
  expect(all.rows).toBe(sizes[0]! + sizes[1]! + sizes[2]!);
  // Not in another order, and not with a matrix that lies elsewhere, or that has another width.
  expect(stacked(matrices[1]!, matrices[0]!)).toBeUndefined();
  expect(stacked(matrices[0]!, matrices[2]!)).toBeUndefined();
  expect(stacked(all, matrixOf("model.layers.1.mlp.down_proj.weight"))).toBeUndefined();

  const graph = new Graph();
  const x = graph.input("x", "float32", ["r", 64]);
  split(quantizedProduct(x, "all", all), sizes, -1).forEach((y, i) => graph.output(`together.${i}`, y));
  NAMES.forEach((name, i) => graph.output(`alone.${i}`, quantizedProduct(x, name, matrices[i]!)));
  const session = await engine.session(graph);
  const stream = randomStream(3, "inputs");
  const data = Float32Array.from({ length: 5 * 64 }, () => stream.next() - 0.5);
  const y = await session.run({ x: { type: "float32", dims: [5, 64], data } });
  for (const i of NAMES.keys()) {
    expect(Math.max(...(y[`alone.${i}`]!.data as Float32Array).map(Math.abs))).toBeGreaterThan(1e-3);
    const off = (y[`together.${i}`]!.data as Float32Array).map(
      (value, at) => value - Number(y[`alone.${i}`]!.data[at]),
    );
    expect(Math.max(...off.map(Math.abs))).toBeLessThan(1e-6);
  }
  await session.dispose();
});

it("multiplies them as one in the graph that draws: four products a layer", () => {
  const { quantized, weights } = model.held!;
  const graph = wholeGraph(model.config, weights, { quantized, maxLength: 32 });
  const products = graph.nodes.filter(({ op }) => op === "MatMulNBits");
  // Two digits of four bits for each, and the head's.
  expect(products).toHaveLength(2 * (4 * model.config.layers + 1));
});
