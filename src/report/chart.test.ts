import { describe, expect, it } from "vitest";
import { axisOfN, domainOf, lineMarks, svg } from "./chart.js";
import { binnedMedian } from "./charts-scores.js";
import { seriesStyle } from "../page/palette.js";

describe("charts", () => {
  const series = {
    name: "a",
    style: seriesStyle(1),
    band: true,
    points: [
      { x: 1, value: 20, low: 10, high: 30 },
      { x: 10, value: 40, low: 35, high: 45 },
    ],
  };

  it("finds a domain with air, within limits", () => {
    const [low, high] = domainOf([series], [50], [0, 100]);
    expect(low).toBeCloseTo(10 - 0.08 * 40);
    expect(high).toBeCloseTo(50 + 0.08 * 40);
    expect(domainOf([series], [0, 100], [0, 100])).toEqual([0, 100]);
    expect(domainOf([], [5])[0]).toBeLessThan(5);
  });

  it("draws a value where the scale says, without style elements or attributes", () => {
    const { markup } = svg({
      width: 120,
      height: 110,
      margin: 10,
      x: { ...axisOfN([1, 10]), axis: null },
      y: { domain: [0, 100], axis: null },
      marks: lineMarks(series),
    });
    // x from 10 to 110 over one decade; y from 100 (0 %) to 10 (100 %).
    expect(markup).toContain('d="M10,82L110,64"');
    expect(markup).toContain('d="M10,73L110,59.5L110,68.5L10,91Z"');
    expect(markup).toContain('stroke-dasharray="7 3"');
    expect(markup).not.toMatch(/<style|style=/);
  });

  it("has an axis for a single N", () => {
    expect(axisOfN([50])).toMatchObject({ domain: [25, 100], ticks: [50] });
  });

  it("finds a binned median", () => {
    expect(binnedMedian({ edges: [0, 1, 2, 3], counts: [1, 2, 1] })).toBeCloseTo(1.5);
    expect(binnedMedian({ edges: [0, 1, 2], counts: [0, 4] })).toBeCloseTo(1.5);
    expect(binnedMedian({ edges: [0, 1], counts: [0] })).toBeUndefined();
  });
});
