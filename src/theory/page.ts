import { figureSvg, looks } from "./figure.js";
import { fixed, type Verdict } from "./row.js";
import type { RowReport, TheoryReport } from "./run.js";
import { countVerdicts, show } from "./table.js";

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const text = (value: string): string => value.replace(/[&<>"]/g, (character) => escapes[character]!);

/** Escaped text with the plain-text formulas' sub- and superscripts set as such. */
function math(value: string): string {
  return text(value)
    .replace(
      /_(base|margin|cov(?:,γ)?(?:,p)?|conc|loss|max|BoN|[A-Za-zγβμ](?![A-Za-z])|[0-9]+)/g,
      "<sub>$1</sub>",
    )
    .replace(/_\{([^{}]*)\}/g, "<sub>$1</sub>")
    .replace(/\^\{([^{}]*)\}/g, "<sup>$1</sup>")
    .replace(/\^(\([^()]*\)|[−-]?[A-Za-z0-9.]+)/g, "<sup>$1</sup>");
}

const style = `
:root{color-scheme:light dark;--paper:#fdfdfb;--ink:#1c1e21;--muted:#5b6169;--line:#dedfda;--good:#0b7358;--bad:#b3261e;
--c1:#0b62b0;--c2:#b04a0c;--c3:#0b7358;--c4:#8a4490}
@media (prefers-color-scheme:dark){:root{--paper:#141618;--ink:#e8e9e7;--muted:#a3a9b0;--line:#33383d;--good:#4fc9a0;--bad:#ff8a80;
--c1:#6fb4f0;--c2:#f29a5e;--c3:#4fc9a0;--c4:#d69be0}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:64rem;margin:0 auto;padding:1rem}
h1{font-size:1.6rem;line-height:1.2;margin:1rem 0 .3rem}
h2{font-size:1.2rem;margin:0;display:flex;gap:.6rem;flex-wrap:wrap;align-items:baseline}
section{border-top:1px solid var(--line);padding:1.4rem 0}
p{margin:.5rem 0}
.muted,figcaption,dt{color:var(--muted)}
.holds,.fails,.open{font-size:.85rem;font-weight:600;border:1px solid;border-radius:.3rem;padding:0 .4rem}
.holds{color:var(--good)}.fails{color:var(--bad)}.open{color:var(--muted)}
.columns{display:grid;grid-template-columns:minmax(0,1fr);gap:1rem}
@media (min-width:56rem){.columns{grid-template-columns:minmax(0,35rem) minmax(0,1fr)}}
figure{margin:0}figure>svg{display:block;width:100%;height:auto;max-width:35rem}
figcaption,.small{font-size:.9rem}
.key{list-style:none;margin:.2rem 0;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.9rem}
.key svg{width:1.9rem;height:.8rem;vertical-align:middle;margin-right:.3rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;width:100%}
th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th:first-child{min-width:9rem}sub,sup{line-height:0;font-size:.75em}
td.number{font-variant-numeric:tabular-nums;white-space:nowrap}
nav ul{columns:16rem;padding-left:1.2rem}
a{color:var(--c1)}
`;

const classes: Readonly<Record<Verdict, string>> = { holds: "holds", "not refuted": "open", fails: "fails" };

const word = (verdict: Verdict): string => `<span class="${classes[verdict]}">${verdict}</span>`;

function key(row: RowReport): string {
  const styles = looks(row.figure.series);
  const items = row.figure.series.map((series, i) => {
    const { colour, dash } = styles[i]!;
    const dot = series.kind === "measured" ? `<circle cx="15" cy="6" r="4" fill="${colour}"/>` : "";
    const pattern = dash === undefined ? "" : ` stroke-dasharray="${dash}"`;
    const line = `<line x1="0" y1="6" x2="30" y2="6" stroke="${colour}" stroke-width="2"${pattern}/>`;
    return `<li><svg viewBox="0 0 30 12" aria-hidden="true">${line}${dot}</svg>${math(series.name)}</li>`;
  });
  return `<ul class="key">${items.join("")}</ul>`;
}

function checksTable({ checks }: RowReport): string {
  const lines = checks.map(
    (check) =>
      `<tr><td>${math(check.claim)}</td><td class="number">${show(check.measured)}</td><td class="number">${check.relation === "<=" ? "≤" : "≥"} ${show(check.bound)}</td><td>${math(check.constants)}</td><td>${word(check.verdict)}</td></tr>`,
  );
  return `<div class="scroll"><table><thead><tr><th>Measured</th><th>Value</th><th>Bound</th><th>Constants</th><th>Verdict</th></tr></thead><tbody>${lines.join("")}</tbody></table></div>`;
}

function fitsTable({ fits }: RowReport): string {
  if (fits.length === 0) return "";
  const lines = fits.map(
    (fit) =>
      `<tr><td>${math(fit.name)}</td><td class="number">${fit.slope.toFixed(3)}</td><td class="number">${fit.low.toFixed(3)} … ${fit.high.toFixed(3)}</td><td class="number">${fit.kind === "at most" ? "≤ " : ""}${show(fit.expected)} ± ${fit.tolerance}</td><td>${word(fit.verdict)}</td></tr>`,
  );
  return `<div class="scroll"><table><thead><tr><th>Rate</th><th>Fitted exponent</th><th>95 % interval</th><th>Theorem</th><th>Verdict</th></tr></thead><tbody>${lines.join("")}</tbody></table></div>`;
}

/** The fitted slopes beside the theorem's, for under the figure. */
function slopes({ fits }: RowReport): string {
  if (fits.length === 0) return "";
  const parts = fits.map(
    ({ name, slope, kind, expected }) =>
      `${name} ${fixed(slope)} (theorem ${kind === "at most" ? "≤ " : ""}${show(expected)})`,
  );
  return ` Slopes: ${math(parts.join("; "))}.`;
}

function section(row: RowReport): string {
  const notes = row.notes.map((note) => `<p class="small">${math(note)}</p>`).join("");
  const faults = row.mutations.map(({ description }) => math(description)).join("; ");
  return `<section id="${text(row.id)}"><h2>${text(row.title)} ${word(row.verdict)}</h2>
<p>${math(row.statement)}</p>
<p class="small muted">${text(row.source.join(", "))}. Instances: ${math(row.family)}; ${row.instances.toLocaleString("en")} measured.</p>
<div class="columns"><figure><strong>${math(row.figure.title)}</strong>${key(row)}${figureSvg(row.figure)}<figcaption>${math(row.figure.caption)}${slopes(row)}</figcaption></figure>
<div><p>${math(row.summary)}.</p>${notes}<p class="small"><strong>What it does not show.</strong> ${math(row.limits)}.</p>
<p class="small muted">Faults that turn it red: ${faults}.</p></div></div>${fitsTable(row)}${checksTable(row)}</section>`;
}

/** The report as one self-contained HTML page: a section and a figure a row, light and dark, readable on a phone. */
export function theoryPage(report: TheoryReport): string {
  const links = report.rows.map(
    (row) =>
      `<li><a href="#${text(row.id)}">${text(row.title)}</a> ${row.verdict === "holds" ? "" : word(row.verdict)}</li>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Whetstone theory lab</title><style>${style}</style></head>
<body><main><h1>The sharpening mechanism, checked statement by statement</h1>
<p>${countVerdicts(report)}: statements of arXiv 2412.01951 on exact finite instances, where every probability is known and
the learner sees only what the paper's oracle shows it. Not refuted means that nothing contradicts the statement, but in the range that
was run nothing could have. ${report.effort === "thorough" ? "Thorough" : report.effort === "fast" ? "Fast" : "Test"} run, seed ${report.seed}.</p>
<nav aria-label="Statements"><ul>${links.join("")}</ul></nav>
${report.rows.map(section).join("\n")}
</main></body></html>
`;
}
