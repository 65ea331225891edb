import {
  QUANTIZED_BLOCK,
  add,
  argMax,
  cast,
  concat,
  cumSum,
  div,
  equal,
  exp,
  expand,
  full,
  gather,
  gatherElements,
  gatherND,
  geluTanh,
  layerNorm,
  lessOrEqual,
  log,
  logSoftmax,
  matMul,
  max,
  min,
  mul,
  neg,
  pow,
  byteMatrix,
  byteProduct,
  unsignedBytes,
  quantizeMatrix,
  type QuantizedMatrix,
  dequantizedProduct,
  quantizedProduct,
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
  topK,
  transpose,
  where,
  type Value,
} from "../index.js";
import type { Axis, Case, Draw, FloatOptions } from "./check.test-helper.js";

const fixed = (size: number): Axis => ({ dim: size, size });
const POSITIVE: FloatOptions = { low: 0.5, high: 2 };

/** Two operands that broadcast with each other; sometimes one is the very same value twice, or a number. */
function operands(draw: Draw, left: FloatOptions = {}, right: FloatOptions = left): [Value, Value | number] {
  const axes = draw.axes(0, 4);
  const a = draw.floats(draw.broadcastable(axes), left);
  const kind = draw.integer(0, 5);
  if (kind === 0) return [a, 1.5];
  if (kind === 1 && left.phase === undefined) return [a, a];
  return [a, draw.floats(draw.broadcastable(axes), right)];
}

const unary =
  (operator: (x: Value) => Value, options: FloatOptions = {}): Case =>
  (draw) =>
    operator(draw.floats(draw.axes(0, 4), options));

export const ELEMENTWISE_CASES: Readonly<Record<string, Case>> = {
  add: (draw) => add(...operands(draw)),
  sub: (draw) => sub(...operands(draw)),
  mul: (draw) => mul(...operands(draw)),
  div: (draw) => div(...operands(draw, {}, POSITIVE)),
  pow: (draw) => pow(...operands(draw, POSITIVE, {})),
  "pow of a negative base": (draw) => pow(draw.floats(draw.axes(0, 3)), draw.pick([2, 3])),
  min: (draw) => min(...operands(draw, { phase: 0 }, { phase: 1 })),
  max: (draw) => max(...operands(draw, { phase: 0 }, { phase: 1 })),
  neg: unary(neg),
  exp: unary(exp),
  log: unary(log, POSITIVE),
  sqrt: unary(sqrt, POSITIVE),
  sigmoid: unary(sigmoid),
  tanh: unary(tanh),
  silu: unary(silu),
  geluTanh: (draw) => geluTanh(draw.floats(draw.axes(1, 4))),
  where: (draw) => {
    const axes = draw.axes(0, 3);
    const [a, b] = [draw.floats(draw.broadcastable(axes)), draw.floats(draw.broadcastable(axes))];
    const condition = draw.bools(draw.broadcastable(axes));
    return [where(condition, a, b), where(condition, a, 0.5), where(condition, -1, b)];
  },
  "mask of a comparison": (draw) => {
    const x = draw.floats(draw.axes(0, 3), { phase: 1 });
    return mul(x, cast(lessOrEqual(x, 0), "float32"));
  },
  "output in the middle": (draw) => mul(draw.graph.output("middle", draw.floats(draw.axes(0, 2))), 3),
};

/** Integers of four bits, in one digit or two, whose offsets are steps of units: 256 columns. */
function stepped(draw: Draw, rows: number, digits: 1 | 2): QuantizedMatrix {
  const bytes = (count: number, most: number): Uint8Array =>
    Uint8Array.from({ length: count }, () => draw.integer(0, most));
  const floats = (count: number): Float32Array =>
    Float32Array.from({ length: count }, () => draw.integer(-9, 9) / 64);
  return {
    ...{ bits: 4, rows, columns: 256, packed: bytes(rows * 128, 255) },
    ...(digits === 2 && { low: bytes(rows * 128, 255) }),
    ...{ scales: floats(rows * 8), steps: bytes(rows * 8, 63), units: floats(rows) },
  };
}

