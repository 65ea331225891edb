import { describe, expect, it } from "vitest";
import { COLOURS, cssVariables, seriesStyle } from "./palette.js";

/** WCAG 2 relative luminance. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

describe("palette", () => {
  it("measures contrast as WCAG does", () => {
    expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 6);
    expect(contrast("#777777", "#ffffff")).toBeCloseTo(4.48, 2);
  });

  it("has 4.5 : 1 for text and lines, 3 : 1 for controls, on both grounds in both modes", () => {
    const { page, panel, hairline: _, control, ...inks } = COLOURS;
    for (const mode of ["light", "dark"] as const) {
      for (const ground of [page, panel]) {
        for (const [name, ink] of Object.entries(inks)) {
          expect(contrast(ink[mode], ground[mode]), `${name} on ${ground[mode]}`).toBeGreaterThanOrEqual(4.5);
        }
        expect(contrast(control[mode], ground[mode])).toBeGreaterThanOrEqual(3);
      }
    }
  });

  it("tells series apart by dash and marker too", () => {
    const styles = Array.from({ length: 7 }, (_, i) => seriesStyle(i));
    expect(new Set(styles.map((s) => s.dash)).size).toBe(7);
    expect(new Set(styles.map((s) => s.symbol)).size).toBe(7);
    expect(new Set(styles.map((s) => s.colour)).size).toBe(7);
    expect(seriesStyle(7)).toEqual(seriesStyle(0));
    expect(cssVariables("dark")).toContain("--page:#141618;");
  });
});
