import { halfToEven } from "../../core/half-to-even.js";
import { numberAttribute, tabulate, type Kernel, type KernelTable } from "./array.js";

/** Element i of a row of integers of `bits` bits, each row from a whole byte on, the lower half of a byte first. */
function integerAt(data: Float64Array, row: number, rowBytes: number, i: number, bits: number): number {
  if (bits === 8) return data[row * rowBytes + i]!;
  return (data[row * rowBytes + Math.floor(i / 2)]! >> (4 * (i % 2))) & 15;
}

/** x · Wᵀ, W back in floats; the activations are not rounded, whatever `accuracy_level` allows. */
const matMulNBits: Kernel = (node, [x, packed, scales, zeros]) => {
  const number = (name: string): number => numberAttribute(node, name);
  const [columns, rows, bits, size] = [number("K"), number("N"), number("bits"), number("block_size")];
  const blocks = Math.ceil(columns / size);
  const weight = (row: number, column: number): number => {
    const block = Math.floor(column / size);
    const q = integerAt(packed!.data, row, (blocks * size * bits) / 8, column, bits);
    const zero = zeros
      ? integerAt(zeros.data, row, Math.ceil((blocks * bits) / 8), block, bits)
      : 2 ** (bits - 1);
    return scales!.data[row * blocks + block]! * (q - zero);
  };
  return [
    tabulate("float32", [...x!.dims.slice(0, -1), rows], (at, i) => {
      const start = Math.floor(i / rows) * columns;
      let sum = 0;
      for (let k = 0; k < columns; k++) sum += x!.data[start + k]! * weight(at.at(-1)!, k);
      return sum;
    }),
  ];
};

/** Rows of a matrix of four bits, in floats; two columns a byte. */
const gatherBlockQuantized: Kernel = (node, [packed, indices, scales, zeros]) => {
  const size = numberAttribute(node, "block_size");
  const rowBytes = packed!.dims[1]!;
  const [columns, blocks] = [2 * rowBytes, scales!.dims[1]!];
  return [
    tabulate("float32", [...indices!.dims, columns], (at, i) => {
      const row = indices!.data[Math.floor(i / columns)]!;
      const block = Math.floor(at.at(-1)! / size);
      const zero = zeros ? integerAt(zeros.data, row, zeros.dims[1]!, block, 4) : 8;
      return (
        scales!.data[row * blocks + block]! * (integerAt(packed!.data, row, rowBytes, at.at(-1)!, 4) - zero)
      );
    }),
  ];
};

/** x in units of the scale, rounded half to even and laid on the zero point, in unsigned bytes. */
const quantizeLinear: Kernel = (_, [x, scale, zero]) => [
  {
    type: "uint8",
    dims: x!.dims,
    data: x!.data.map((value) =>
      Math.min(255, Math.max(0, halfToEven(value / scale!.data[0]!) + zero!.data[0]!)),
    ),
  },
];

/** (x − its zero point) · (W − its zero point), times the scale of x and that of each column of W. */
const matMulIntegerToFloat: Kernel = (_, [x, w, scale, scales, zero, zeroOfW]) => {
  const [columns, rows] = w!.dims as [number, number];
  return [
    tabulate("float32", [...x!.dims.slice(0, -1), rows], (at, i) => {
      const start = Math.floor(i / rows) * columns;
      let sum = 0;
      for (let k = 0; k < columns; k++)
        sum +=
          (x!.data[start + k]! - zero!.data[0]!) *
          (w!.data[k * rows + at.at(-1)!]! - (zeroOfW?.data[0] ?? 0));
      return sum * scale!.data[0]! * scales!.data[at.at(-1)!]!;
    }),
  ];
};

export const QUANTIZED: KernelTable = {
  QuantizeLinear: quantizeLinear,
  MatMulIntegerToFloat: matMulIntegerToFloat,
  MatMulNBits: matMulNBits,
  GatherBlockQuantized: gatherBlockQuantized,
};
