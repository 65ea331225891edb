/** How one series is drawn: told apart by dash and marker as well as by colour. */
export interface SeriesStyle {
  /** A CSS variable of the page's style sheet. */
  readonly colour: string;
  /** SVG stroke-dasharray; undefined is solid. */
  readonly dash?: string;
  readonly symbol: "circle" | "square" | "triangle" | "diamond" | "star" | "wye" | "cross";
}

/** A colour in each mode, as #rrggbb. */
export interface ColourPair {
  readonly light: string;
  readonly dark: string;
}

/**
 * The page's colours. After Okabe and Ito's palette (safe for the common kinds of colour blindness), darkened for
 * light mode and lightened for dark mode until every one has a contrast of 4.5 : 1 against `page` and `panel`, so
 * that a line's label may be printed in the line's colour.
 */
export const COLOURS = {
  page: { light: "#fdfdfb", dark: "#141618" },
  panel: { light: "#f4f4f0", dark: "#1d2023" },
  text: { light: "#1c1e21", dark: "#e8e9e7" },
  muted: { light: "#5b6169", dark: "#a3a9b0" },
  hairline: { light: "#dedfda", dark: "#33383d" },
  control: { light: "#80868e", dark: "#737a82" },
  accent: { light: "#0a5ba8", dark: "#7db8ef" },
  blue: { light: "#0b62b0", dark: "#6fb4f0" },
  orange: { light: "#b04a0c", dark: "#f29a5e" },
  green: { light: "#0b7358", dark: "#4fc9a0" },
  purple: { light: "#8a4490", dark: "#d69be0" },
  ochre: { light: "#7d6200", dark: "#d8b545" },
  slate: { light: "#50606f", dark: "#9fb2c4" },
  rose: { light: "#b3265e", dark: "#f391b4" },
} as const satisfies Readonly<Record<string, ColourPair>>;

const SERIES: readonly SeriesStyle[] = [
  { colour: "var(--blue)", symbol: "circle" },
  { colour: "var(--orange)", dash: "7 3", symbol: "square" },
  { colour: "var(--green)", dash: "2 3", symbol: "triangle" },
  { colour: "var(--purple)", dash: "9 3 2 3", symbol: "diamond" },
  { colour: "var(--ochre)", dash: "12 4", symbol: "star" },
  { colour: "var(--rose)", dash: "4 2 1 2 1 2", symbol: "wye" },
  { colour: "var(--slate)", dash: "5 5", symbol: "cross" },
];

/** The style of the i-th series; after seven the colours come round again. */
export function seriesStyle(i: number): SeriesStyle {
  return SERIES[i % SERIES.length] as SeriesStyle;
}

/** A mode of the page. */
export type Mode = "light" | "dark";

/** So much of a colour over the page's own, as #rrggbb. */
export function mixedColour(name: keyof typeof COLOURS, share: number, mode: Mode): string {
  const channels = (hex: string): number[] =>
    [1, 3, 5].map((start) => Number.parseInt(hex.slice(start, start + 2), 16));
  const page = channels(COLOURS.page[mode]);
  const mixed = channels(COLOURS[name][mode]).map((value, i) =>
    Math.round(value * share + page[i]! * (1 - share)),
  );
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/** The style sheet's variables for one mode. */
export function cssVariables(mode: Mode): string {
  return Object.entries(COLOURS)
    .map(([name, pair]) => `--${name}:${pair[mode]};`)
    .join("");
}
