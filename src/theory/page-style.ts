import { BASE_STYLE } from "../page/base-style.js";
import { CHART_STYLE, TABLE_STYLE } from "../page/figure-style.js";

/** The style sheet of the theorem lab's page: a figure beside what was found, a statement a section. */
export const THEORY_STYLE = `${BASE_STYLE}${CHART_STYLE}${TABLE_STYLE}
section{border-top:1px solid var(--hairline);padding:28px 0;margin-top:20px}
h1{margin-bottom:14px}
h2{font-size:1.25rem;display:flex;gap:4px 12px;flex-wrap:wrap;align-items:baseline}
section>p{max-width:96ch}
.holds,.fails,.open{font-size:.8125rem;font-weight:650;border:1px solid;border-radius:5px;padding:0 7px;letter-spacing:0;white-space:nowrap}
.holds{color:var(--green)}.fails{color:var(--rose)}.open{color:var(--muted)}
.columns{display:grid;grid-template-columns:minmax(0,1fr);gap:20px 44px}
@media (min-width:980px){.columns{grid-template-columns:minmax(0,560px) minmax(0,1fr)}}
figure{margin:0}
figcaption,.small{font-size:.9063rem;line-height:1.5}
figcaption{color:var(--muted);margin-top:8px}
.narrow{display:none}
.statements{columns:17rem;padding-left:1.2em;margin:0}
.statements li{margin-bottom:.25em}
sub,sup{line-height:0;font-size:.75em}
.scroll{margin-top:14px}
table{width:100%}
th,td{text-align:left;white-space:normal;vertical-align:top;padding-right:14px}
th:first-child{min-width:9rem}
td:nth-child(2),td:nth-child(3){white-space:nowrap}
td:last-child{white-space:nowrap}
@media (max-width:640px){.wide{display:none}.narrow{display:block}h2{font-size:1.125rem}}
@media print{section{break-inside:avoid}}
`;
