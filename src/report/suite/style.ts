import { mixedColour, type Mode } from "../../page/palette.js";

/** Steps of a heat map on either side of none. */
export const HEAT_STEPS = 5;
/** The strongest step's share of its colour: the page's text keeps a contrast of 4.5 : 1 on it in both modes. */
const STRONGEST = 0.45;

function heatClasses(mode: Mode): string {
  return Array.from({ length: HEAT_STEPS }, (_, i) => {
    const share = (STRONGEST * (i + 1)) / HEAT_STEPS;
    return `td.up${i + 1}{background:${mixedColour("blue", share, mode)}}td.down${i + 1}{background:${mixedColour("orange", share, mode)}}`;
  }).join("");
}

/** What the suites' pages have beside the style of every report. */
export const SUITE_STYLE = `
${heatClasses("light")}
@media (prefers-color-scheme:dark){${heatClasses("dark")}}
table.heat td{padding:9px 14px;text-align:center;border:2px solid var(--page);min-width:7.5em}
table.heat th{padding:9px 14px 9px 0}
table.heat thead th{text-align:center}
table.heat .ci{display:block;color:var(--text);margin:0}
table.heat .clear{font-weight:700}
table.heat td.blank{color:var(--muted);border:1px dashed var(--control)}
figure.whole{display:block}
figure.whole figcaption{max-width:74ch;margin-bottom:18px}
.heats{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:30px 28px}
.figures-list{columns:2 20rem;padding-left:1.2em;margin:12px 0 0}
.figures-list li{margin-bottom:.4em}
.claims ul{margin:.4em 0 .6em;padding-left:1.15em}
.always .legend{display:flex;margin:0 0 12px}
#table-1 td,#cells td,#paper-table td{white-space:normal}
`;
