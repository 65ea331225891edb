import { GraphError } from "../../core/errors.js";
import {
  countOf,
  fromStart,
  numberAttribute,
  positionOf,
  tabulate,
  coordinatesOf,
  type KernelTable,
} from "./array.js";

function checked(operator: string, index: number, size: number): number {
  const plain = fromStart(index, size);
  if (!(plain >= 0 && plain < size))
    throw new GraphError(`${operator}: the index ${index} is not within ${size}.`);
  return plain;
}

const replaced = (at: readonly number[], axis: number, coordinate: number): number[] =>
  at.map((own, i) => (i === axis ? coordinate : own));

export const GATHER: KernelTable = {
  Gather: (node, [x, indices]) => {
    const axis = fromStart(numberAttribute(node, "axis"), x!.dims.length);
    const depth = indices!.dims.length;
    const dims = [...x!.dims.slice(0, axis), ...indices!.dims, ...x!.dims.slice(axis + 1)];
    return [
      tabulate(x!.type, dims, (at) => {
        const index = indices!.data[positionOf(at.slice(axis, axis + depth), indices!.dims)]!;
        const source = [
          ...at.slice(0, axis),
          checked("Gather", index, x!.dims[axis]!),
          ...at.slice(axis + depth),
        ];
        return x!.data[positionOf(source, x!.dims)]!;
      }),
    ];
  },
  GatherElements: (node, [x, indices]) => {
    const axis = fromStart(numberAttribute(node, "axis"), x!.dims.length);
    return [
      tabulate(x!.type, indices!.dims, (at, i) => {
        const index = checked("GatherElements", indices!.data[i]!, x!.dims[axis]!);
        return x!.data[positionOf(replaced(at, axis, index), x!.dims)]!;
      }),
    ];
  },
  GatherND: (node, [x, indices]) => {
    const batch = numberAttribute(node, "batch_dims");
    const depth = indices!.dims.at(-1)!;
    const outer = indices!.dims.slice(0, -1);
    return [
      tabulate(x!.type, [...outer, ...x!.dims.slice(batch + depth)], (at) => {
        const row = positionOf(at.slice(0, outer.length), outer) * depth;
        const tuple = Array.from({ length: depth }, (_, i) =>
          checked("GatherND", indices!.data[row + i]!, x!.dims[batch + i]!),
        );
        return x!.data[positionOf([...at.slice(0, batch), ...tuple, ...at.slice(outer.length)], x!.dims)]!;
      }),
    ];
  },
  ScatterElements: (node, [x, indices, updates]) => {
    const axis = fromStart(numberAttribute(node, "axis"), x!.dims.length);
    const data = x!.data.slice();
    for (let i = 0; i < countOf(indices!.dims); i++) {
      const index = checked("ScatterElements", indices!.data[i]!, x!.dims[axis]!);
      data[positionOf(replaced(coordinatesOf(i, indices!.dims), axis, index), x!.dims)]! += updates!.data[i]!;
    }
    return [{ ...x!, data }];
  },
};
