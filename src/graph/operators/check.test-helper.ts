import fc from "fast-check";
import { expect } from "vitest";
import { randomStream, type RandomStream } from "../../core/random.js";
import {
  Graph,
  add,
  evaluateInDoubles,
  gradients,
  mul,
  reduceSum,
  type Dim,
  type DoubleTensor,
  type Engine,
  type Shape,
  type Tensor,
  type Value,
} from "../index.js";

/**
 * ONNX Runtime against the float64 reference: |difference| ≤ FLOAT32_TOLERANCE · (1 + largest expected value).
 * Sums of a few dozen float32 terms stay well within it; a wrong formula does not.
 */
const FLOAT32_TOLERANCE = 3e-5;
/** Gradients of the reference against central differences, both in float64, relative in the same manner. */
const DIFFERENCE_TOLERANCE = 1e-6;
const STEP = 1e-5;

/** One axis of a drawn shape: its dimension in the graph and its size at run time. */
export interface Axis {
  readonly dim: Dim;
  readonly size: number;
}

export interface FloatOptions {
  readonly low?: number;
  readonly high?: number;
  /** No two values are closer than 2⁻⁷, and none of one phase equals one of another: for maxima without ties. */
  readonly phase?: 0 | 1;
  /** Whether gradients are taken with respect to it. Default true. */
  readonly differentiate?: boolean;
}

/** A random graph under construction: draws shapes and values, and keeps the feeds. Shrinks, through fast-check. */
export class Draw {
  readonly graph = new Graph();
  readonly feeds: Record<string, Tensor> = {};
  readonly differentiable: Value[] = [];
  private readonly random: RandomStream;
  private readonly symbols: readonly Axis[];

  constructor(private readonly generate: fc.GeneratorValue) {
    this.random = randomStream(this.integer(0, 1_000_000), "graph-test-values");
    this.symbols = ["b", "k", "t"].map((dim) => ({ dim, size: this.integer(1, 4) }));
  }

  integer(min: number, max: number): number {
    return this.generate(fc.integer, { min, max });
  }

  flag(): boolean {
    return this.generate(fc.boolean);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)]!;
  }

  /** A fixed or a symbolic axis. */
  axis(min = 1, max = 4): Axis {
    const size = this.integer(min, max);
    return this.flag()
      ? { dim: size, size }
      : this.pick(this.symbols.filter((axis) => axis.size >= min).concat({ dim: size, size }));
  }

  axes(minRank: number, maxRank: number): Axis[] {
    return Array.from({ length: this.integer(minRank, maxRank) }, () => this.axis());
  }

  /** The axes with some set to 1 and some leading ones dropped: what broadcasts to them. */
  broadcastable(axes: readonly Axis[]): Axis[] {
    const kept = axes.slice(this.integer(0, axes.length));
    return kept.map((axis) => (this.integer(0, 2) === 0 ? { dim: 1, size: 1 } : axis));
  }

  floats(
    axes: readonly Axis[],
    { low = -2, high = 2, phase, differentiate = true }: FloatOptions = {},
  ): Value {
    const count = sizeOf(axes);
    const spread = this.random.shuffle(Array.from({ length: count }, (_, i) => i));
    const values = Float32Array.from({ length: count }, (_, i) =>
      phase === undefined
        ? Math.round((low + (high - low) * this.random.next()) * 1024) / 1024
        : (spread[i]! - Math.floor(count / 2)) / 64 + phase / 128,
    );
    const value = this.input("float32", axes, values);
    if (differentiate) this.differentiable.push(value);
    return value;
  }

  /** Integers of −127 … 127 whose last axis has 127 at the start of each `block`. */
  rounded(axes: readonly Axis[], block: number): Value {
    const width = axes.at(-1)!.size;
    const values = Float32Array.from({ length: sizeOf(axes) }, (_, i) =>
      (i % width) % block === 0 ? 127 : this.random.integer(255) - 127,
    );
    return this.input("float32", axes, values);
  }

  /** Random indices into [0, bound), or from the end where `negative`; they repeat. */
  indices(
    axes: readonly Axis[],
    bound: number,
    {
      type = "int64",
      negative = false,
    }: { readonly type?: "int64" | "int32"; readonly negative?: boolean } = {},
  ): Value {
    const draws = Array.from({ length: sizeOf(axes) }, () => {
      const index = this.random.integer(bound);
      return negative && this.random.integer(2) === 0 ? index - bound : index;
    });
    return this.input(
      type,
      axes,
      type === "int64" ? BigInt64Array.from(draws, BigInt) : Int32Array.from(draws),
    );
  }

  bools(axes: readonly Axis[]): Value {
    return this.input(
      "bool",
      axes,
      Uint8Array.from({ length: sizeOf(axes) }, () => this.random.integer(2)),
    );
  }

  input(type: Value["type"], axes: readonly Axis[], data: Tensor["data"]): Value {
    return this.feed(
      type,
      axes.map(({ dim }) => dim),
      axes.map(({ size }) => size),
      data,
    );
  }

  /** Random weights of a value's shape, whose run-time dimensions are known from a first run. */
  weights(shape: Shape, dims: readonly number[]): Value {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const values = Float32Array.from({ length: count }, () => Math.round(this.random.normal() * 256) / 256);
    return this.feed("float32", shape, dims, values);
  }

  private feed(type: Value["type"], shape: Shape, dims: readonly number[], data: Tensor["data"]): Value {
    const name = `input${this.graph.inputs.length}`;
    this.feeds[name] = { type, dims, data };
    return this.graph.input(name, type, shape);
  }
}

