import { closeSync, openSync, readSync } from "node:fs";
import { ModelError } from "../../../core/errors.js";
import { reasonOf } from "../../../core/json-file.js";
import type { BlockFormat } from "./dequantize.js";

/** Where the rows of a matrix lie in a file. */
export interface RowsPlace {
  readonly file: string;
  readonly format: BlockFormat;
  /** In bytes. */
  readonly start: number;
  readonly rows: number;
  readonly columns: number;
}

/** Rows of a matrix that stays in its file; `close()` it. */
export interface FileRows {
  /** The rows of the given numbers, one behind the other, in float32. @throws ModelError when the file has been cut. */
  read(numbers: ArrayLike<number>): Float32Array;
  close(): void;
}

/** Opens a matrix whose rows are read when they are asked for: of embeddings a step needs a few, which the system has in memory. */
export function openRows({ file, format, start, columns }: RowsPlace): FileRows {
  const rowBytes = (columns / format.elements) * format.bytes;
  const row = new Uint8Array(rowBytes);
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch (cause) {
    throw new ModelError(`cannot open ${file}: ${reasonOf(cause)}`, { cause });
  }
  return {
    read: (numbers) => {
      const values = new Float32Array(numbers.length * columns);
      for (let i = 0; i < numbers.length; i++) {
        const read = readSync(descriptor, row, 0, rowBytes, start + numbers[i]! * rowBytes);
        if (read < rowBytes)
          throw new ModelError(`${file} was cut while it was in use; load the model again`);
        format.dequantize(row, values, i * columns);
      }
      return values;
    },
    close: () => closeSync(descriptor),
  };
}
