import { GraphError } from "../core/errors.js";
import { evaluateDim, type Shape } from "./dim.js";

/** A value of a graph, as far as sizes go. */
export interface Shaped {
  readonly name: string;
  readonly shape: Shape;
}

const SYMBOL = /^\w+$/;

/** The size of each symbol that is an input's dimension, from the first input that has it. */
export function boundSizes(
  inputs: Iterable<Shaped>,
  feeds: Readonly<Record<string, { readonly dims: readonly number[] } | undefined>>,
): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { name, shape } of inputs) {
    shape.forEach((dim, i) => {
      const size = feeds[name]?.dims[i];
      if (typeof dim !== "string" || size === undefined || sizes.has(dim)) return;
      if (SYMBOL.test(dim)) sizes.set(dim, size);
    });
  }
  return sizes;
}

/** The dimensions that outputs will have. @throws GraphError for a size that no input tells. */
export function shapesOf(
  outputs: Iterable<Shaped>,
  sizes: ReadonlyMap<string, number>,
): Record<string, number[]> {
  const shapes: Record<string, number[]> = {};
  for (const { name, shape } of outputs) {
    shapes[name] = shape.map((dim) => {
      const size = evaluateDim(dim, sizes);
      if (size === undefined)
        throw new GraphError(`The size of the output "${name}" is not known beforehand.`);
      return size;
    });
  }
  return shapes;
}
