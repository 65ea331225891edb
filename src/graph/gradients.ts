import { GraphError } from "../core/errors.js";
import { multiplyDims, sameShape, type Shape } from "./dim.js";
import { batchedIndices, gatherGradient, padBack } from "./gradients-indexing.js";
import type { GraphNode, Value } from "./graph.js";
import {
  add,
  cast,
  div,
  equal,
  exp,
  lessOrEqual,
  log,
  mul,
  neg,
  pow,
  sigmoid,
  sub,
  tanh,
  where,
} from "./operators/elementwise.js";
import { gatherElements, scatterElementsAdd, scatterNDAdd } from "./operators/gather.js";
import { matMul } from "./operators/linear.js";
import { cumSum, reduceMean, reduceSum } from "./operators/reduce.js";
import { concat, expand, full, reshape, split, transpose } from "./operators/shape.js";
import { rotaryEmbedding } from "./operators/normalize.js";

/**
 * A vector-Jacobian product: from the gradients of a node's outputs to those of its inputs.
 * `gradients[i]` is undefined where output i does not reach the loss; a rule may return fewer entries than inputs.
 */
type Rule = (
  node: GraphNode,
  gradients: readonly (Value | undefined)[],
  needs: (input: number) => boolean,
) => readonly (Value | undefined)[];

const int = (node: GraphNode, name: string): number => {
  const attribute = node.attributes[name];
  return attribute?.kind === "int" || attribute?.kind === "float" ? attribute.value : 0;
};

/** Sums a gradient over the axes along which its value was broadcast. */
function unbroadcast(gradient: Value, shape: Shape): Value {
  if (sameShape(gradient.shape, shape)) return gradient;
  const extra = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((dim, i) =>
    i < extra || (shape[i - extra] === 1 && dim !== 1) ? [i] : [],
  );
  return reshape(axes.length > 0 ? reduceSum(gradient, axes) : gradient, shape);
}

/** A reduced gradient put back under the shape of what was reduced, by size-1 axes. */
function keepAxes(node: GraphNode, gradient: Value, axes: readonly number[]): Value {
  const input = node.inputs[0]!;
  return reshape(
    gradient,
    input.shape.map((dim, i) => (axes.includes(i) ? 1 : dim)),
  );
}

function reducedAxes(node: GraphNode): readonly number[] {
  const attribute = node.attributes["axes"];
  if (attribute?.kind === "ints") return attribute.value;
  return Array.from(constantIntegers(node.inputs[1]!), Number);
}

/** The values of a small integer constant. */
function constantIntegers(value: Value): BigInt64Array {
  return value.graph.initializers.find((each) => each.value === value)!.data as BigInt64Array;
}

/** The number of elements of a shape as a float32 scalar, read at run time where it is symbolic. */
function countOf(like: Value, shape: Shape): Value {
  const size = multiplyDims(...shape);
  if (typeof size === "number") return like.graph.constant(size);
  return reshape(cast(like.graph.sizeTensor(size), "float32"), []);
}

function matMulRule(
  node: GraphNode,
  [g]: readonly (Value | undefined)[],
  needs: (i: number) => boolean,
): (Value | undefined)[] {
  const [a, b] = node.inputs as [Value, Value];
  const transA = int(node, "transA") === 1;
  const transB = int(node, "transB") === 1;
  const alpha = node.op === "MatMul" ? 1 : int(node, "alpha");
  const dA = (): Value =>
    transA
      ? matMul(b, g!, { transA: transB, transB: true, alpha })
      : matMul(g!, b, { transB: !transB, alpha });
  const dB = (): Value => {
    if (b.shape.length === 2 && a.shape.length > 2 && !transA) {
      // One tall product in place of a batch of small ones that would have to be summed.
      const flatA = reshape(a, [-1, a.shape.at(-1)!]);
      const flatG = reshape(g!, [-1, g!.shape.at(-1)!]);
      return transB
        ? matMul(flatG, flatA, { transA: true, alpha })
        : matMul(flatA, flatG, { transA: true, alpha });
    }
    return transB
      ? matMul(g!, a, { transA: true, transB: transA, alpha })
      : matMul(a, g!, { transA: !transA, alpha });
  };
  return [
    needs(0) ? unbroadcast(dA(), a.shape) : undefined,
    needs(1) ? unbroadcast(dB(), b.shape) : undefined,
  ];
}

