import { cssVariables } from "../page/palette.js";

/** The page's style sheet: system fonts, one column of prose, figures with their caption beside them. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;${cssVariables("light")}
--sans:-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,system-ui,sans-serif;
--mono:ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"Liberation Mono",monospace}
@media (prefers-color-scheme:dark){:root{${cssVariables("dark")}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.6 var(--sans);font-variant-numeric:tabular-nums;overflow-wrap:break-word}
.wrap{max-width:1096px;margin:0 auto;padding:0 28px}
a{color:var(--accent);text-underline-offset:.18em;text-decoration-thickness:1px}
a:hover{text-decoration-thickness:2px}
:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:3px}
.skip{position:absolute;left:-999em}
.skip:focus{left:16px;top:12px;background:var(--page);padding:6px 12px;z-index:1}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
h1,h2,h3{line-height:1.2;text-wrap:balance;margin:0}
h1{font-size:clamp(1.75rem,1.2rem + 2.4vw,2.75rem);font-weight:700;letter-spacing:-.022em;max-width:24ch;line-height:1.12}
h2{font-size:1.5rem;font-weight:700;letter-spacing:-.014em;margin-bottom:.75rem}
h3{font-size:1.0625rem;font-weight:650;margin-bottom:.5rem}
p{margin:0 0 1em;max-width:68ch;text-wrap:pretty}
code,pre,.prompt-text,td.text,td.answer{font-family:var(--mono)}
code{font-size:.9em}
.note{color:var(--muted);font-size:.875rem;line-height:1.55}
.masthead{display:flex;flex-wrap:wrap;gap:4px 28px;align-items:baseline;padding:22px 0;font-size:.875rem;color:var(--muted)}
.masthead b{color:var(--text);font-weight:700;letter-spacing:-.01em;font-size:1rem}
.masthead nav{margin-left:auto}
.masthead ul{display:flex;flex-wrap:wrap;gap:2px 18px;list-style:none;margin:0;padding:0}
.hero{padding:56px 0 8px}
.kicker{font-size:.875rem;color:var(--muted);margin-bottom:14px}
.lead{font-size:1.1875rem;line-height:1.55;margin:22px 0 0;max-width:62ch}
.findings{margin:44px 0 0;padding:26px 30px 14px;background:var(--panel);border-left:4px solid var(--orange);border-radius:0 6px 6px 0}
.findings h2{font-size:1.1875rem;letter-spacing:-.008em}
.findings ul{margin:0;padding-left:1.15em;columns:40ch auto;column-gap:3em}
.findings li{margin-bottom:.65em;max-width:72ch;padding-left:.2em;break-inside:avoid}
.findings li::marker{color:var(--orange)}
section{padding:68px 0 0;scroll-margin-top:0}
.kpis{display:grid;grid-template-columns:repeat(auto-fit,minmax(152px,1fr));gap:30px 24px;margin:52px 0 0}
.kpi{border-top:1px solid var(--hairline);padding-top:12px}
.kpi.strong{border-top:2px solid var(--blue);padding-top:11px}
.kpi dt{font-size:.875rem;color:var(--muted);line-height:1.35;min-height:2.7em;display:flex;align-items:flex-end;margin-bottom:2px}
.kpi dd{margin:0}
.kpi .value{display:block;font-size:2rem;font-weight:650;letter-spacing:-.025em;line-height:1.2}
.kpi .unit{font-size:1rem;font-weight:500;letter-spacing:0;color:var(--muted)}
.kpi .interval{font-size:.8125rem;color:var(--muted)}
.bar{display:block;margin:6px 0 4px;max-width:100%}
.bar .track{stroke:var(--hairline);stroke-width:2}
.bar .range{stroke:var(--muted);stroke-width:4}
.bar circle{fill:var(--text)}
.strong .bar .range,.strong .bar circle{stroke:var(--blue);fill:var(--blue)}
.claims-note{margin:34px 0 0}
.claims{display:grid;grid-template-columns:minmax(150px,250px) minmax(0,1fr);gap:0 28px;margin:12px 0 0}
.claims dt,.claims dd{margin:0;padding:11px 0;border-top:1px solid var(--hairline)}
.claims dt{font-weight:600}
.claims dd{max-width:74ch}
figure{margin:44px 0 0;display:grid;grid-template-columns:minmax(0,680px) minmax(0,1fr);gap:12px 44px;align-items:start}
figure:first-of-type{margin-top:26px}
figcaption{grid-column:2;grid-row:1}.plot{grid-column:1;grid-row:1;min-width:0}
figcaption p{font-size:.9375rem;line-height:1.55;margin-bottom:.7em}
figcaption p.note{font-size:.8438rem}
.chart{display:block;width:100%;height:auto;font-family:var(--sans);font-size:12px;overflow:visible;font-variant-numeric:tabular-nums}
.chart text{white-space:pre;paint-order:stroke}
.chart [aria-label$="axis tick label"],.chart [aria-label$="axis label"]{fill:var(--muted)}
.chart [aria-label$="-grid"]{stroke:var(--hairline);stroke-opacity:1}
.chart [aria-label$="axis tick"]{stroke:var(--hairline)}
.narrow{display:none}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:22px 20px}
.panel-title{font-size:.875rem;font-weight:600;margin:0 0 2px;line-height:1.4}
.panel .chart{max-width:360px}
.legend{display:none;flex-wrap:wrap;gap:6px 20px;list-style:none;margin:12px 0 0;padding:0;font-size:.875rem}
.legend li{display:flex;align-items:center;gap:8px}
.legend .chart{width:34px;height:14px;flex:none}
.scroll{overflow-x:auto;max-width:100%}
.scroll.tall{max-height:560px;overflow-y:auto}
table{border-collapse:collapse;font-size:.875rem;line-height:1.45}
caption{text-align:left;color:var(--muted);padding:0 0 10px;max-width:74ch;font-size:.875rem}
th,td{padding:7px 22px 7px 0;text-align:right;vertical-align:baseline;border-bottom:1px solid var(--hairline);white-space:nowrap}
th:first-child{text-align:left}
th{font-weight:600}
tbody th{font-weight:500}
thead th{color:var(--muted);font-weight:600;border-bottom-color:var(--control)}
.ci,.none{color:var(--muted)}
.ci{font-size:.8125rem;margin-left:.2em}
#comparison{width:100%;font-size:.9375rem}
#comparison tbody th{white-space:normal;min-width:190px}
.verdict{display:inline-block;margin-right:.7em;font-size:.8125rem;font-weight:600;color:var(--muted)}
.verdict.up{color:var(--green)}.verdict.down{color:var(--orange)}
details.figures{border-bottom:1px solid var(--hairline)}
details.figures:first-of-type{border-top:1px solid var(--hairline)}
summary{cursor:pointer}
details.figures>summary{padding:11px 0;font-weight:500}
details.figures>summary::marker{color:var(--muted)}
details.figures[open]>summary{font-weight:650}
details.figures>.scroll{padding:4px 0 22px}
#sources td,#sources th,#options-table td,#versions-table td,#options-table th,#versions-table th{text-align:left;white-space:normal}
#filters{display:flex;flex-wrap:wrap;gap:14px 24px;align-items:end;margin:26px 0 18px}
#filters[hidden],details.prompt[hidden]{display:none}
.field{display:flex;flex-direction:column;gap:5px}
.field.grow{flex:1 1 250px}
label,legend{font-size:.875rem}
.field label,legend{color:var(--muted)}
input[type=search],select{font:inherit;font-size:1rem;color:var(--text);background:var(--page);border:1px solid var(--control);border-radius:6px;padding:8px 11px;min-height:42px;width:100%}
fieldset{border:0;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:4px 20px}
fieldset legend{padding:0;margin-bottom:5px}
fieldset label{display:inline-flex;align-items:center;gap:8px;min-height:42px}
input[type=checkbox]{width:18px;height:18px;margin:0;accent-color:var(--accent)}
#shown{flex-basis:100%;margin:0;font-size:.875rem;color:var(--muted)}
#prompts{border-top:1px solid var(--hairline)}
.prompt{border-bottom:1px solid var(--hairline);content-visibility:auto;contain-intrinsic-size:auto 46px}
.prompt>summary{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:4px 28px;padding:10px 10px 10px 26px;align-items:baseline;position:relative;list-style:none}
.prompt>summary::-webkit-details-marker{display:none}
.prompt>summary::before{content:"";position:absolute;left:6px;top:1.12em;width:7px;height:7px;border:solid var(--muted);border-width:0 1.5px 1.5px 0;transform:rotate(-45deg)}
.prompt[open]>summary::before{transform:rotate(45deg);top:1em}
.prompt>summary:hover,.prompt[open]>summary{background:var(--panel)}
.prompt>summary:focus-visible{outline-offset:-2px}
.prompt-text{font-size:.875rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.facts{display:grid;grid-auto-flow:column;grid-auto-columns:8.8em;gap:0 14px;font-size:.8125rem;color:var(--muted)}
.fact.differ{color:var(--text);font-weight:600}
.right{color:var(--green);font-weight:600}.wrong{color:var(--orange);font-weight:600}
.inside{padding:16px 10px 28px 26px}
pre{font-size:.875rem;line-height:1.5;background:var(--panel);padding:12px 16px;border-radius:6px;margin:0 0 18px;white-space:pre-wrap;overflow-wrap:anywhere;max-height:340px;overflow-y:auto}
.inside .note{margin-bottom:8px}
td.text,th.text,td.answer,th.answer,td.by,th.by{text-align:left}
td.answer{white-space:pre-wrap;overflow-wrap:anywhere;min-width:7em;font-size:.8125rem}td.by{white-space:normal;min-width:9.5em}
td.text{white-space:pre-wrap;overflow-wrap:anywhere;min-width:17em;font-size:.8125rem}
.chosen tbody th{white-space:normal;min-width:7.5em;max-width:22em}
table.all{width:100%}.all th,.all td{padding-right:16px}
.responses .scroll{margin-top:22px}
.all thead th{position:sticky;top:0;background:var(--page)}
th button{font:inherit;color:inherit;background:none;border:0;padding:4px 0;cursor:pointer;text-decoration:underline;text-decoration-style:dotted;text-underline-offset:.25em}
th[aria-sort] button{color:var(--text);text-decoration-style:solid}
th[aria-sort=descending] button::after{content:" ↓"}
th[aria-sort=ascending] button::after{content:" ↑"}
.picked td{background:var(--panel)}.picked td.by{font-weight:600}
.picked td:first-child{box-shadow:inset 3px 0 var(--blue)}
.all td:first-child,.all th:first-child{padding-left:12px}
.command{font-size:.9375rem;padding:16px 20px}
.facts-list{display:grid;gap:0;margin:0 0 26px}
.facts-list div{display:grid;grid-template-columns:minmax(110px,190px) minmax(0,1fr);gap:0 20px;padding:7px 0;border-bottom:1px solid var(--hairline)}
.facts-list dt{color:var(--muted);font-size:.875rem}
.facts-list dd{margin:0;font-family:var(--mono);font-size:.8438rem;overflow-wrap:anywhere}
footer{padding:64px 0 72px;color:var(--muted);font-size:.875rem}
@media (max-width:980px){figure{display:block}figcaption{max-width:68ch;margin-bottom:18px}.facts{grid-auto-flow:row;grid-template-columns:repeat(2,9.5em);grid-auto-columns:auto}}
@media (max-width:640px){
.wrap{padding:0 18px}.hero{padding-top:26px}section{padding-top:52px}
.masthead nav{margin-left:0;width:100%}
.findings{padding:20px 18px 8px;margin-left:-18px;margin-right:-18px;border-radius:0}
.kpis{grid-template-columns:repeat(2,minmax(0,1fr));gap:24px 18px}
.kpi .value{font-size:1.625rem}
.claims{grid-template-columns:1fr}.claims dt{padding-bottom:0}.claims dd{border-top:0;padding-top:2px}
.wide{display:none}.narrow{display:block}.narrow+.legend,.legend{display:flex}
.lead{font-size:1.0625rem}
.prompt>summary{grid-template-columns:minmax(0,1fr)}
.prompt-text{white-space:normal}
.facts{display:flex;flex-wrap:wrap;gap:0 14px}
.inside{padding-left:10px}
.facts-list div{grid-template-columns:1fr}
th,td{padding-right:16px}td.text{min-width:13.5em}
}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
@media print{.masthead nav,#filters,.skip{display:none}section{break-inside:auto}figure{break-inside:avoid}body{font-size:11pt}}
`;
