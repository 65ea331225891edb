import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { binEdges, histogram } from "./histogram.js";

describe("histograms", () => {
  it("count every value once, in the bin whose edges hold it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -500, max: 0, noNaN: true }), { minLength: 1, maxLength: 200 }),
        (values) => {
          const edges = binEdges(values);
          for (let i = 1; i < edges.length; i++) expect(edges[i]!).toBeGreaterThanOrEqual(edges[i - 1]!);
          const { counts } = histogram(values, edges);
          expect(counts.reduce((a, b) => a + b, 0)).toBe(values.length);
          expect(counts.length).toBe(edges.length - 1);
          expect(edges[0]!).toBeLessThanOrEqual(Math.min(...values));
          expect(edges.at(-1)!).toBeGreaterThanOrEqual(Math.max(...values));
          counts.forEach((count, bin) => {
            const last = bin === counts.length - 1;
            const inside = values.filter(
              (v) => v >= edges[bin]! && (last ? v <= edges[bin + 1]! : v < edges[bin + 1]!),
            );
            expect(count).toBe(inside.length);
          });
        },
      ),
      { numRuns: 200, seed: 1 },
    );
  });

  it("put a value on an edge into the bin above, and the last edge into the last bin", () => {
    expect(histogram([0, 1, 1.5, 2, 3], [0, 1, 2, 3]).counts).toEqual([1, 2, 2]);
  });

  it("widen around equal values", () => {
    const edges = binEdges([-3, -3]);
    expect([edges[0], edges.at(-1)]).toEqual([-3.5, -2.5]);
    expect(edges).toHaveLength(11);
    expect(histogram([-3, -3], edges).counts.reduce((a, b) => a + b)).toBe(2);
  });

  it("have more bins for more values, within bounds", () => {
    const even = (count: number) => Array.from({ length: count }, (_, i) => i / count);
    expect(binEdges(even(20)).length - 1).toBe(10);
    // Freedman–Diaconis on a uniform sample: ∛n bins.
    expect(binEdges(even(27_000)).length - 1).toBe(30);
    expect(binEdges([...even(1000), 1e6]).length - 1).toBe(60);
  });
});