/** d/dx of x̂·s with x̂ = x·inv: inv·(g·s − x̂·mean(g·s·x̂)), and for layer norm also − mean(g·s). */
function normRule(
  node: GraphNode,
  [g, ...statistics]: readonly (Value | undefined)[],
  needs: (i: number) => boolean,
): (Value | undefined)[] {
  if (statistics.some((gradient) => gradient !== undefined)) {
    throw new GraphError(
      `The gradient of ${node.op} has no gradient itself, and the loss depends on it ("${node.outputs[0]!.name}").`,
    );
  }
  const [x, scale] = node.inputs as [Value, Value];
  const centred = node.op === "LayerNormalization";
  const inverse = centred ? node.outputs[2]! : node.outputs[1]!;
  const normal = mul(centred ? sub(x, node.outputs[1]!) : x, inverse);
  const scaled = mul(g!, scale);
  const along = mul(normal, reduceMean(mul(scaled, normal), [-1], { keepDims: true }));
  const inner = sub(centred ? sub(scaled, reduceMean(scaled, [-1], { keepDims: true })) : scaled, along);
  const leading = x.shape.slice(0, -1).map((_, i) => i);
  return [
    needs(0) ? mul(inner, inverse) : undefined,
    needs(1) ? reduceSum(mul(g!, normal), leading) : undefined,
    centred && needs(2) ? reduceSum(g!, leading) : undefined,
  ];
}

/** d/dx of GELU's tanh form: (1 + t)/2 + x/2 · (1 − t²) · u′ with t = tanh u, u = √(2/π)(x + 0.044715 x³). */
function geluTanhSlope(x: Value): Value {
  const rate = Math.sqrt(2 / Math.PI);
  const square = mul(x, x);
  const t = tanh(mul(x, add(mul(square, rate * 0.044715), rate)));
  const inner = add(mul(square, rate * 3 * 0.044715), rate);
  return mul(0.5, add(add(t, 1), mul(mul(x, sub(1, mul(t, t))), inner)));
}

