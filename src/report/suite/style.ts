import { BASE_STYLE } from "../../page/base-style.js";
import { CHART_STYLE, TABLE_STYLE } from "../../page/figure-style.js";
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

/** The style sheet of tables that are heat maps. */
export const HEAT_STYLE = `
${heatClasses("light")}
@media (prefers-color-scheme:dark){${heatClasses("dark")}}
table.heat td{padding:9px 14px;text-align:center;border:2px solid var(--page);min-width:7.5em}
table.heat th{padding:9px 14px 9px 0}
table.heat thead th{text-align:center}
table.heat .ci{display:block;color:var(--text);margin:0}
table.heat .clear{font-weight:700}
.runs-of{display:block;font-size:.75rem}
table.heat td.blank{color:var(--muted);border:1px dashed var(--control)}
.heats{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:30px 28px}
`;

/** The style sheet of a suite's page: one column of prose, figures below their captions, tables that are heat maps. */
export const SUITE_STYLE = `${BASE_STYLE}${CHART_STYLE}${TABLE_STYLE}
.hero{padding:56px 0 8px}
.kicker{font-size:.875rem;color:var(--muted);margin-bottom:14px}
.lead{font-size:1.1875rem;line-height:1.55;margin:22px 0 0;max-width:62ch}
section{padding:68px 0 0;scroll-margin-top:0}
.claims{display:grid;grid-template-columns:minmax(150px,250px) minmax(0,1fr);gap:0 28px;margin:12px 0 0}
.claims dt,.claims dd{margin:0;padding:11px 0;border-top:1px solid var(--hairline)}
.claims dt{font-weight:600}
.claims dd{max-width:74ch}
figure{margin:44px 0 0}
figure:first-of-type{margin-top:26px}
figcaption{max-width:74ch;margin-bottom:18px}
figcaption p{font-size:.9375rem;line-height:1.55;margin-bottom:.7em}
figcaption p.note{font-size:.8438rem}
.panel .chart{max-width:360px}
details.figures{border-bottom:1px solid var(--hairline)}
details.figures:first-of-type{border-top:1px solid var(--hairline)}
summary{cursor:pointer}
details.figures>summary{padding:11px 0;font-weight:500}
details.figures>summary::marker{color:var(--muted)}
details.figures[open]>summary{font-weight:650}
details.figures>.scroll{padding:4px 0 22px}
pre{font-size:.875rem;line-height:1.5;background:var(--panel);padding:12px 16px;border-radius:6px;margin:0 0 18px;white-space:pre-wrap;overflow-wrap:anywhere;max-height:340px;overflow-y:auto}
.command{font-size:.9375rem;padding:16px 20px}
@media (max-width:640px){
.hero{padding-top:26px}section{padding-top:52px}
.claims{grid-template-columns:1fr}.claims dt{padding-bottom:0}.claims dd{border-top:0;padding-top:2px}
.lead{font-size:1.0625rem}
}
@media print{section{break-inside:auto}figure{break-inside:avoid}}
${HEAT_STYLE}.figures-list{columns:2 20rem;padding-left:1.2em;margin:12px 0 0}
.figures-list li{margin-bottom:.4em}
.claims ul{margin:.4em 0 .6em;padding-left:1.15em}
details.figures+h3{margin-top:28px}
#table-1 td,#table-2 td,#cells td,[id^=paper-table] td{white-space:normal}
`;
