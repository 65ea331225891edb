import { GraphError } from "../../core/errors.js";
import { formatShape, sameShape } from "../dim.js";
import type { Attribute, Value } from "../graph.js";

function requireScale(operator: string, x: Value, scale: Value): void {
  if (!sameShape(scale.shape, x.shape.slice(-1))) {
    throw new GraphError(
      `${operator}: the scale ${formatShape(scale.shape)} does not fit the last axis of ${formatShape(x.shape)}.`,
    );
  }
}

/**
 * Root-mean-square norm over the last axis, x / sqrt(mean(x²) + epsilon) · scale (Zhang and Sennrich 2019), in one
 * kernel.
 */
export function rmsNorm(x: Value, scale: Value, epsilon: number): Value {
  requireScale("RMSNorm", x, scale);
  const perRow = [...x.shape.slice(0, -1), 1];
  return x.graph.node(
    "SimplifiedLayerNormalization",
    [x, scale],
    [
      { type: x.type, shape: x.shape },
      { type: x.type, shape: perRow },
    ],
    { axis: { kind: "int", value: -1 }, epsilon: { kind: "float", value: epsilon } },
  )[0]!;
}

/** Layer norm over the last axis, (x − mean) / sqrt(var + epsilon) · scale + bias, in one kernel. */
export function layerNorm(x: Value, scale: Value, bias: Value, epsilon: number): Value {
  requireScale("LayerNormalization", x, scale);
  requireScale("LayerNormalization", x, bias);
  const perRow = [...x.shape.slice(0, -1), 1];
  return x.graph.node(
    "LayerNormalization",
    [x, scale, bias],
    [
      { type: x.type, shape: x.shape },
      { type: x.type, shape: perRow },
      { type: x.type, shape: perRow },
    ],
    { axis: { kind: "int", value: -1 }, epsilon: { kind: "float", value: epsilon } },
  )[0]!;
}

/**
 * Rotary position embedding, half-split as in Hugging Face's Llama: each pair (x_i, x_{i+d/2}) is turned by the angle
 * of its position. `cos` and `sin` have a row per position.
 * @param x [b, t, heads·width].
 * @param positions int64 [b, t], each a row of the tables.
 * @param cos [positions, d/2]. @param sin [positions, d/2].
 * @param heads where heads are wider than d: of each, the first d numbers are turned and the others left. Absent: the
 * width of a head is d.
 */
export function rotaryEmbedding(x: Value, positions: Value, cos: Value, sin: Value, heads?: number): Value {
  const half = cos.shape[1];
  const width = x.shape.at(-1);
  const fits =
    x.shape.length === 3 &&
    positions.type === "int64" &&
    sameShape(positions.shape, x.shape.slice(0, 2)) &&
    sameShape(cos.shape, sin.shape) &&
    typeof half === "number" &&
    typeof width === "number" &&
    (heads === undefined ? width % (2 * half) === 0 : width % heads === 0 && width / heads >= 2 * half);
  if (!fits) {
    const split = heads === undefined ? "" : ` for ${heads} heads`;
    throw new GraphError(
      `RotaryEmbedding: x ${formatShape(x.shape)}, positions ${positions.type}${formatShape(positions.shape)} and tables ` +
        `${formatShape(cos.shape)}, ${formatShape(sin.shape)} do not fit${split}.`,
    );
  }
  const attributes: Record<string, Attribute> =
    heads === undefined
      ? {}
      : {
          num_heads: { kind: "int", value: heads },
          rotary_embedding_dim: { kind: "int", value: 2 * half },
        };
  return x.graph.node(
    "RotaryEmbedding",
    [x, positions, cos, sin],
    [{ type: x.type, shape: x.shape }],
    attributes,
    "com.microsoft",
  )[0]!;
}
