/** What stays in the memory of a GPU: caches, parameters, gradients and moments. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.js";
import { encode, EXTERNAL_LIMIT } from "../../src/graph/encode.js";
import {
  DEVICES,
  Engine,
  Graph,
  quantizeMatrix,
  reduceSum,
  type DeviceName,
  type QuantizedMatrix,
  type ResidentBuffer,
  type Value,
} from "../../src/graph/index.js";
import { lower } from "../../src/graph/lower.js";
import { decodeGraph, prefixGraph, scoreGraph } from "../../src/transformer/decode/decode-graph.js";
import { ALL_LINEARS, newAdapter } from "../../src/transformer/decoder/lora.js";
import type { LoraAdapter } from "../../src/transformer/format/peft.js";
import { Runtime } from "../../src/transformer/runtime.js";
import {
  largestDifference,
  randomModel,
  randomWeights,
} from "../../src/transformer/tiny-models.test-helper.js";
import { loraTrainingGraph } from "../../src/transformer/train/training-graph.js";
import { Trainer, type TrainerOptions } from "../../src/transformer/train/trainer.js";
import { PAIR_WEIGHTS, PAIRS, freshAdapter } from "../support/training-example.js";
import { provideWebgpu } from "../support/webgpu.js";

const found = provideWebgpu();
if (!found) console.warn("No device for WebGPU on this machine: what stays in its memory is not tried.");

const model = await randomModel({ headDim: 32 });

describe.skipIf(!found)("buffers on a GPU", () => {
  let engine: Engine;
  beforeAll(() => {
    engine = new Engine({ device: "webgpu", threads: 1 });
  });
  afterAll(() => engine.dispose());

  const count = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => i + 1);
  const read = async (buffer: ResidentBuffer): Promise<number[]> => [
    ...((await buffer.read()) as Float32Array),
  ];

  test("begin as zeros, and are written and read whole and in parts", async () => {
    const buffer = await engine.buffer("float32", 12);
    expect(await read(buffer)).toEqual(Array.from({ length: 12 }, () => 0));
    await buffer.write(count(12));
    await buffer.write(Float32Array.of(-1, -2, -3), 5);
    expect(await read(buffer)).toEqual([1, 2, 3, 4, 5, -1, -2, -3, 9, 10, 11, 12]);
    expect(await buffer.read(4, 7)).toEqual(Float32Array.of(5, -1, -2));
    await buffer.free();
  });

  test.each([
    { dims: undefined, length: 4, from: [0, 8, 20], to: [16, -1, 4] },
    { dims: [2, 3, 4], length: 4, from: [0, 8, 20], to: [16, -1, 4] },
    { dims: [2, 3, 4], length: 12, from: [12], to: [0] },
    { dims: [2, 3, 4], length: 6, from: [6, 0], to: [0, 18] },
    { dims: [2, 3, 4], length: 3, from: [1, 7], to: [2, 11] },
  ])(
    "rows of $length are copied from $from to $to of $dims as in memory",
    async ({ dims, length, ...rows }) => {
      const copied = async (device: DeviceName): Promise<number[]> => {
        const on = device === "cpu" ? new Engine({ threads: 1 }) : engine;
        // A buffer has the dimensions that it was fed in.
        const graph = new Graph();
        graph.output("sum", reduceSum(graph.input("x", "float32", ["a", "b", "c"])));
        const sum = await on.session(graph);
        const [source, target] = [await on.buffer("float32", 24), await on.buffer("float32", 24)];
        await source.write(count(24));
        await target.write(count(24).map((x) => -x));
        if (dims) await sum.run({ x: { buffer: target, dims } });
        await source.copyTo(target, Int32Array.from(rows.from), Int32Array.from(rows.to), length);
        await target.copyTo(target, Int32Array.of(0), Int32Array.of(length), length);
        const result = await read(target);
        await Promise.all([source.free(), target.free(), sum.dispose()]);
        if (on !== engine) await on.dispose();
        return result;
      };
      expect(await copied("webgpu")).toEqual(await copied("cpu"));
    },
  );

  test("a row that is not within a buffer is refused", async () => {
    const [source, target] = [await engine.buffer("float32", 8), await engine.buffer("float32", 8)];
    await expect(source.copyTo(target, Int32Array.of(4), Int32Array.of(6), 4)).rejects.toThrow(
      "row 0 (4 elements from 4 to 6) is not within 8 and 8",
    );
  });
});

/**
 * What a run brings from the GPU's memory or takes there while it is under way, as ONNX Runtime's own plan of the
 * graph has them, which it writes down on request.
 * @param graph as the GPU gets it.
 */
