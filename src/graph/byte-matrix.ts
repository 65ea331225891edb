/**
 * A matrix W [rows, columns] for products of bytes: w' = scale · q with one scale for each row, where W' is W with its columns turned
 * (`turned`). What W multiplies is turned alike, so that the product stays what it is, and an outlier among its columns is spread over
 * as many as are turned together: with one scale for a row of x, it would leave the others few levels (as QuaRot, Ashkboos et al. 2024).
 */
export interface ByteMatrix {
  readonly bits: 8;
  readonly rows: number;
  readonly columns: number;
  /** q, [columns, rows]: in −127 … 127, or that and 128 (`unsignedBytes`). */
  readonly bytes: Int8Array | Uint8Array;
  /** [rows] */
  readonly scales: Float32Array;
}

/** The most columns that are turned together. */
const WIDEST = 64;
/** Rows whose bytes are written together: a column's are neighbours. */
const TOGETHER = 32;

/** How many neighbouring columns are turned together: the largest power of two up to 64 that divides them. */
export function turnedTogether(columns: number): number {
  let width = 1;
  while (width < WIDEST && columns % (2 * width) === 0) width *= 2;
  return width;
}

/** A fixed sign for each of the columns that are turned together. */
function signOf(column: number): number {
  return (Math.imul(column + 1, 0x9e3779b1) >>> 16) & 1 ? -1 : 1;
}

/** The turn of `width` columns (a power of two) as a matrix [width, width], orthogonal: signs, then Hadamard's matrix over √width. */
export function turnMatrix(width: number): Float32Array {
  const matrix = new Float32Array(width * width);
  for (let row = 0; row < width; row++) {
    matrix[row * width + row] = 1;
    turnRow(matrix, row * width, width, width);
  }
  return matrix;
}

/** By a number of columns that are turned together: their signs, over its root. */
const FACTORS = new Map<number, Float64Array>();

function factorsOf(width: number): Float64Array {
  const known = FACTORS.get(width);
  if (known) return known;
  const factors = Float64Array.from({ length: width }, (_, i) => signOf(i) / Math.sqrt(width));
  FACTORS.set(width, factors);
  return factors;
}

/** Turns `columns` values in place, `width` at a time: four by four, which reads and writes half as often as two by two. */
function turnRow(values: Float32Array, from: number, columns: number, width: number): void {
  const factors = factorsOf(width);
  for (let start = from; start < from + columns; start += width) {
    for (let i = 0; i < width; i++) values[start + i]! *= factors[i]!;
    let step = 1;
    for (; 4 * step <= width; step *= 4) turnFours(values, start, width, step);
    if (step === width) continue;
    for (let i = start; i < start + step; i++) {
      const a = values[i]!;
      const b = values[i + step]!;
      values[i] = a + b;
      values[i + step] = a - b;
    }
  }
}

function turnFours(values: Float32Array, start: number, width: number, step: number): void {
  for (let block = start; block < start + width; block += 4 * step)
    for (let i = block; i < block + step; i++) {
      const a = values[i]!;
      const b = values[i + step]!;
      const c = values[i + 2 * step]!;
      const d = values[i + 3 * step]!;
      values[i] = a + b + (c + d);
      values[i + step] = a - b + (c - d);
      values[i + 2 * step] = a + b - (c + d);
      values[i + 3 * step] = a - b - (c - d);
    }
}

/** A row-major matrix of finite values in bytes. */
export function byteMatrix(data: Float32Array, rows: number, columns: number): ByteMatrix {
  const width = turnedTogether(columns);
  const bytes = new Int8Array(rows * columns);
  const scales = new Float32Array(rows);
  const turned = new Float32Array(TOGETHER * columns);
  const inverses = new Float64Array(TOGETHER);
  for (let from = 0; from < rows; from += TOGETHER) {
    const count = Math.min(TOGETHER, rows - from);
    turned.set(data.subarray(from * columns, (from + count) * columns));
    for (let r = 0; r < count; r++) {
      turnRow(turned, r * columns, columns, width);
      let most = 0;
      for (let i = r * columns; i < (r + 1) * columns; i++) {
        const size = Math.abs(turned[i]!);
        if (size > most) most = size;
      }
      const scale = Math.fround(most / 127);
      scales[from + r] = scale;
      inverses[r] = scale === 0 ? 0 : 1 / scale;
    }
    for (let column = 0; column < columns; column++) {
      const to = column * rows + from;
      for (let r = 0; r < count; r++) {
        const level = turned[r * columns + column]! * inverses[r]!;
        bytes[to + r] = level < 0 ? level - 0.5 : level + 0.5;
      }
    }
  }
  return { bits: 8, rows, columns, bytes, scales };
}

/** The same matrix with 128 added to each byte, for processors whose products of signed bytes are not exact. */
export function unsignedBytes(matrix: ByteMatrix): ByteMatrix {
  return { ...matrix, bytes: Uint8Array.from(matrix.bytes, (value) => value + 128) };
}
