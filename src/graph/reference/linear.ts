import {
  broadcastAt,
  broadcastDims,
  numberAttribute,
  tabulate,
  type DoubleTensor,
  type Kernel,
  type KernelTable,
} from "./array.js";
import { alongAxis } from "./reduce.js";

const swapped = (at: readonly number[], swap: boolean): readonly number[] =>
  swap ? [...at.slice(0, -2), at.at(-1)!, at.at(-2)!] : at;

const matMul: Kernel = (node, [a, b]) => {
  const transA = numberAttribute(node, "transA") === 1;
  const transB = numberAttribute(node, "transB") === 1;
  const alpha = numberAttribute(node, "alpha", 1);
  const aDims = swapped(a!.dims, transA);
  const bDims = swapped(b!.dims, transB);
  const batch = broadcastDims(aDims.slice(0, -2), bDims.slice(0, -2));
  return [
    tabulate("float32", [...batch, aDims.at(-2)!, bDims.at(-1)!], (at) => {
      const outer = at.slice(0, -2);
      let sum = 0;
      for (let k = 0; k < aDims.at(-1)!; k++) {
        const left = broadcastAt(a!, swapped([...outer, at.at(-2)!, k], transA));
        sum += left * broadcastAt(b!, swapped([...outer, k, at.at(-1)!], transB));
      }
      return alpha * sum;
    }),
  ];
};

const mean = (line: Float64Array): number => line.reduce((total, value) => total + value, 0) / line.length;

/** Both norms: the normal form times the scale, plus the bias where there is one, and the statistics of each row. */
const norm: Kernel = (node, [x, scale, bias]) => {
  const epsilon = numberAttribute(node, "epsilon", 1e-5);
  const centred = node.op === "LayerNormalization";
  const perRow = [...x!.dims.slice(0, -1), 1];
  const means: number[] = [];
  const inverses: number[] = [];
  const normal = alongAxis(x!, -1, (line) => {
    const middle = centred ? mean(line) : 0;
    const inverse = 1 / Math.sqrt(mean(line.map((value) => (value - middle) ** 2)) + epsilon);
    line.forEach((value, i) => (line[i] = (value - middle) * inverse));
    means.push(middle);
    inverses.push(inverse);
  });
  const result = tabulate("float32", x!.dims, (at, i) => {
    const column = at.at(-1)!;
    return normal.data[i]! * scale!.data[column]! + (bias?.data[column] ?? 0);
  });
  const statistic = (values: readonly number[]): DoubleTensor => ({
    type: "float32",
    dims: perRow,
    data: Float64Array.from(values),
  });
  return centred ? [result, statistic(means), statistic(inverses)] : [result, statistic(inverses)];
};

/**
 * Half-split rotary embedding: (u, v) → (u cos − v sin, u sin + v cos) for the pairs (x_i, x_{i + half}) of a head; what
 * a head has beyond them is left.
 */
const rotary: Kernel = (node, [x, positions, cos, sin]) => {
  const half = cos!.dims[1]!;
  const width = x!.dims[2]!;
  const heads = numberAttribute(node, "num_heads", 0);
  const headWidth = heads === 0 ? 2 * half : width / heads;
  return [
    tabulate("float32", x!.dims, (at, i) => {
      const row = positions!.data[Math.floor(i / width)]! * half;
      const inHead = at[2]! % headWidth;
      if (inHead >= 2 * half) return x!.data[i]!;
      const pair = inHead % half;
      const c = cos!.data[row + pair]!;
      const s = sin!.data[row + pair]!;
      return inHead < half
        ? x!.data[i]! * c - x!.data[i + half]! * s
        : x!.data[i]! * c + x!.data[i - half]! * s;
    }),
  ];
};

export const LINEAR: KernelTable = {
  MatMul: matMul,
  FusedMatMul: matMul,
  LayerNormalization: norm,
  SimplifiedLayerNormalization: norm,
  RotaryEmbedding: rotary,
};
