import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DeviceError, UsageError } from "../core/errors.js";
import { DEVICES, deviceFault, deviceNamed, requireComputed, type DeviceName } from "./device.js";
import { byteMatrix } from "./byte-matrix.js";
import { lower } from "./lower.js";
import { byteProduct } from "./operators/byte-product.js";
import * as cases from "./operators/cases.test-helper.js";
import { Draw, expectClose } from "./operators/check.test-helper.js";
import {
  Graph,
  cast,
  evaluateInDoubles,
  gradients,
  logSoftmax,
  matMul,
  mul,
  quantizedProduct,
  reduceSum,
  rmsNorm,
  type FileData,
} from "./index.js";

const { VALUE_CASES: _, ...withGradients } = cases;
const builders = Object.values(withGradients).flatMap((table) => Object.entries(table));

describe("what a device lacks is said otherwise", () => {
  test.each(builders)("%s has the same values, and nothing that is lacking", (_name, build) => {
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const draw = new Draw(generate);
        const built = build(draw);
        ("graph" in built ? [built] : built).forEach((value, i) => draw.graph.output(`value${i}`, value));
        const lowered = lower(draw.graph, DEVICES.webgpu);
        const feeds = Object.fromEntries(
          Object.entries(draw.feeds).map(([name, { type, dims, data }]) => [
            name,
            { type, dims, data: Float64Array.from(data as ArrayLike<number | bigint>, Number) },
          ]),
        );
        const wanted = evaluateInDoubles(draw.graph, feeds);
        for (const [name, value] of Object.entries(evaluateInDoubles(lowered, feeds)))
          expectClose(name, value, wanted[name]!, 1e-9);
        expect(lowered.nodes.filter(({ op }) => ["FusedMatMul", "LogSoftmax"].includes(op))).toEqual([]);
      }),
      { numRuns: 5, seed: 2412 },
    );
  });

  test("a norm's gradients are those of the norm", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", ["n", 3]);
    const scale = graph.input("scale", "float32", [3]);
    const y = logSoftmax(matMul(rmsNorm(x, scale, 1e-3), x, { transB: true, alpha: 0.5 }));
    gradients(reduceSum(mul(y, y)), [x, scale]).forEach((value, i) => graph.output(`gradient${i}`, value));
    const lowered = lower(graph, DEVICES.webgpu);
    const feeds = {
      x: { type: "float32" as const, dims: [2, 3], data: Float64Array.of(0.5, -1, 2, 0.25, 3, -0.75) },
      scale: { type: "float32" as const, dims: [3], data: Float64Array.of(1, 0.5, -2) },
    };
    const wanted = evaluateInDoubles(graph, feeds);
    for (const [name, value] of Object.entries(evaluateInDoubles(lowered, feeds)))
      expectClose(name, value, wanted[name]!, 1e-9);
    expect(Object.keys(wanted)).toHaveLength(2);
  });

  test("the CPU's graphs stay the very same", () => {
    const graph = new Graph();
    graph.output("y", logSoftmax(graph.input("x", "float32", ["n", 3])));
    expect(lower(graph, DEVICES.cpu)).toBe(graph);
    expect(lower(graph, DEVICES.webgpu)).not.toBe(graph);
  });
});

test("bytes that are cast are floats beforehand on a device with memory of its own, those in files too", () => {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-steps-"));
  const bytes = (seed: number, length: number): Uint8Array =>
    Uint8Array.from({ length }, (_, i) => (i * 37 + seed) % 64);
  const [packed, steps] = [bytes(3, 3 * 128), bytes(5, 3 * 8)];
  const [scales, units] = [Float32Array.from(steps, (step) => step / 64), Float32Array.of(-0.5, 2, 0.25)];
  const file = join(folder, "weights");
  writeFileSync(file, Buffer.concat([Buffer.alloc(7), steps]));
  const inFile = { file, offset: 7, byteLength: 24, length: 24 };
  const productWith = (given: Uint8Array | FileData): Graph => {
    const graph = new Graph();
    const matrix = { bits: 4, rows: 3, columns: 256, packed, scales, steps: given, units } as const;
    graph.output("y", quantizedProduct(graph.input("x", "float32", ["n", 256]), "w", matrix));
    return graph;
  };
  const x = Float64Array.from({ length: 512 }, (_, i) => Math.sin(i));
  const feeds = { x: { type: "float32" as const, dims: [2, 256], data: x } };
  const wanted = evaluateInDoubles(productWith(steps), feeds)["y"]!;
  for (const given of [steps, inFile]) {
    const lowered = lower(productWith(given), DEVICES.webgpu);
    const constant = lowered.initializers.find(({ value }) => value.name === "w.steps")!;
    expect(constant.value.type).toBe("float32");
    expect(constant.data).toEqual(Float32Array.from(steps));
    expectClose("y", evaluateInDoubles(lowered, feeds)["y"]!, wanted, 1e-9);
  }
  rmSync(folder, { recursive: true });
});

