import type { DataType, GraphNode } from "../graph.js";

/** A tensor of the reference evaluator: every type's elements as doubles (bool as 0 and 1), row-major. */
export interface DoubleTensor {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

/** The plain meaning of one ONNX operator: from a node and its inputs to its outputs. */
export type Kernel = (node: GraphNode, inputs: readonly DoubleTensor[]) => DoubleTensor[];

/** Kernels by operator name. */
export type KernelTable = Readonly<Record<string, Kernel>>;

/** The number of elements of numeric dimensions. */
export function countOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** How far apart neighbours along each axis are. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length).fill(1);
  for (let axis = dims.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * dims[axis + 1]!;
  return strides;
}

/** The coordinates of a flat position. */
export function coordinatesOf(position: number, dims: readonly number[]): number[] {
  const coordinates = new Array<number>(dims.length);
  let rest = position;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    coordinates[axis] = rest % dims[axis]!;
    rest = Math.floor(rest / dims[axis]!);
  }
  return coordinates;
}

/** The flat position of coordinates. */
export function positionOf(coordinates: readonly number[], dims: readonly number[]): number {
  let position = 0;
  for (let axis = 0; axis < dims.length; axis++) position = position * dims[axis]! + coordinates[axis]!;
  return position;
}

/** A tensor from a function of its coordinates. */
export function tabulate(
  type: DataType,
  dims: readonly number[],
  value: (coordinates: readonly number[], position: number) => number,
): DoubleTensor {
  const data = new Float64Array(countOf(dims));
  for (let i = 0; i < data.length; i++) data[i] = value(coordinatesOf(i, dims), i);
  return { type, dims, data };
}

/** The element of a tensor that broadcasting shows at coordinates of a shape of equal or higher rank. */
export function broadcastAt({ dims, data }: DoubleTensor, coordinates: readonly number[]): number {
  const extra = coordinates.length - dims.length;
  let position = 0;
  for (let axis = 0; axis < dims.length; axis++) {
    position = position * dims[axis]! + (dims[axis] === 1 ? 0 : coordinates[axis + extra]!);
  }
  return data[position]!;
}

/** The shape that dimensions broadcast to. */
export function broadcastDims(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((dims) => dims.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((dims) => dims[dims.length - rank + i] ?? 1);
    return sizes.find((size) => size !== 1) ?? 1;
  });
}

/** An attribute that is a number, or its default. */
export function numberAttribute(node: GraphNode, name: string, fallback = 0): number {
  const attribute = node.attributes[name];
  return attribute?.kind === "int" || attribute?.kind === "float" ? attribute.value : fallback;
}

/** An attribute that is a list of integers, if the node has it. */
export function listAttribute(node: GraphNode, name: string): readonly number[] | undefined {
  const attribute = node.attributes[name];
  return attribute?.kind === "ints" ? attribute.value : undefined;
}

/** An index that may count from the end. */
export function fromStart(index: number, size: number): number {
  return index < 0 ? index + size : index;
}
