import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addDims,
  broadcastShapes,
  divideDims,
  evaluateDim,
  isCanonical,
  multiplyDims,
  sameShape,
  sizeOf,
  type Dim,
} from "./dim.js";

/** Sums of up to three terms, each a small coefficient times up to two symbols. */
const term = fc
  .tuple(fc.integer({ min: -3, max: 4 }), fc.array(fc.constantFrom("b", "k", "t"), { maxLength: 2 }))
  .map(([coefficient, symbols]) => multiplyDims(coefficient, ...symbols));
const dim = fc.array(term, { maxLength: 3 }).map((terms) => addDims(...terms));
fc.configureGlobal({ seed: 2412 });

const sizes = new Map([
  ["b", 5],
  ["k", 7],
  ["t", 11],
]);
const valueOf = (d: Dim): number => evaluateDim(d, sizes)!;

describe("dimensions are a commutative ring", () => {
  test("addition and multiplication commute, associate and distribute, as equal text", () => {
    fc.assert(
      fc.property(dim, dim, dim, (a, b, c) => {
        expect(addDims(a, b)).toBe(addDims(b, a));
        expect(addDims(addDims(a, b), c)).toBe(addDims(a, addDims(b, c)));
        expect(multiplyDims(a, b)).toBe(multiplyDims(b, a));
        expect(multiplyDims(multiplyDims(a, b), c)).toBe(multiplyDims(a, multiplyDims(b, c)));
        expect(multiplyDims(a, addDims(b, c))).toBe(addDims(multiplyDims(a, b), multiplyDims(a, c)));
      }),
    );
  });

  test("0 and 1 are neutral, and every dimension has its negative", () => {
    fc.assert(
      fc.property(dim, (a) => {
        expect(addDims(a, 0)).toBe(a);
        expect(multiplyDims(a, 1)).toBe(a);
        expect(multiplyDims(a, 0)).toBe(0);
        expect(addDims(a, multiplyDims(-1, a))).toBe(0);
      }),
    );
  });

  test("sizes put in for the symbols, sums are sums and products are products", () => {
    fc.assert(
      fc.property(dim, dim, (a, b) => {
        expect(valueOf(addDims(a, b))).toBe(valueOf(a) + valueOf(b));
        expect(valueOf(multiplyDims(a, b))).toBe(valueOf(a) * valueOf(b) + 0);
      }),
    );
  });

  test("division undoes multiplication by a term, and says when it cannot", () => {
    fc.assert(
      fc.property(dim, term, (a, divisor) => {
        fc.pre(divisor !== 0);
        expect(divideDims(multiplyDims(a, divisor), divisor)).toBe(a);
      }),
    );
    expect(divideDims("b*t", "k")).toBeUndefined();
    expect(divideDims("3*b", 2)).toBeUndefined();
    expect(divideDims("t+1", "t")).toBeUndefined();
    expect(divideDims("t+1", "t+1")).toBe(1);
    expect(divideDims(6, 0)).toBeUndefined();
    expect(divideDims(0, 0)).toBeUndefined();
  });
});

describe("text", () => {
  test("is as written in the documentation", () => {
    expect(addDims("p", 1, "s")).toBe("s+p+1");
    expect(multiplyDims("t", "b")).toBe("b*t");
    expect(addDims("t", -1)).toBe("t+-1");
    expect(sizeOf(["b", "t", 64])).toBe("64*b*t");
    expect(sizeOf([])).toBe(1);
  });

  test("that is not canonical is told from text that is", () => {
    fc.assert(
      fc.property(dim, (a) => {
        expect(isCanonical(a)).toBe(typeof a === "string" || a >= 0);
      }),
    );
    expect(["t*b", "1+t", "1*b", "0", "b+b", -1, 1.5].map((odd) => isCanonical(odd))).toEqual(
      new Array(7).fill(false),
    );
  });

  test("that is no dimension at all is refused with its own words", () => {
    for (const bad of ["", "b t", "b-1", "2b", "b**t", "a/b"]) {
      expect(() => addDims(bad)).toThrow(
        `"${bad}" is not a dimension: use names and integers joined by * and +.`,
      );
    }
  });

  test("a symbol without a size has no value", () => {
    expect(evaluateDim("q+1", sizes)).toBeUndefined();
    expect(evaluateDim("2*b*t+k", sizes)).toBe(117);
    expect(evaluateDim(9, sizes)).toBe(9);
  });
});

describe("broadcasting", () => {
  const shape = fc.array(fc.constantFrom<Dim>(1, 2, 3, "b"), { maxLength: 4 });

  test("is NumPy's rule, the other way round too", () => {
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        const rank = Math.max(a.length, b.length);
        const padded = (s: readonly Dim[]): Dim[] => [...new Array<Dim>(rank - s.length).fill(1), ...s];
        const pairs = padded(a).map((x, i) => [x, padded(b)[i]!] as const);
        if (pairs.some(([x, y]) => x !== y && x !== 1 && y !== 1)) {
          expect(() => broadcastShapes("Add", a, b)).toThrow(
            /^Add: shapes \[.*\] and \[.*\] do not broadcast/,
          );
          return;
        }
        const expected = pairs.map(([x, y]) => (x === 1 ? y : x));
        expect(broadcastShapes("Add", a, b)).toEqual(expected);
        expect(sameShape(broadcastShapes("Add", b, a), expected)).toBe(true);
      }),
    );
  });
});