/** Operators without a gradient: values only. */
export const VALUE_CASES: Readonly<Record<string, Case>> = {
  "max and min with ties": (draw) => {
    const axes = draw.axes(0, 3);
    const [a, b] = [draw.indices(axes, 2), draw.indices(axes, 2)].map((x) => cast(x, "float32")) as [
      Value,
      Value,
    ];
    return [max(a, b), min(a, b)];
  },
  "lessOrEqual and equal": (draw) => {
    const axes = draw.axes(0, 3);
    const [a, b] = [draw.indices(axes, 3), draw.indices(draw.broadcastable(axes), 3)];
    return [lessOrEqual(cast(a, "float32"), cast(b, "float32")), equal(a, b), lessOrEqual(a, 1)];
  },
  argMax: (draw) => argMax(cast(draw.indices([...draw.axes(0, 2), draw.axis()], 3), "float32")),
  topK: (draw) => {
    const axes = [...draw.axes(0, 2), draw.axis(2)];
    const found = [
      topK(cast(draw.indices(axes, 3), "float32"), draw.integer(1, 2)),
      topK(draw.floats(axes, { phase: 0 }), 2),
    ];
    return found.flatMap(({ values, indices }) => [values, indices]);
  },
  cast: (draw) => {
    const x = draw.floats(draw.axes(0, 3));
    return [cast(x, "int64"), cast(x, "int32"), cast(x, "bool"), cast(cast(x, "bool"), "float32")];
  },
  "integers add and multiply": (draw) => {
    const axes = draw.axes(0, 3);
    const [a, b] = [draw.indices(axes, 100), draw.indices(draw.broadcastable(axes), 100)];
    return [add(a, b), sub(a, b), mul(a, 3), neg(b), reduceSum(a)];
  },
  dequantizedProduct: (draw) => {
    const axes = [...draw.axes(1, 2), draw.axis()];
    const offset = [32, 64].map((columns) => {
      const rows = draw.integer(1, 9);
      const values = Float32Array.from({ length: rows * columns }, () => draw.integer(-99, 99) / 64);
      const x = draw.floats([...axes, { dim: columns, size: columns }]);
      // The second, of a few rows at a time.
      return dequantizedProduct(
        x,
        `w${columns}`,
        quantizeMatrix(values, rows, columns, 4),
        columns === 64 ? 200 : undefined,
      );
    });
    const x = draw.floats([...axes, { dim: 256, size: 256 }]);
    const steps = ([1, 2] as const).map((digits) =>
      dequantizedProduct(x, `s${digits}`, stepped(draw, draw.integer(1, 9), digits), digits * 256),
    );
    return [...offset, ...steps];
  },
  quantizedProduct: (draw) => {
    const axes = [...draw.axes(1, 2), draw.axis()];
    // The words of 1.5, −0.25, 2⁻²⁴ or (bfloat16) 1.5, −2.5 and 3 · 2⁻¹⁰.
    const words = { float16: [0x3e00, 0xb400, 1], bfloat16: [0x3fc0, 0xc020, 0x3b40] };
    const halves = (["float16", "bfloat16"] as const).map((half) => {
      const values = Uint16Array.from({ length: 15 }, () => draw.pick(words[half]));
      const x = draw.rounded([...axes, { dim: 5, size: 5 }], QUANTIZED_BLOCK);
      return quantizedProduct(x, half, { half, rows: 3, columns: 5, values });
    });
    const integers = ([8, 4] as const).flatMap((bits) =>
      [32, 64, 40].map((columns) => {
        const rows = draw.integer(1, 9);
        const values = Float32Array.from({ length: rows * columns }, () => draw.integer(-99, 99) / 64);
        // In each block the largest is 127, so that rounding to eight bits changes nothing.
        const x = draw.rounded([...axes, { dim: columns, size: columns }], QUANTIZED_BLOCK);
        return quantizedProduct(x, `w${bits}.${columns}`, quantizeMatrix(values, rows, columns, bits));
      }),
    );
    const x = draw.rounded([...axes, { dim: 256, size: 256 }], QUANTIZED_BLOCK);
    const steps = ([1, 2] as const).map((digits) =>
      quantizedProduct(x, `s${digits}`, stepped(draw, draw.integer(1, 9), digits)),
    );
    return [...halves, ...integers, ...steps];
  },
  byteProduct: (draw) => {
    const axes = [...draw.axes(1, 2), draw.axis()];
    // An odd number of columns stays unturned, and the largest of each row is 127, so that rounding changes nothing.
    return [5, 33].flatMap((columns) => {
      const rows = draw.integer(1, 9);
      const values = Float32Array.from({ length: rows * columns }, () => draw.integer(-99, 99) / 64);
      const x = draw.rounded([...axes, { dim: columns, size: columns }], columns);
      const matrix = byteMatrix(values, rows, columns);
      return [byteProduct(x, `w${columns}`, matrix), byteProduct(x, `u${columns}`, unsignedBytes(matrix))];
    });
  },
  full: (draw) => {
    const axes = draw.axes(0, 3);
    return full(
      draw.floats(axes),
      2.5,
      axes.map(({ dim }) => dim),
    );
  },
};

function someAxes(draw: Draw, rank: number): number[] | undefined {
  if (draw.integer(0, 3) === 0) return undefined;
  const axes = Array.from({ length: rank }, (_, i) => i).filter(() => draw.flag());
  return axes.map((axis) => (draw.flag() ? axis - rank : axis));
}