async function crossing(graph: Graph, file: string): Promise<Value[]> {
  const { model: bytes, external } = encode(graph, EXTERNAL_LIMIT);
  const session = await ort.InferenceSession.create(bytes, {
    ...{ executionProviders: ["webgpu"], logSeverityLevel: 4, optimizedModelFilePath: file },
    externalData: external.map(({ value, data }) => ({
      path: value.name,
      data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    })),
  });
  await session.release();
  const planned = fromBinary(ModelProtoSchema, readFileSync(file)).graph!.node;
  const values = new Map(graph.nodes.flatMap(({ outputs }) => outputs.map((value) => [value.name, value])));
  return planned
    .filter(({ opType }) => opType.startsWith("Memcpy"))
    .map(({ input }) => values.get(input[0]!.replace(/_WebGpuExecutionProvider$/, ""))!);
}

test.skipIf(!found)(
  "no numbers of a model cross while a graph runs: places, tokens and masks alone",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "whetstone-plan-"));
    const { config, weights } = model;
    const options = { maxLength: 64 };
    const adapter = newAdapter(config, { rank: 4, targetModules: ALL_LINEARS }, randomStream(1, "adapter"));
    const narrowing = { topP: true, minP: true };
    const training = loraTrainingGraph(config, weights, adapter, { ...options, recompute: false }).graph;
    const lora = { ...options, loraModules: adapter.targetModules };
    const graphs: Readonly<Record<string, Graph>> = {
      step: decodeGraph(config, weights, options, true),
      "step of an adapter": decodeGraph(config, weights, lora, true),
      "step of all": decodeGraph(config, weights, { ...options, narrowing }, false),
      prompt: prefixGraph(config, weights, options),
      scores: scoreGraph(config, weights, options),
      training,
    };
    try {
      for (const [name, graph] of Object.entries(graphs)) {
        const values = await crossing(lower(graph, DEVICES.webgpu), join(folder, "plan.onnx"));
        expect(values.length, name).toBeGreaterThan(0);
        // Of floats the token of each row, which is one for as long as it is compared.
        for (const { name: value, type, shape } of values)
          if (type !== "int64" && type !== "bool")
            expect(
              shape.filter((dim) => typeof dim === "number" && dim > 1),
              `${name}: ${value} ${type}`,
            ).toEqual([]);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test.skipIf(!found)("weights in four bits are multiplied on the GPU as on the CPU", async () => {
  const weights = randomWeights(model.config, 1, 0.25);
  const quantized = new Map<string, QuantizedMatrix>();
  const rest = new Map(weights);
  for (const [name, { shape, data }] of weights) {
    if (!/_proj\.weight$/.test(name)) continue;
    quantized.set(name, quantizeMatrix(data, shape[0]!, shape[1]!, 4));
    rest.delete(name);
  }
  const scored = async (device: DeviceName): Promise<Float32Array> => {
    const runtime = new Runtime(
      { ...model, weights: rest, quantized },
      { device, threads: 1, maxLength: 64 },
    );
    const [score] = await runtime.score([{ prompt: [3, 1, 4], response: [1, 5, 9, 2, 6, 5] }]);
    await runtime.dispose();
    return score!.logProbs;
  };
  expect(quantized.size).toBe(14);
  const [wanted, had] = [await scored("cpu"), await scored("webgpu")];
  expect(largestDifference(had, wanted)).toBeLessThan(1e-4);
  expect(had).not.toEqual(wanted);
});

describe.skipIf(!found)("drawing on a GPU", () => {
  const tokens = 24;
  const options = { temperature: 1, maxTokens: tokens, seed: 1, rows: 16 };
  /** Prompts of two lengths, so that caches of prompts and of responses grow while responses are drawn. */
  const requests = Array.from({ length: 24 }, (_, index) => ({
    ...{ tag: index, promptKey: index % 3, index },
    prompt: Array.from({ length: index % 3 === 2 ? 20 : 5 }, (_, i) => (i * 7 + (index % 3)) % 32),
  }));

  async function drawn(device: DeviceName, adapter?: LoraAdapter) {
    const runtime = new Runtime(model, { device, threads: 1, maxLength: 64 });
    const feeds = adapter && (await runtime.adapter(adapter));
    const before = await runtime.engine.crossed();
    const draws: { readonly tag: number; readonly tokens: readonly number[]; readonly logProbs: number[] }[] =
      [];
    for await (const { tag, tokens: drawnTokens, logProbs } of runtime.draw(requests, options, feeds))
      draws.push({ tag, tokens: drawnTokens, logProbs: [...logProbs] });
    const after = await runtime.engine.crossed();
    await runtime.dispose();
    draws.sort((a, b) => a.tag - b.tag);
    return { draws, up: after.up - before.up, down: after.down - before.down, largest: after.largest };
  }

  test("no buffer of a cache crosses, and the tokens are the CPU's", async () => {
    const [wanted, had] = [await drawn("cpu"), await drawn("webgpu")];
    const total = had.draws.reduce((sum, draw) => sum + draw.tokens.length, 0);
    expect(total).toBeGreaterThan(400);
    // A uniform may lie so near to where one token's share ends that rounding decides; what follows is another response then.
    let near = 0;
    had.draws.forEach((draw, i) => {
      const other = wanted.draws[i]!;
      const end = draw.tokens.findIndex((token, t) => token !== other.tokens[t]);
      if (end >= 0) near++;
      for (const [t, logProb] of draw.logProbs.slice(0, end < 0 ? undefined : end).entries())
        expect(Math.abs(logProb - other.logProbs[t]!)).toBeLessThan(1e-4);
    });
    expect(near).toBeLessThanOrEqual(1);
    // A token, its log-probability and its certainty come out, of rows that are idle too, and of nothing else.
    const { layers, kvHeads, headDim } = model.config;
    const perToken = 3 * 4;
    expect(had.down % perToken).toBe(0);
    expect(had.down / perToken).toBeGreaterThanOrEqual(total);
    expect(had.down / perToken).toBeLessThan(2 * total);
    // One layer's keys of the 16 rows, at their shortest: more than the largest tensor that crossed at all.
    const keys = 16 * kvHeads * 16 * headDim * 4;
    expect(had.largest).toBeLessThan(keys);
    // What a step sends does not grow with the model: far less than its new keys and values alone would be.
    expect(had.up / total).toBeLessThan(2 * layers * kvHeads * headDim * 4);
    expect(wanted.up + wanted.down).toBe(0);
  });
});

describe.skipIf(!found)("training on a GPU", () => {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-device-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function opened(device: DeviceName, options: Partial<TrainerOptions> = {}) {
    const engine = new Engine({ threads: 1, device });
    const adapter = freshAdapter(model.config);
    const settings = { maxLength: 32, clipNorm: 1, weightDecay: 0.1, ...options };
    const trainer = await Trainer.lora(engine, model.config, model.weights, adapter, settings);
    return { engine, adapter, trainer };
  }
  const valuesOf = ({ weights: matrices }: LoraAdapter): Float32Array[] =>
    [...matrices.values()].flatMap(({ a, b }) => [a.slice(), b.slice()]);

  test("three steps leave the CPU's parameters, and none of them has crossed", async () => {
    const stepped = async (device: DeviceName) => {
      // One sequence a pass, so that gradients of several passes and calls are added.
      const { engine, adapter, trainer } = await opened(device, { maxTokensPerPass: 6 });
      const before = await engine.crossed();
      const norms: number[] = [];
      for (let step = 0; step < 3; step++) {
        await trainer.forwardBackward(PAIRS, PAIR_WEIGHTS);
        norms.push((await trainer.step(PAIRS, PAIR_WEIGHTS, 1e-2)).gradientNorm);
      }
      const after = await engine.crossed();
      const unsettled = valuesOf(adapter);
      await trainer.settle();
      const values = valuesOf(adapter);
      await engine.dispose();
      return {
        norms,
        values,
        unsettled,
        names: trainer.names,
        crossed: after.up + after.down - before.up - before.down,
      };
    };
    const [wanted, had] = [await stepped("cpu"), await stepped("webgpu")];
    had.norms.forEach((norm, i) => expect(Math.abs(norm / wanted.norms[i]! - 1)).toBeLessThan(1e-3));
    const start = valuesOf(freshAdapter(model.config));
    wanted.values.forEach((values, i) => {
      // Of what the steps changed.
      const moved = largestDifference(values, start[i]!);
      expect(moved, wanted.names[i]).toBeGreaterThan(1e-3);
      expect(largestDifference(had.values[i]!, values), wanted.names[i]).toBeLessThan(1e-3 * moved);
    });
    expect(had.unsettled).toEqual(start);
    const bytes = start.reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(had.crossed / 12).toBeLessThan(bytes / 8);
  });

  test("goes on from a checkpoint of its own, and from one of the CPU's", async () => {
    const continued = async (first: DeviceName, then: DeviceName): Promise<Float32Array[]> => {
      const path = join(folder, `${first}-${then}.safetensors`);
      const begun = await opened(first);
      await begun.trainer.step(PAIRS, PAIR_WEIGHTS, 1e-2);
      await begun.trainer.saveCheckpoint(path);
      await begun.engine.dispose();
      const { engine, adapter, trainer } = await opened(then);
      await trainer.loadCheckpoint(path);
      expect(trainer.steps).toBe(1);
      await trainer.step(PAIRS, PAIR_WEIGHTS, 1e-2);
      await trainer.settle();
      await engine.dispose();
      return valuesOf(adapter);
    };
    const wanted = await continued("cpu", "cpu");
    for (const first of ["webgpu", "cpu"] as const)
      (await continued(first, "webgpu")).forEach((values, i) =>
        expect(largestDifference(values, wanted[i]!)).toBeLessThan(1e-5),
      );
  });

  test("a step that diverges leaves the parameters as they were", async () => {
    const { engine, adapter, trainer } = await opened("webgpu");
    await expect(trainer.step(PAIRS, [Infinity, 1], 1e-2)).rejects.toThrow("Training diverged at step 1");
    await trainer.settle();
    expect(valuesOf(adapter)).toEqual(valuesOf(freshAdapter(model.config)));
    await expect(trainer.optimStep(1e-2)).rejects.toThrow("There is no gradient to step along");
    await engine.dispose();
  });
});
