/** The style sheet of charts, their legends and panels. */
export const CHART_STYLE = `
.chart{display:block;width:100%;height:auto;font:12px var(--sans);overflow:visible;font-variant-numeric:tabular-nums}
.chart .grid{stroke:var(--hairline)}
.chart .tick{fill:var(--muted)}
.chart .name{fill:var(--text)}
.chart .end{font-weight:600;paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}
.chart .reference{stroke:var(--text);stroke-width:1.25;stroke-dasharray:1 3;stroke-linecap:round}
.chart .context{fill:none;stroke:var(--control);stroke-width:1}
.strip{fill:transparent}
.tip{visibility:hidden;pointer-events:none}
.tip line{stroke:var(--control)}
.tip rect{fill:var(--page);stroke:var(--control)}
.tip text{fill:var(--text);font-weight:600}
.at:hover .tip,.at.pointed .tip{visibility:visible}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(276px,1fr));gap:20px}
.panel-title{font-size:.875rem;font-weight:600;margin:0 0 2px;line-height:1.4}
.legend{display:none;flex-wrap:wrap;gap:4px 20px;list-style:none;margin:8px 0 0;padding:0;font-size:.875rem}
.legend.always{display:flex;margin:0 0 10px}
.panel .legend.always{margin:0;font-size:.8125rem}
.legend li{display:flex;align-items:center;gap:8px}
.swatch{flex:none}
`;

/** The style sheet of tables of figures. */
export const TABLE_STYLE = `
table{border-collapse:collapse;font-size:.875rem;line-height:1.45}
caption{text-align:left;color:var(--muted);padding:0 0 10px;max-width:min(74ch,100vw - 40px);font-size:.875rem}
th,td{padding:6px 22px 6px 0;text-align:right;vertical-align:baseline;border-bottom:1px solid var(--hairline);white-space:nowrap}
th:first-child{text-align:left}
th{font-weight:600}
tbody th{font-weight:500}
thead th{color:var(--muted);font-weight:600;border-bottom-color:var(--control)}
.ci,.none{color:var(--muted)}
.ci{font-size:.8125rem;margin-left:.2em}
`;
