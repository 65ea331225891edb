/** The engine against PyTorch: testdata/golden.json is written by scripts/golden/graph.py, which names the same cases. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  Engine,
  Graph,
  adamWState,
  adamWStep,
  add,
  clipGradientNorm,
  concat,
  cosineSchedule,
  cumSum,
  div,
  evaluate,
  exp,
  expand,
  gather,
  gatherElements,
  gatherND,
  geluTanh,
  gradients,
  layerNorm,
  linearSchedule,
  log,
  logSoftmax,
  matMul,
  max,
  min,
  mul,
  neg,
  pow,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  rmsNorm,
  rotaryEmbedding,
  scatterElementsAdd,
  scatterNDAdd,
  sigmoid,
  silu,
  slice,
  softmax,
  split,
  sqrt,
  sub,
  tanh,
  transpose,
  where,
  type DataType,
  type InitializerData,
  type Tensor,
  type Value,
} from "./index.js";
import { expectClose } from "./operators/check.test-helper.js";

interface Stored {
  readonly type: FedType;
  readonly dims: readonly number[];
  readonly data: readonly number[];
  readonly differentiate?: boolean;
}

interface Golden {
  readonly operators: Readonly<
    Record<string, { inputs: Stored[]; weights: Stored; output: Stored; gradients: Stored[] }>
  >;
  readonly adamW: readonly {
    readonly options: { lr: number; betas: [number, number]; eps: number; weight_decay: number };
    readonly start: Stored[];
    readonly steps: readonly {
      rate: number;
      gradients: Stored[];
      norm: number;
      clipped: Stored[];
      parameters: Stored[];
    }[];
  }[];
  readonly schedules: { readonly linear: number[]; readonly cosine: number[] };
}

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, "testdata", "golden.json"), "utf8"),
) as Golden;

type FedType = Exclude<DataType, "float16" | "bfloat16">;
const ARRAYS: Readonly<Record<FedType, (data: readonly number[]) => InitializerData>> = {
  float32: (data) => Float32Array.from(data),
  int32: (data) => Int32Array.from(data),
  int64: (data) => BigInt64Array.from(data, BigInt),
  bool: (data) => Uint8Array.from(data),
  uint8: (data) => Uint8Array.from(data),
  int8: (data) => Int8Array.from(data),
};
const tensorOf = ({ type, dims, data }: Stored): Tensor => ({ type, dims, data: ARRAYS[type](data) });

/** Position i sees 0 … i. */
function causalMask(graph: Graph, size: number): Value {
  const cells = Array.from({ length: size * size }, (_, i) => (i % size <= Math.floor(i / size) ? 0 : -1e9));
  return graph.constant(cells, [size, size]);
}

const BUILD: Readonly<Record<string, (a: Value, b: Value, c: Value, d: Value) => Value>> = {
  add,
  sub,
  mul,
  div,
  pow,
  square: (x) => pow(x, 2),
  min,
  max,
  neg,
  exp,
  log,
  sqrt,
  sigmoid,
  tanh,
  silu,
  geluTanh,
  where,
  reduceSum: (x) => reduceSum(x, [0, 2]),
  reduceMean: (x) => reduceMean(x, [-1], { keepDims: true }),
  "reduceMax with ties": (x) => reduceMax(x, [-1]),
  cumSum: (x) => cumSum(x, 1),
  softmax,
  logSoftmax,
  reshape: (x) => reshape(x, [3, 4]),
  transpose: (x) => transpose(x, [2, 0, 1]),
  expand: (x) => expand(x, [3, 2, 4]),
  concat: (a, b) => concat([a, b, a], 1),
  split: (x) => split(x, [1, 3, 2], 1)[1]!,
  slice: (x) => slice(x, 1, 1, 3),
  embedding: (x, ids) => gather(x, ids),
  gather: (x, indices) => gather(x, indices, 1),
  gatherElements: (x, indices) => gatherElements(x, indices, 1),
  gatherND: (x, indices) => gatherND(x, indices),
  scatterElementsAdd: (x, indices, updates) => scatterElementsAdd(x, indices, updates, 1),
  scatterNDAdd,
  matMul: (a, b) => matMul(a, b),
  "matMul of transposes": (a, b) => matMul(a, b, { transA: true, transB: true, alpha: 0.25 }),
  linear: (x, weight) => matMul(x, weight, { transB: true }),
  rmsNorm: (x, scale) => rmsNorm(x, scale, 1e-3),
  layerNorm: (x, scale, bias) => layerNorm(x, scale, bias, 1e-2),
  rotaryEmbedding,
  "rotaryEmbedding of a head's first part": (x, positions, cos, sin) =>
    rotaryEmbedding(x, positions, cos, sin, 2),
  "token log-probability": (logits, ids) =>
    reshape(gatherElements(logSoftmax(logits), reshape(ids, [-1, 1]), 1), [-1]),
  "causal attention": (q, k, v) => {
    const scores = matMul(q, k, { transB: true, alpha: 1 / Math.sqrt(3) });
    return matMul(softmax(add(scores, causalMask(q.graph, 4))), v);
  },
};

