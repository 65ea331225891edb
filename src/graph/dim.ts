import { GraphError } from "../core/errors.js";

/**
 * One dimension of a shape: a number, or a polynomial in named sizes that are known only when the graph runs, in
 * canonical text (`b`, `b*t`, `p+s+1`). Equal dimensions are equal strings.
 */
export type Dim = number | string;

/** A tensor's shape, outermost dimension first; `[]` is a scalar. */
export type Shape = readonly Dim[];

/** Coefficient of each monomial; a monomial is its symbols, sorted and joined by `*`; the constant is `""`. */
export type Polynomial = ReadonlyMap<string, number>;

const cache = new Map<string, Polynomial>();

/** The polynomial of a dimension. @throws GraphError for text that is not a sum of products of names and integers. */
export function polynomialOf(dim: Dim): Polynomial {
  if (typeof dim === "number") return new Map(dim === 0 ? [] : [["", dim]]);
  const known = cache.get(dim);
  if (known) return known;
  const terms = new Map<string, number>();
  for (const term of dim.split("+")) {
    let coefficient = 1;
    const symbols: string[] = [];
    for (const factor of term.split("*")) {
      if (/^-?\d+$/.test(factor)) coefficient *= Number(factor);
      else if (/^[a-z_]\w*$/i.test(factor)) symbols.push(factor);
      else throw new GraphError(`"${dim}" is not a dimension: use names and integers joined by * and +.`);
    }
    const key = symbols.sort().join("*");
    terms.set(key, (terms.get(key) ?? 0) + coefficient);
  }
  cache.set(dim, terms);
  return terms;
}

function fromPolynomial(terms: Polynomial): Dim {
  const kept = [...terms].filter(([, coefficient]) => coefficient !== 0).sort(([a], [b]) => (a < b ? 1 : -1));
  if (kept.length === 0) return 0;
  if (kept.length === 1 && kept[0]![0] === "") return kept[0]![1];
  return kept
    .map(([key, coefficient]) =>
      key === "" ? `${coefficient}` : coefficient === 1 ? key : `${coefficient}*${key}`,
    )
    .join("+");
}

/** The sum of dimensions. */
export function addDims(...dims: readonly Dim[]): Dim {
  const terms = new Map<string, number>();
  for (const dim of dims) {
    for (const [key, coefficient] of polynomialOf(dim)) terms.set(key, (terms.get(key) ?? 0) + coefficient);
  }
  return fromPolynomial(terms);
}

/** The product of dimensions; 1 for none. */
export function multiplyDims(...dims: readonly Dim[]): Dim {
  let product: Polynomial = new Map([["", 1]]);
  for (const dim of dims) {
    const next = new Map<string, number>();
    for (const [key, coefficient] of product) {
      for (const [otherKey, otherCoefficient] of polynomialOf(dim)) {
        const symbols = [...key.split("*"), ...otherKey.split("*")].filter((symbol) => symbol !== "");
        const joined = symbols.sort().join("*");
        next.set(joined, (next.get(joined) ?? 0) + coefficient * otherCoefficient);
      }
    }
    product = next;
  }
  return fromPolynomial(product);
}

/** `dividend / divisor` where the divisor is a single term that divides every term, or equal; else undefined. */
export function divideDims(dividend: Dim, divisor: Dim): Dim | undefined {
  const [single, ...rest] = [...polynomialOf(divisor)];
  if (single === undefined) return undefined;
  if (rest.length > 0) return dividend === divisor ? 1 : undefined;
  const [divisorKey, divisorCoefficient] = single;
  const quotient = new Map<string, number>();
  for (const [key, coefficient] of polynomialOf(dividend)) {
    const symbols = key === "" ? [] : key.split("*");
    for (const symbol of divisorKey === "" ? [] : divisorKey.split("*")) {
      const at = symbols.indexOf(symbol);
      if (at < 0) return undefined;
      symbols.splice(at, 1);
    }
    if (coefficient % divisorCoefficient !== 0) return undefined;
    quotient.set(symbols.join("*"), coefficient / divisorCoefficient);
  }
  return fromPolynomial(quotient);
}

/** Whether a dimension is written canonically: a whole number from 0 on, or text as this module writes it. */
export function isCanonical(dim: Dim): boolean {
  return typeof dim === "number"
    ? Number.isInteger(dim) && dim >= 0
    : fromPolynomial(polynomialOf(dim)) === dim;
}

/** The number that a dimension stands for, given the sizes of its symbols, and of nothing else; undefined if one is not in `sizes`. */
export function evaluateDim(dim: Dim, sizes: ReadonlyMap<string, number>): number | undefined {
  // The usual ones, without taking a text apart: each input of each run asks.
  if (typeof dim === "number") return dim;
  const whole = sizes.get(dim);
  if (whole !== undefined) return whole;
  let sum = 0;
  for (const [key, coefficient] of polynomialOf(dim)) {
    let term = coefficient;
    for (const symbol of key === "" ? [] : key.split("*")) term *= sizes.get(symbol) ?? NaN;
    sum += term;
  }
  return Number.isNaN(sum) ? undefined : sum;
}

/** The number of elements of a shape. */
export function sizeOf(shape: Shape): Dim {
  return multiplyDims(...shape);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** A shape as it stands in messages: `[b, t, 64]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/**
 * NumPy's broadcasting rule. A symbolic dimension broadcasts with 1 and with itself only.
 * @throws GraphError naming the operator and both shapes.
 */
export function broadcastShapes(operator: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new GraphError(
        `${operator}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast (${x} against ${y}).`,
      );
    }
    result.push(x === 1 ? y : x);
  }
  return result;
}