/** Builds a random graph and returns the values to check. */
export type Case = (draw: Draw) => Value | readonly Value[];

function sizeOf(axes: readonly Axis[]): number {
  return axes.reduce((product, { size }) => product * size, 1);
}

function doubles({ type, dims, data }: Tensor): DoubleTensor {
  return { type, dims, data: Float64Array.from(data as ArrayLike<number | bigint>, Number) };
}

/** Equal types, dimensions and values: exactly for integers and bool, within a tolerance for float32. */
export function expectClose(
  name: string,
  actual: Tensor | DoubleTensor,
  expected: Tensor | DoubleTensor,
  tolerance = FLOAT32_TOLERANCE,
): void {
  expect(actual.type, `type of ${name}`).toBe(expected.type);
  expect([...actual.dims], `dimensions of ${name}`).toEqual([...expected.dims]);
  const a = Array.from(actual.data as ArrayLike<number | bigint>, Number);
  const e = Array.from(expected.data as ArrayLike<number | bigint>, Number);
  expect(a.length, `length of ${name}`).toBe(e.length);
  const bound =
    expected.type === "float32" ? tolerance * (1 + e.reduce((most, x) => Math.max(most, Math.abs(x)), 0)) : 0;
  a.forEach((value, i) => {
    if (value !== e[i] && !(Math.abs(value - e[i]!) <= bound)) {
      expect.fail(`${name}[${i}] is ${value}, expected ${e[i]} within ${bound}`);
    }
  });
}

/** Elements of an input that finite differences are taken at, evenly spread: each takes two runs. */
const PROBES = 12;

/** Requires d loss / d input to equal central differences in float64 at up to `PROBES` of its elements. */
function expectDifferences(
  graph: Graph,
  feeds: Readonly<Record<string, DoubleTensor>>,
  name: string,
  gradient: DoubleTensor,
): void {
  const feed = feeds[name]!;
  const lossAt = (i: number, shift: number): number => {
    const data = feed.data.slice();
    data[i]! += shift;
    return evaluateInDoubles(graph, { ...feeds, [name]: { ...feed, data } })["loss"]!.data[0]!;
  };
  expect(gradient.dims).toEqual(feed.dims);
  const largest = gradient.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const stride = Math.max(1, feed.data.length / PROBES);
  for (let probe = 0; probe * stride < feed.data.length; probe++) {
    const i = Math.floor(probe * stride);
    const expected = (lossAt(i, STEP) - lossAt(i, -STEP)) / (2 * STEP);
    if (!(Math.abs(gradient.data[i]! - expected) <= DIFFERENCE_TOLERANCE * (1 + largest))) {
      expect.fail(`d loss / d ${name}[${i}] is ${gradient.data[i]}, by differences ${expected}`);
    }
  }
}

/** A view of a graph as it stands, with the loss as its only output. */
function lossOnly(graph: Graph): Graph {
  const outputs = graph.outputs.filter(({ name }) => name === "loss");
  return Object.assign(Object.create(Graph.prototype) as Graph, graph, { outputs, nodes: [...graph.nodes] });
}

/**
 * Values and gradients of a case on both evaluators: the gradients of a random weighting of all outputs are equal to
 * finite differences in the reference, and ONNX Runtime gives the reference's values and gradients.
 */
export async function checkCase(
  engine: Engine,
  draw: Draw,
  build: Case,
  { gradient = true } = {},
): Promise<void> {
  const { graph, feeds } = draw;
  const built = build(draw);
  const outputs = "graph" in built ? [built] : built;
  outputs.forEach((value, i) => graph.output(`value${i}`, value));
  const exact = (): Record<string, DoubleTensor> =>
    Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, doubles(feed)]));
  if (gradient) {
    const values = evaluateInDoubles(graph, exact());
    const losses = outputs
      .map((value, i) => [value, values[`value${i}`]!.dims] as const)
      .filter(([value]) => value.type === "float32")
      .map(([value, dims]) => reduceSum(mul(value, draw.weights(value.shape, dims))));
    const loss = graph.output(
      "loss",
      losses.reduce((total, next) => add(total, next)),
    );
    // The loss alone, before the gradients are built on it, is what the differences run.
    const lossGraph = lossOnly(graph);
    gradients(loss, draw.differentiable).forEach((value, i) => graph.output(`gradient${i}`, value));
    const found = evaluateInDoubles(graph, exact());
    draw.differentiable.forEach(({ name }, i) =>
      expectDifferences(lossGraph, exact(), name, found[`gradient${i}`]!),
    );
  }
  const reference = evaluateInDoubles(graph, exact());
  const session = await engine.session(graph);
  try {
    const results = await session.run(feeds);
    expect(Object.keys(results).sort()).toEqual(Object.keys(reference).sort());
    for (const [name, want] of Object.entries(reference)) expectClose(name, results[name]!, want);
  } finally {
    await session.dispose();
  }
}

/** Checks a case on random shapes and values; the seed is fixed, so a failure comes back. */
export async function checkRandomly(
  engine: Engine,
  build: Case,
  options: { readonly gradient?: boolean; readonly runs?: number } = {},
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.gen(), (generate) => checkCase(engine, new Draw(generate), build, options)),
    { numRuns: options.runs ?? 10, seed: 2412 },
  );
}

/** The operators in graphs that a case builds, without running them. */
export function operatorsOf(build: Case): Set<string> {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.gen(), (generate) => {
      const draw = new Draw(generate);
      build(draw);
      for (const node of draw.graph.nodes) seen.add(node.op);
    }),
    { numRuns: 30, seed: 2412 },
  );
  return seen;
}
