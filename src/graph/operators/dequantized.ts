import { withGradient } from "../differentiate.js";
import type { Attribute, FileData, Value } from "../graph.js";
import { QUANTIZED_BLOCK, type HeldMatrix } from "../quantized-matrix.js";
import { zeroAfter } from "../recompute.js";
import { add, cast, mul } from "./elementwise.js";
import { gather } from "./gather.js";
import { matMul } from "./linear.js";
import { fixedConstant } from "./quantized.js";
import { reshape } from "./shape.js";

/**
 * A matrix W [rows, columns] that is held in fewer bits, in float32: made once `after` is there, for a use after which it is dropped.
 * Of integers those of four bits without zero points, in one digit or two.
 */
export function dequantized(name: string, matrix: HeldMatrix, after: Value): Value {
  const { graph } = after;
  const { rows, columns } = matrix;
  const places = fixedConstant(
    graph,
    `rows.${rows}`,
    "int64",
    [rows],
    BigInt64Array.from({ length: rows }, (_, i) => BigInt(i)),
  );
  const indices = add(places, zeroAfter(after));
  if ("half" in matrix)
    return cast(
      gather(
        fixedConstant(graph, `${name}.rows of halves`, matrix.half, [rows, columns], matrix.values),
        indices,
      ),
      "float32",
    );
  const { blockSize: size = QUANTIZED_BLOCK, low, offsets } = matrix;
  const blocks = columns / size;
  const scales = fixedConstant(graph, `${name}.rows of scales`, "float32", [rows, blocks], matrix.scales);
  const digit = (part: string, data: Uint8Array | FileData, zeros?: Value): Value => {
    const packed = fixedConstant(graph, `${name}.rows of ${part}`, "uint8", [rows, columns / 2], data);
    const attributes: Record<string, Attribute> = {
      gather_axis: { kind: "int", value: 0 },
      quantize_axis: { kind: "int", value: 1 },
      block_size: { kind: "int", value: size },
      bits: { kind: "int", value: 4 },
    };
    const inputs = [packed, indices, scales, ...(zeros ? [zeros] : [])];
    return graph.node(
      "GatherBlockQuantized",
      inputs,
      [{ type: "float32", shape: [rows, columns] }],
      attributes,
      "com.microsoft",
    )[0]!;
  };
  const high = digit("packed", matrix.packed);
  const zeroBytes = Math.ceil(blocks / 2);
  const values =
    low === undefined
      ? high
      : add(
          mul(high, 16),
          digit(
            "low",
            low,
            fixedConstant(
              graph,
              `no zeros.${rows}.${zeroBytes}`,
              "uint8",
              [rows, zeroBytes],
              new Uint8Array(rows * zeroBytes),
            ),
          ),
        );
  if (offsets === undefined) return values;
  const shifts = fixedConstant(graph, `${name}.rows of offsets`, "float32", [rows, blocks, 1], offsets);
  return reshape(add(reshape(values, [rows, blocks, size]), shifts), [rows, columns]);
}

/**
 * x · Wᵀ with a W that is held in fewer bits, and its gradient for x: W is in float32 for each of the two products alone. W itself is
 * a constant.
 */
export function dequantizedProduct(x: Value, name: string, matrix: HeldMatrix): Value {
  const y = matMul(x, dequantized(name, matrix, x), { transB: true });
  return withGradient(y, [x], (gradient) => [matMul(gradient, dequantized(name, matrix, gradient))]);
}