const reduction =
  (operator: typeof reduceSum, options: FloatOptions = {}): Case =>
  (draw) => {
    const axes = draw.axes(0, 4);
    return operator(draw.floats(axes, options), someAxes(draw, axes.length), { keepDims: draw.flag() });
  };

const lastAxis =
  (operator: (x: Value) => Value): Case =>
  (draw) =>
    operator(draw.floats(draw.axes(1, 4)));

export const REDUCE_CASES: Readonly<Record<string, Case>> = {
  reduceSum: reduction(reduceSum),
  reduceMean: reduction(reduceMean),
  reduceMax: reduction(reduceMax, { phase: 0 }),
  cumSum: (draw) => {
    const axes = draw.axes(1, 4);
    return cumSum(draw.floats(axes), draw.integer(-axes.length, axes.length - 1), { reverse: draw.flag() });
  },
  softmax: lastAxis(softmax),
  logSoftmax: lastAxis(logSoftmax),
  "mean of squares": (draw) => {
    const x = draw.floats(draw.axes(1, 3));
    return sqrt(add(reduceMean(mul(x, x), [-1], { keepDims: true }), 0.1));
  },
};

export const SHAPE_CASES: Readonly<Record<string, Case>> = {
  reshape: (draw) => {
    const axes = draw.axes(0, 4);
    const x = draw.floats(axes);
    const dims = axes.map(({ dim }) => dim);
    const flat = reshape(x, [-1]);
    const reversed = reshape(x, [...dims].reverse());
    // Scaled apart, so that an error in one does not hide behind another.
    return [mul(flat, 2), reshape(flat, [...dims, 1]), reversed, reshape(reversed, dims)];
  },
  "reshape joins and parts axes": (draw) => {
    const [a, b] = [draw.axis(), draw.axis()];
    const x = draw.floats([a, b, fixed(6)]);
    const joined = reshape(x, [-1, 6]);
    return [reshape(joined, [a.dim, b.dim, 2, 3]), reshape(x, [a.dim, -1]), reshape(joined, [-1, 2, 3])];
  },
  transpose: (draw) => {
    const axes = draw.axes(0, 4);
    const order = axes.map((_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const j = draw.integer(0, i);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return transpose(draw.floats(axes), order);
  },
  expand: (draw) => {
    const axes = draw.axes(0, 4);
    const shape = axes.map(({ dim }) => dim);
    draw.floats(axes, { differentiate: false });
    return expand(draw.floats(draw.broadcastable(axes)), shape);
  },
  concat: (draw) => {
    const axes = draw.axes(1, 3);
    const at = draw.integer(0, axes.length - 1);
    const parts = Array.from({ length: draw.integer(1, 3) }, () =>
      draw.floats(axes.map((axis, i) => (i === at ? draw.axis() : axis))),
    );
    return concat(draw.flag() ? [...parts, parts[0]!] : parts, draw.flag() ? at : at - axes.length);
  },
  split: (draw) => {
    const axes = draw.axes(1, 3);
    const at = draw.integer(0, axes.length - 1);
    const sizes = Array.from({ length: draw.integer(1, 3) }, () => draw.axis());
    const parts = sizes.map((size) => draw.floats(axes.map((axis, i) => (i === at ? size : axis))));
    const pieces = split(
      concat(parts, at),
      sizes.map(({ dim }) => dim),
      at,
    );
    // Not every piece is used: the others have no gradient.
    return draw.flag() ? pieces : [pieces[draw.integer(0, pieces.length - 1)]!];
  },
  slice: (draw) => {
    const axes = draw.axes(1, 3);
    const at = draw.integer(0, axes.length - 1);
    const { size } = axes[at]!;
    const start = draw.integer(0, size - 1);
    const end = draw.integer(start + 1, size);
    const whole = axes.map((axis, i) => (i === at ? fixed(size) : axis));
    return slice(draw.floats(whole), draw.flag() ? at : at - axes.length, start, end);
  },
  "slice to a symbolic end": (draw) => {
    const rows = draw.axis();
    const extra = draw.integer(0, 2);
    const x = draw.floats([rows, draw.axis()]);
    const longer = concat(
      [x, draw.floats([fixed(extra + 1), { dim: x.shape[1]!, size: draw.feeds[x.name]!.dims[1]! }])],
      0,
    );
    return slice(longer, 0, 1, longer.shape[0]!);
  },
};

export const GATHER_CASES: Readonly<Record<string, Case>> = {
  gather: (draw) => {
    const axes = draw.axes(1, 3);
    const at = draw.integer(0, axes.length - 1);
    const type = draw.pick(["int64", "int32"] as const);
    const indices = draw.indices(draw.axes(0, 2), axes[at]!.size, { type, negative: draw.flag() });
    return gather(draw.floats(axes), indices, draw.flag() ? at : at - axes.length);
  },
  gatherElements: (draw) => {
    const axes = draw.axes(1, 3);
    const at = draw.integer(0, axes.length - 1);
    const type = draw.pick(["int64", "int32"] as const);
    const indexAxes = axes.map((axis, i) => (i === at ? draw.axis() : axis));
    return gatherElements(
      draw.floats(axes),
      draw.indices(indexAxes, axes[at]!.size, { type, negative: draw.flag() }),
      at,
    );
  },
  gatherND: (draw) => {
    const axes = draw.axes(1, 4);
    const batch = draw.integer(0, axes.length - 1);
    const depth = draw.integer(1, axes.length - batch);
    const addressed = axes.slice(batch, batch + depth).map(({ size }) => size);
    const indexAxes = [...axes.slice(0, batch), ...draw.axes(0, 2)];
    const columns = addressed.map((size) =>
      reshape(draw.indices(indexAxes, size), [...indexAxes.map(({ dim }) => dim), 1]),
    );
    return gatherND(draw.floats(axes), concat(columns, -1), batch);
  },
  scatterElementsAdd: (draw) => {
    const axes = draw.axes(1, 3);
    const at = draw.integer(0, axes.length - 1);
    const updateAxes = axes.map((axis, i) => (i === at ? draw.axis() : axis));
    const indices = draw.indices(updateAxes, axes[at]!.size);
    return scatterElementsAdd(draw.floats(axes), indices, draw.floats(updateAxes), at);
  },
  scatterNDAdd: (draw) => {
    const axes = draw.axes(1, 3);
    const depth = draw.integer(1, axes.length);
    const outer = draw.axes(0, 2);
    const negative = draw.flag();
    const columns = axes
      .slice(0, depth)
      .map(({ size }) =>
        reshape(draw.indices(outer, size, { negative }), [...outer.map(({ dim }) => dim), 1]),
      );
    return scatterNDAdd(
      draw.floats(axes),
      concat(columns, -1),
      draw.floats([...outer, ...axes.slice(depth)]),
    );
  },
};

export const LINEAR_CASES: Readonly<Record<string, Case>> = {
  matMul: (draw) => {
    const batch = draw.axes(0, 2);
    const [rows, inner, columns] = [draw.axis(), draw.axis(), draw.axis()];
    const [transA, transB] = [draw.flag(), draw.flag()];
    const a = draw.floats([...draw.broadcastable(batch), ...(transA ? [inner, rows] : [rows, inner])]);
    const b = draw.floats([...draw.broadcastable(batch), ...(transB ? [columns, inner] : [inner, columns])]);
    return matMul(a, b, { transA, transB, alpha: draw.pick([1, 0.25, -2]) });
  },
  "matMul by a shared matrix": (draw) => {
    const [inner, columns] = [draw.axis(), draw.axis()];
    const transB = draw.flag();
    const x = draw.floats([...draw.axes(1, 3), inner]);
    return matMul(x, draw.floats(transB ? [columns, inner] : [inner, columns]), {
      transB,
      alpha: draw.pick([1, 0.5]),
    });
  },
  rmsNorm: (draw) => {
    const axes = draw.axes(1, 4);
    return rmsNorm(draw.floats(axes), draw.floats(axes.slice(-1)), 1e-3);
  },
  layerNorm: (draw) => {
    const axes = [...draw.axes(0, 3), fixed(draw.integer(2, 5))];
    return layerNorm(draw.floats(axes), draw.floats(axes.slice(-1)), draw.floats(axes.slice(-1)), 1e-2);
  },
  rotaryEmbedding: (draw) => {
    const [b, t, half, heads] = [draw.axis(), draw.axis(), draw.pick([4, 8]), draw.integer(1, 3)];
    const table = [fixed(6), fixed(half)];
    const x = draw.floats([b, t, fixed(heads * half * 2)]);
    const [cos, sin] = [
      draw.floats(table, { differentiate: false }),
      draw.floats(table, { differentiate: false }),
    ];
    return rotaryEmbedding(x, draw.indices([b, t], 6), cos, sin);
  },
  "rotaryEmbedding of a head's first part": (draw) => {
    const [b, t, half, heads] = [draw.axis(), draw.axis(), draw.pick([2, 4]), draw.integer(1, 3)];
    const rest = draw.pick([0, 2, 6]);
    const table = [fixed(6), fixed(half)];
    const x = draw.floats([b, t, fixed(heads * (half * 2 + rest))]);
    const [cos, sin] = [
      draw.floats(table, { differentiate: false }),
      draw.floats(table, { differentiate: false }),
    ];
    return rotaryEmbedding(x, draw.indices([b, t], 6), cos, sin, heads);
  },
};