/** The rules, one operator a line. Operators without a line have no gradient. */
export const RULES: Readonly<Record<string, Rule>> = {
  Add: ({ inputs: [a, b] }, [g]) => [unbroadcast(g!, a!.shape), unbroadcast(g!, b!.shape)],
  Sub: ({ inputs: [a, b] }, [g]) => [unbroadcast(g!, a!.shape), unbroadcast(neg(g!), b!.shape)],
  Mul: ({ inputs: [a, b] }, [g], needs) => [
    needs(0) ? unbroadcast(mul(g!, b!), a!.shape) : undefined,
    needs(1) ? unbroadcast(mul(g!, a!), b!.shape) : undefined,
  ],
  Div: ({ inputs: [a, b], outputs: [y] }, [g], needs) => [
    needs(0) ? unbroadcast(div(g!, b!), a!.shape) : undefined,
    needs(1) ? unbroadcast(neg(div(mul(g!, y!), b!)), b!.shape) : undefined,
  ],
  Pow: ({ inputs: [a, b], outputs: [y] }, [g], needs) => [
    needs(0) ? unbroadcast(mul(g!, mul(b!, pow(a!, sub(b!, 1)))), a!.shape) : undefined,
    needs(1) ? unbroadcast(mul(g!, mul(y!, log(a!))), b!.shape) : undefined,
  ],
  Min: ({ inputs: [a, b] }, [g]) => [
    unbroadcast(mul(g!, cast(lessOrEqual(a!, b!), "float32")), a!.shape),
    unbroadcast(mul(g!, sub(1, cast(lessOrEqual(a!, b!), "float32"))), b!.shape),
  ],
  Max: ({ inputs: [a, b] }, [g]) => [
    unbroadcast(mul(g!, cast(lessOrEqual(b!, a!), "float32")), a!.shape),
    unbroadcast(mul(g!, sub(1, cast(lessOrEqual(b!, a!), "float32"))), b!.shape),
  ],
  Neg: (_, [g]) => [neg(g!)],
  Exp: ({ outputs: [y] }, [g]) => [mul(g!, y!)],
  Log: ({ inputs: [x] }, [g]) => [div(g!, x!)],
  Sqrt: ({ outputs: [y] }, [g]) => [div(mul(g!, 0.5), y!)],
  Sigmoid: ({ outputs: [y] }, [g]) => [mul(g!, mul(y!, sub(1, y!)))],
  Tanh: ({ outputs: [y] }, [g]) => [mul(g!, sub(1, mul(y!, y!)))],
  QuickGelu: ({ inputs: [x], outputs: [y] }, [g]) => {
    const s = sigmoid(x!);
    return [mul(g!, add(s, mul(y!, sub(1, s))))];
  },
  FastGelu: ({ inputs: [x] }, [g]) => [mul(g!, geluTanhSlope(x!))],
  Identity: (_, [g]) => [g],
  Where: ({ inputs: [condition, a, b] }, [g], needs) => [
    undefined,
    needs(1) ? unbroadcast(where(condition!, g!, 0), a!.shape) : undefined,
    needs(2) ? unbroadcast(where(condition!, 0, g!), b!.shape) : undefined,
  ],
  MatMul: matMulRule,
  FusedMatMul: matMulRule,
  Softmax: ({ outputs: [y] }, [g]) => {
    const weighted = mul(g!, y!);
    return [sub(weighted, mul(y!, reduceSum(weighted, [-1], { keepDims: true })))];
  },
  LogSoftmax: ({ outputs: [y] }, [g]) => [sub(g!, mul(exp(y!), reduceSum(g!, [-1], { keepDims: true })))],
  ReduceSum: (node, [g]) => [expand(keepAxes(node, g!, reducedAxes(node)), node.inputs[0]!.shape)],
  ReduceMean: (node, [g]) => {
    const x = node.inputs[0]!;
    const axes = reducedAxes(node);
    const count = countOf(
      x,
      axes.map((axis) => x.shape[axis]!),
    );
    return [expand(keepAxes(node, div(g!, count), axes), x.shape)];
  },
  ReduceMax: (node, [g]) => {
    const axes = reducedAxes(node);
    const top = cast(equal(node.inputs[0]!, keepAxes(node, node.outputs[0]!, axes)), "float32");
    return [mul(top, div(keepAxes(node, g!, axes), reduceSum(top, axes, { keepDims: true })))];
  },
  CumSum: (node, [g]) => {
    const axis = Number(constantIntegers(node.inputs[1]!)[0]);
    return [cumSum(g!, axis, { reverse: int(node, "reverse") === 0 })];
  },
  Reshape: ({ inputs: [x] }, [g]) => [reshape(g!, x!.shape)],
  Transpose: (node, [g]) => {
    const perm = node.attributes["perm"] as { readonly value: readonly number[] };
    return [
      transpose(
        g!,
        perm.value.map((_, i) => perm.value.indexOf(i)),
      ),
    ];
  },
  Expand: ({ inputs: [x] }, [g]) => [unbroadcast(g!, x!.shape)],
  Concat: (node, [g]) =>
    split(
      g!,
      node.inputs.map((input) => input.shape[int(node, "axis")]!),
      int(node, "axis"),
    ),
  Split: (node, gradients) => {
    const some = gradients.find((g) => g !== undefined)!;
    return [
      concat(
        node.outputs.map((output, i) => gradients[i] ?? full(some, 0, output.shape)),
        int(node, "axis"),
      ),
    ];
  },
  Slice: (node, [g]) => {
    const [x, starts, , axes] = node.inputs as [Value, Value, Value, Value];
    const constant = (value: Value): number => Number(constantIntegers(value)[0]);
    return [padBack(x, g!, constant(axes), constant(starts))];
  },
  Gather: (node, [g]) => {
    const [x, indices] = node.inputs as [Value, Value];
    return [gatherGradient(x, indices, int(node, "axis"), g!)];
  },
  GatherElements: (node, [g]) => {
    const [x, indices] = node.inputs as [Value, Value];
    return [scatterElementsAdd(full(g!, 0, x.shape), indices, g!, int(node, "axis"))];
  },
  GatherND: (node, [g]) => {
    const [x, indices] = node.inputs as [Value, Value];
    return [scatterNDAdd(full(g!, 0, x.shape), batchedIndices(x, indices, int(node, "batch_dims")), g!)];
  },
  ScatterElements: (node, [g], needs) => [
    g,
    undefined,
    needs(2) ? gatherElements(g!, node.inputs[1]!, int(node, "axis")) : undefined,
  ],
  SimplifiedLayerNormalization: normRule,
  LayerNormalization: normRule,
  RotaryEmbedding: (node, [g]) => {
    const [, positions, cos, sin] = node.inputs as [Value, Value, Value, Value];
    const back = sin.graph.once(`negative:${sin.name}`, () => neg(sin));
    // 0: every head is rotated whole.
    return [rotaryEmbedding(g!, positions, cos, back, int(node, "num_heads") || undefined)];
  },
};