describe("what a device would leave to the CPU is named before a graph is run", () => {
  const known = new Set(["Cast", "MatMul", "FusedMatMul"]);
  function graphWith(type: "bfloat16" | "float16"): Graph {
    const graph = new Graph();
    const half = graph.initializer("w.half", type, [2, 2], new Uint16Array(4));
    graph.output("y", matMul(graph.input("x", "float32", ["n", 2]), cast(half, "float32")));
    return graph;
  }

  test("constants of a type that it lacks", () => {
    const graph = graphWith("bfloat16");
    const refused = () => requireComputed(graph, DEVICES.webgpu, new Set([...known, "Identity"]));
    expect(refused).toThrow(DeviceError);
    expect(refused).toThrow(
      "The GPU does not compute with bfloat16, in which 1 constants are (w.half); compute on the CPU.",
    );
    requireComputed(graphWith("float16"), DEVICES.webgpu, new Set([...known, "Identity"]));
    requireComputed(graph, DEVICES.cpu, known);
  });

  test("operators that it has not, and that nobody has tried on it", () => {
    const bytes = new Graph();
    bytes.output(
      "y",
      byteProduct(bytes.input("x", "float32", ["n", 2]), "w", byteMatrix(Float32Array.of(1, 2), 1, 2)),
    );
    const all = new Set(bytes.nodes.map(({ op }) => op));
    requireComputed(bytes, DEVICES.cpu, all);
    expect(() => requireComputed(bytes, DEVICES.webgpu, all)).toThrow(
      "The GPU does not compute QuantizeLinear, MatMulIntegerToFloat, as this graph does; compute on the CPU.",
    );
    const graph = graphWith("float16");
    graph.node("NoSuchOperator", [graph.inputs[0]!], [{ type: "float32", shape: ["n", 2] }]);
    expect(() => requireComputed(graph, DEVICES.webgpu, new Set([...known, "Identity"]))).toThrow(
      "The GPU does not compute NoSuchOperator, as this graph does; compute on the CPU.",
    );
  });

  test("a constant matrix is turned beforehand, once for all graphs", () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    const turned = (): Float32Array => {
      const graph = new Graph();
      const w = graph.initializer("w", "float32", [2, 3], data);
      graph.output("y", matMul(graph.input("x", "float32", ["n", 3]), w, { transB: true }));
      const lowered = lower(graph, DEVICES.webgpu);
      expect(lowered.nodes.map(({ op }) => op)).toEqual(["MatMul", "Identity"]);
      return lowered.initializers.find(({ value }) => value.name === "w.exchanged")!.data as Float32Array;
    };
    const first = turned();
    expect(first).toEqual(Float32Array.of(1, 4, 2, 5, 3, 6));
    expect(turned()).toBe(first);
  });
});

describe("errors of a GPU in people's words", () => {
  test.each([
    ["webgpu_context.cc:136 Failed to get a WebGPU adapter: No supported adapters", "no-adapter"],
    ["Device is lost", "device-lost"],
    ["WebGPU device lost (2): A valid external Instance reference no longer exists.", "device-lost"],
    ["Failed to create a buffer: Out of memory", "device-memory"],
    ["Program Expand requires f16 but the device does not support it.", "device-half"],
  ])("%s", (message, reason) => {
    const error = deviceFault(DEVICES.webgpu, message);
    expect(error).toBeInstanceOf(DeviceError);
    expect(error!.reason).toBe(reason);
    expect(error!.message).toMatch(/GPU.*; .*\.$/);
    expect(deviceFault(DEVICES.cpu, message)).toBeUndefined();
  });

  test("what is none of these is told as it is", () => {
    expect(deviceFault(DEVICES.webgpu, "Gather: index 3 is out of bounds")).toBeUndefined();
  });

  test("an unknown device is refused by its name", () => {
    expect(() => deviceNamed("abacus" as DeviceName)).toThrow(UsageError);
    expect(() => deviceNamed("toString" as DeviceName)).toThrow(/"toString".*cpu and webgpu/);
  });
});