const engine = new Engine({ threads: 1 });
afterAll(() => engine.dispose());

describe("operators and gradients are PyTorch's", () => {
  test("every case of the golden file is built here", () => {
    expect(Object.keys(BUILD).sort()).toEqual(Object.keys(golden.operators).sort());
  });

  test.each(Object.entries(golden.operators))(
    "%s",
    async (name, { inputs, weights, output, gradients: wanted }) => {
      const graph = new Graph();
      const values = inputs.map(({ type, dims }, i) => graph.input(`x${i}`, type, dims));
      const result = graph.output("output", BUILD[name]!(...(values as [Value, Value, Value, Value])));
      const wrt = values.filter((_, i) => inputs[i]!.differentiate);
      const loss = reduceSum(mul(result, graph.input("w", "float32", weights.dims)));
      gradients(loss, wrt).forEach((gradient, i) => graph.output(`gradient${i}`, gradient));
      const feeds = {
        w: tensorOf(weights),
        ...Object.fromEntries(inputs.map((x, i) => [`x${i}`, tensorOf(x)])),
      };
      const session = await engine.session(graph);
      for (const found of [await session.run(feeds), evaluate(graph, feeds)]) {
        expectClose("output", found["output"]!, tensorOf(output), 1e-5);
        wanted.forEach((want, i) =>
          expectClose(`gradient${i}`, found[`gradient${i}`]!, tensorOf(want), 1e-5),
        );
        expect(Object.keys(found)).toHaveLength(1 + wanted.length);
      }
      await session.dispose();
    },
  );
});

const floats = (list: readonly Stored[]): Float32Array[] => list.map(({ data }) => Float32Array.from(data));

function expectAll(actual: readonly Float32Array[], expected: readonly Stored[]): void {
  actual.forEach((array, p) =>
    array.forEach((value, i) => expect(value).toBeCloseTo(expected[p]!.data[i]!, 6)),
  );
}

describe("AdamW, clipping and schedules are PyTorch's", () => {
  test.each(golden.adamW)("five steps with $options", ({ options, start, steps }) => {
    const parameters = floats(start);
    const state = adamWState(parameters);
    const [beta1, beta2] = options.betas;
    steps.forEach((step, i) => {
      const found = floats(step.gradients);
      expect(clipGradientNorm(found, 2)).toBeCloseTo(step.norm, 5);
      expectAll(found, step.clipped);
      const rate = options.lr * linearSchedule(i, steps.length);
      expect(rate).toBeCloseTo(step.rate, 12);
      adamWStep(parameters, found, state, rate, {
        beta1,
        beta2,
        epsilon: options.eps,
        weightDecay: options.weight_decay,
      });
      expectAll(parameters, step.parameters);
    });
    expect(state.step).toBe(5);
  });

  test("linear and cosine schedules", () => {
    golden.schedules.linear.forEach((factor, step) => expect(linearSchedule(step, 8)).toBeCloseTo(factor, 7));
    golden.schedules.cosine.forEach((factor, step) => expect(cosineSchedule(step, 8)).toBeCloseTo(factor, 7));
  });
});
