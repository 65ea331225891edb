import {
  coordinatesOf,
  countOf,
  fromStart,
  listAttribute,
  numberAttribute,
  positionOf,
  stridesOf,
  type DoubleTensor,
  type Kernel,
  type KernelTable,
} from "./array.js";

/** Applies a function to each line of elements along an axis; it writes its result over the line. */
export function alongAxis(x: DoubleTensor, axis: number, apply: (line: Float64Array) => void): DoubleTensor {
  const at = fromStart(axis, x.dims.length);
  const size = x.dims[at]!;
  const stride = stridesOf(x.dims)[at]!;
  const data = x.data.slice();
  const line = new Float64Array(size);
  for (let start = 0; start < data.length; start++) {
    if (Math.floor(start / stride) % size !== 0) continue;
    for (let i = 0; i < size; i++) line[i] = data[start + i * stride]!;
    apply(line);
    for (let i = 0; i < size; i++) data[start + i * stride] = line[i]!;
  }
  return { ...x, data };
}

/** A reduction to one number of the elements that share the coordinates of the axes that stay. */
function reduction(apply: (values: readonly number[]) => number): Kernel {
  return (node, [x, axesInput]) => {
    const given = axesInput ? Array.from(axesInput.data) : listAttribute(node, "axes");
    const all = x!.dims.map((_, axis) => axis);
    const axes = given && given.length > 0 ? given.map((axis) => fromStart(axis, all.length)) : all;
    const kept = x!.dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    const groups = Array.from({ length: countOf(kept) }, (): number[] => []);
    x!.data.forEach((value, i) => {
      const at = coordinatesOf(i, x!.dims).map((coordinate, axis) => (axes.includes(axis) ? 0 : coordinate));
      groups[positionOf(at, kept)]!.push(value);
    });
    const dims =
      numberAttribute(node, "keepdims", 1) === 1 ? kept : kept.filter((_, axis) => !axes.includes(axis));
    return [{ type: x!.type, dims, data: Float64Array.from(groups, apply) }];
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** log Σ exp, without overflow. */
function logSumExp(line: Float64Array): number {
  const top = line.reduce((a, b) => Math.max(a, b), -Infinity);
  return top + Math.log(line.reduce((total, value) => total + Math.exp(value - top), 0));
}

export const REDUCE: KernelTable = {
  ReduceSum: reduction(sum),
  ReduceMean: reduction((values) => sum(values) / values.length),
  ReduceMax: reduction((values) => values.reduce((a, b) => Math.max(a, b), -Infinity)),
  CumSum: (node, [x, axis]) => [
    alongAxis(x!, axis!.data[0]!, (line) => {
      if (numberAttribute(node, "reverse") === 1) line.reverse();
      for (let i = 1; i < line.length; i++) line[i]! += line[i - 1]!;
      if (numberAttribute(node, "reverse") === 1) line.reverse();
    }),
  ],
  ArgMax: (node, [x]) => {
    const axis = fromStart(numberAttribute(node, "axis"), x!.dims.length);
    const marked = alongAxis(x!, axis, (line) =>
      line.fill(line.indexOf(line.reduce((a, b) => Math.max(a, b)))),
    );
    const keep = numberAttribute(node, "keepdims", 1) === 1;
    const first = reduction((values) => values[0]!)(
      {
        ...node,
        attributes: { axes: { kind: "ints", value: [axis] }, keepdims: { kind: "int", value: keep ? 1 : 0 } },
      },
      [marked],
    );
    return [{ ...first[0]!, type: "int64" }];
  },
  TopK: (_, [x, count]) => {
    const [size, k] = [x!.dims.at(-1)!, count!.data[0]!];
    const lines = Array.from({ length: x!.data.length / size }, (_, at) =>
      x!.data.slice(at * size, (at + 1) * size),
    );
    const orders = lines.map((line) =>
      [...line.keys()].sort((a, b) => line[b]! - line[a]! || a - b).slice(0, k),
    );
    const dims = [...x!.dims.slice(0, -1), k];
    const values = orders.flatMap((order, at) => order.map((i) => lines[at]![i]!));
    return [
      { type: x!.type, dims, data: Float64Array.from(values) },
      { type: "int64", dims, data: Float64Array.from(orders.flat()) },
    ];
  },
  Softmax: (node, [x]) => [
    alongAxis(x!, numberAttribute(node, "axis", -1), (line) => {
      const total = logSumExp(line);
      line.forEach((value, i) => (line[i] = Math.exp(value - total)));
    }),
  ],
  LogSoftmax: (node, [x]) => [
    alongAxis(x!, numberAttribute(node, "axis", -1), (line) => {
      const total = logSumExp(line);
      line.forEach((value, i) => (line[i] = value - total));
    }),
  ],
};
