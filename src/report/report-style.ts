import { BASE_STYLE } from "../page/base-style.js";
import { CHART_STYLE, TABLE_STYLE } from "../page/figure-style.js";

/** The style sheet of a run's page: the verdict beside the figure that matters most, then figures with their words beside them. */
export const REPORT_STYLE = `${BASE_STYLE}${CHART_STYLE}${TABLE_STYLE}
.wrap{max-width:1240px}
h1{font-size:clamp(1.5rem,1.2rem + .7vw,1.75rem);max-width:none}
.masthead{padding:18px 0 10px}
.hero{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,700px);gap:22px 44px;padding:14px 0 0}
.verdict-column{padding-top:16px}
.kicker{font-size:.875rem;color:var(--muted);margin-bottom:12px}
.lead{font-size:.9375rem;line-height:1.55;margin:18px 0 0}
.hero>.kpis,.hero>.findings,.hero>details{grid-column:1/-1}
.findings{padding:22px 28px 12px;background:var(--panel);border-left:4px solid var(--orange);border-radius:0 6px 6px 0}
.findings h2{font-size:1.125rem}
.findings ul{margin:0;padding-left:1.15em}
.findings .first{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:0 2.4em}
.findings details ul{columns:34ch auto;column-gap:3em;margin-top:10px}
.findings li{margin-bottom:.65em;padding-left:.2em;break-inside:avoid;font-size:.9375rem;line-height:1.5}
.findings li::marker{color:var(--orange)}
.findings summary{font-weight:600;padding:4px 0 8px}
.kpis{display:grid;grid-auto-flow:column;grid-auto-columns:minmax(0,1fr);gap:20px;margin:0}
.kpi{border-top:1px solid var(--hairline);padding-top:10px}
.kpi.strong{border-top:2px solid var(--blue);padding-top:9px}
.kpi dt{font-size:.8125rem;color:var(--muted);line-height:1.35;min-height:2.7em;display:flex;align-items:flex-end}
.kpi dd{margin:0}
.kpi .value{display:block;font-size:1.625rem;font-weight:650;letter-spacing:-.025em;line-height:1.25}
.kpi .unit{font-size:.9375rem;font-weight:500;letter-spacing:0;color:var(--muted)}
.kpi .interval{font-size:.8125rem;color:var(--muted)}
.bar{display:block;margin:4px 0 2px;max-width:100%}
.bar .track{stroke:var(--hairline);stroke-width:2}
.bar .range{stroke:var(--muted);stroke-width:4}
.bar circle{fill:var(--text)}
.strong .bar .range,.strong .bar circle{stroke:var(--blue);fill:var(--blue)}
.claims{display:grid;grid-template-columns:minmax(150px,250px) minmax(0,1fr);gap:0 28px;margin:6px 0 12px}
.claims dt,.claims dd{margin:0;padding:8px 0;border-top:1px solid var(--hairline);font-size:.9375rem;line-height:1.5}
.claims dt{font-weight:600}
section{padding:48px 0 0}
figure{margin:34px 0 0;display:grid;grid-template-columns:minmax(0,700px) minmax(0,1fr);gap:12px 44px;align-items:start}
figure:first-of-type{margin-top:14px}
figcaption{grid-column:2;grid-row:1}.plot{grid-column:1;grid-row:1;min-width:0}
figure.whole,figure.leading{display:block}
figure.whole figcaption>p{max-width:110ch}
figure.leading{margin:0;grid-column:2}
figure.leading figcaption{display:flex;justify-content:space-between;align-items:baseline;margin-bottom:4px}
figure.leading figcaption *{margin:0}figure.leading h2{font-size:1.0625rem;letter-spacing:0}
figcaption p{font-size:.9375rem;line-height:1.5;margin-bottom:.6em}
figcaption p.note{font-size:.8438rem}
.narrow{display:none}
.scroll.tall{max-height:480px;overflow-y:auto}
#comparison{width:100%}#comparison td{white-space:normal;min-width:11em}#comparison .ci{white-space:nowrap}
#comparison tbody th{white-space:normal;min-width:190px}
.verdict{display:inline-block;margin-right:.7em;font-size:.8125rem;font-weight:600;color:var(--muted)}
.verdict.up{color:var(--green)}.verdict.down{color:var(--orange)}
.folded{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:0 44px;align-items:start}
.folded details[open]{grid-column:1/-1}
details.figures{border-bottom:1px solid var(--hairline)}
summary{cursor:pointer}
details.figures>summary{padding:9px 0;font-weight:500}
details>summary::marker{color:var(--muted)}
details.figures[open]>summary{font-weight:650}
details.figures>.scroll{padding:4px 0 22px}
#sources td,#sources th,#options-table td,#versions-table td,#options-table th,#versions-table th{text-align:left;white-space:normal}
#filters{display:flex;flex-wrap:wrap;gap:12px 24px;align-items:end;margin:14px 0}
#filters[hidden],#pages[hidden]{display:none}
.field.grow{flex:1 1 230px}
fieldset{border:0;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:2px 18px}
fieldset legend{padding:0;margin-bottom:5px}
fieldset label{display:inline-flex;align-items:center;gap:8px;min-height:32px}
#shown{flex-basis:100%;margin:0;font-size:.875rem;color:var(--muted)}
#prompts{border-top:1px solid var(--hairline)}
.prompt{border-bottom:1px solid var(--hairline)}
.prompt>summary{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:2px 28px;padding:6px 8px 6px 24px;align-items:baseline;position:relative;list-style:none}
.prompt>summary::-webkit-details-marker{display:none}
.prompt>summary::before{content:"";position:absolute;left:6px;top:1em;width:7px;height:7px;border:solid var(--muted);border-width:0 1.5px 1.5px 0;transform:rotate(-45deg)}
.prompt[open]>summary::before{transform:rotate(45deg)}
.prompt>summary:hover,.prompt[open]>summary{background:var(--panel)}
.prompt>summary:focus-visible{outline-offset:-2px}
.prompt-text{font:.875rem/1.5 var(--mono);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.facts{display:flex;flex-wrap:wrap;gap:0 16px;font-size:.8125rem;color:var(--muted)}
.fact{min-width:6.4em;text-align:right}
.mark .name{color:var(--muted)}
.right{color:var(--green);font-weight:600}.wrong{color:var(--orange);font-weight:600}
.inside{padding:12px 10px 22px 24px}
pre{font-size:.875rem;line-height:1.5;background:var(--panel);padding:10px 14px;border-radius:6px;margin:0 0 14px;white-space:pre-wrap;overflow-wrap:anywhere;max-height:340px;overflow-y:auto}
.inside .note{margin-bottom:6px}
td.answer,th.answer,td.by,th.by,th.text{text-align:left}
tbody th.text,td.answer{font-family:var(--mono);white-space:pre-wrap;overflow-wrap:anywhere;min-width:16em;font-size:.8125rem}
td.answer{min-width:7em}td.by{white-space:normal;min-width:9.5em}
table.all{width:100%}.all th,.all td{padding-right:16px}
.all thead th{position:sticky;top:0;background:var(--page);z-index:1;white-space:normal}
th button{font:inherit;color:inherit;background:none;border:0;padding:4px 0;cursor:pointer;text-decoration:underline;text-decoration-style:dotted;text-underline-offset:.25em;text-align:inherit}
th[aria-sort] button{color:var(--text);text-decoration-style:solid}
th[aria-sort=descending] button::after{content:" ↓"}
th[aria-sort=ascending] button::after{content:" ↑"}
.picked td,.picked th{background:var(--panel)}.picked td.by{font-weight:600}
#pages{display:flex;gap:18px;align-items:center;padding:14px 0 0;font-size:.875rem;color:var(--muted)}
#pages button{font:inherit;color:var(--text);background:var(--page);border:1px solid var(--control);border-radius:6px;padding:6px 14px;cursor:pointer}
#pages button:disabled{color:var(--muted);border-color:var(--hairline);cursor:default}
.facts-list{margin:0 0 20px}
.facts-list div{display:grid;grid-template-columns:minmax(110px,190px) minmax(0,1fr);gap:0 20px;padding:5px 0;border-bottom:1px solid var(--hairline)}
.facts-list dt{color:var(--muted);font-size:.875rem}
.facts-list dd{margin:0;font-family:var(--mono);font-size:.8438rem;overflow-wrap:anywhere}
footer{padding:44px 0 48px}
@media (max-width:1100px){.hero{grid-template-columns:minmax(0,1fr)}figure.leading{grid-column:1}figure{display:block}figcaption{max-width:68ch;margin-bottom:14px}.prompt>summary{grid-template-columns:minmax(0,1fr)}.fact{min-width:0}.findings .first{grid-template-columns:minmax(0,1fr)}.kpis{grid-auto-flow:row;grid-template-columns:repeat(4,minmax(0,1fr))}}
@media (max-width:640px){
section{padding-top:40px}.verdict-column{padding-top:0}.hero{padding-top:4px}
.masthead ul{gap:2px 14px}
.findings{padding:18px 18px 8px;margin-left:-18px;margin-right:-18px;border-radius:0}
.kpis{grid-template-columns:repeat(2,minmax(0,1fr));gap:14px 18px}
.kpi dt{min-height:0}.kpi .value{font-size:1.375rem}
.claims{grid-template-columns:1fr}.claims dt{padding-bottom:0}.claims dd{border-top:0;padding-top:2px}
.wide{display:none}.narrow{display:block}.legend{display:flex}
.folded{grid-template-columns:minmax(0,1fr)}
.prompt-text{white-space:normal}
.inside{padding-left:6px}
.facts-list div{grid-template-columns:1fr}
th,td{padding-right:14px}
th:first-child{position:sticky;left:0;background:var(--page);z-index:1;max-width:46vw;white-space:normal}
#comparison tbody th{min-width:34vw}#comparison td{min-width:9em}
.all thead th:first-child{z-index:2}tbody th.text{min-width:0;width:46vw}
.picked th:first-child{background:var(--panel)}
}
@media print{#filters,#pages{display:none}figure{break-inside:avoid}.tip{display:none}}
`;
