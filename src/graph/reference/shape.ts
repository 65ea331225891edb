import {
  broadcastAt,
  broadcastDims,
  countOf,
  fromStart,
  listAttribute,
  numberAttribute,
  positionOf,
  tabulate,
  type DoubleTensor,
  type KernelTable,
} from "./array.js";

/** x from a start on along an axis, `size` long. */
function piece(x: DoubleTensor, axis: number, start: number, size: number): DoubleTensor {
  const dims = x.dims.map((dim, i) => (i === axis ? size : dim));
  return tabulate(x.type, dims, (at) => {
    const source = at.map((coordinate, i) => (i === axis ? coordinate + start : coordinate));
    return x.data[positionOf(source, x.dims)]!;
  });
}

export const SHAPE: KernelTable = {
  Shape: (_, [x]) => [{ type: "int64", dims: [x!.dims.length], data: Float64Array.from(x!.dims) }],
  Reshape: (node, [x, shape]) => {
    const zeroIsZero = numberAttribute(node, "allowzero") === 1;
    const wanted = Array.from(shape!.data, (dim, i) => (dim === 0 && !zeroIsZero ? x!.dims[i]! : dim));
    const rest = countOf(x!.dims) / countOf(wanted.filter((dim) => dim !== -1));
    return [{ ...x!, dims: wanted.map((dim) => (dim === -1 ? rest : dim)) }];
  },
  Transpose: (node, [x]) => {
    const order = listAttribute(node, "perm")!;
    return [
      tabulate(
        x!.type,
        order.map((axis) => x!.dims[axis]!),
        (at) => {
          const source = order.map((_, axis) => at[order.indexOf(axis)]!);
          return x!.data[positionOf(source, x!.dims)]!;
        },
      ),
    ];
  },
  Expand: (_, [x, shape]) => [
    tabulate(x!.type, broadcastDims(x!.dims, Array.from(shape!.data)), (at) => broadcastAt(x!, at)),
  ],
  Concat: (node, inputs) => {
    const axis = fromStart(numberAttribute(node, "axis"), inputs[0]!.dims.length);
    const owners = inputs.flatMap((input) =>
      Array.from({ length: input.dims[axis]! }, (_, i) => ({ input, i })),
    );
    const dims = inputs[0]!.dims.map((dim, i) => (i === axis ? owners.length : dim));
    return [
      tabulate(inputs[0]!.type, dims, (at) => {
        const { input, i } = owners[at[axis]!]!;
        const source = at.map((coordinate, a) => (a === axis ? i : coordinate));
        return input.data[positionOf(source, input.dims)]!;
      }),
    ];
  },
  Split: (node, [x, sizes]) => {
    const axis = fromStart(numberAttribute(node, "axis"), x!.dims.length);
    let start = 0;
    return Array.from(sizes!.data, (size) => {
      start += size;
      return piece(x!, axis, start - size, size);
    });
  },
  Slice: (_, [x, starts, ends, axes]) => {
    let result = x!;
    axes!.data.forEach((given, i) => {
      const axis = fromStart(given, x!.dims.length);
      const size = x!.dims[axis]!;
      const bound = (end: number): number => Math.min(Math.max(fromStart(end, size), 0), size);
      const start = bound(starts!.data[i]!);
      result = piece(result, axis, start, Math.max(0, bound(ends!.data[i]!) - start));
    });
    return [result];
  },
};
