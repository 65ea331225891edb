import { BASE_STYLE } from "../base-style.js";
import { mixedColour, type Mode } from "../palette.js";
import { TINT_STEPS } from "./lanes.js";

/** The strongest tint's share of its colour: the text keeps a contrast of 4.5 : 1 on it in both modes. */
const STRONGEST = 0.42;

/** As ground; under the words of whoever is out of the race, whose grey it would drown. */
const tint = (step: number, colour: string): string =>
  `.said .t${step}{background:${colour}}.lane.out .said .t${step}{border-bottom-color:${colour}}`;

const tints = (mode: Mode): string =>
  Array.from({ length: TINT_STEPS }, (_, i) =>
    tint(i + 1, mixedColour("orange", (STRONGEST * (i + 1)) / TINT_STEPS, mode)),
  ).join("");

/** The style sheet of the race. */
export const RACE_STYLE = `${BASE_STYLE}
.wrap{max-width:1360px}
.masthead{padding:16px 0 10px}
h1{font-size:1.5rem;letter-spacing:-.015em;max-width:none}
.intro{color:var(--muted);margin:4px 0 16px;max-width:90ch}
.race-form{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:8px 28px;align-items:start}
.race-form textarea{resize:vertical;font-family:var(--mono);font-size:.9375rem;min-height:46px}
.examples{display:flex;flex-wrap:wrap;gap:6px;margin:2px 0 0;max-width:none}
.examples button{font:13px/1.4 var(--mono);color:var(--accent);background:none;border:1px solid var(--hairline);border-radius:99px;padding:3px 11px;cursor:pointer}
.examples button:hover{border-color:var(--accent)}
.knobs{display:flex;flex-wrap:wrap;gap:10px;align-items:end}
.knobs .field{width:112px}.knobs .n-field{width:76px}.knobs .reward-field{width:182px}
.go{font:inherit;font-weight:650;min-height:42px;padding:0 26px;border:0;border-radius:6px;background:var(--accent);color:var(--page);cursor:pointer}
.checks{grid-column:1/-1;display:flex;flex-wrap:wrap;gap:4px 26px;margin:0;max-width:none;color:var(--muted)}.checks label{display:flex;gap:9px;align-items:center}
.status{margin:14px 0 10px;color:var(--muted);font-size:.9375rem;min-height:1.6em;max-width:none}
.error{color:var(--orange);font-weight:600}
.track{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,560px);gap:36px;align-items:start}
.lanes{list-style:none;margin:0;padding:0;border-top:1px solid var(--hairline)}
.lane{display:grid;grid-template-columns:2.6em minmax(0,1fr) auto;gap:0 12px;padding:5px 8px 5px 6px;border-bottom:1px solid var(--hairline);border-left:3px solid transparent;min-height:49px;align-items:baseline}
.lane.marked{background:var(--panel)}
.lane .number{color:var(--muted);font-size:.8125rem}
.said{font:.875rem/1.5 var(--mono);white-space:pre-wrap;overflow-wrap:anywhere;max-height:9em;overflow-y:auto}
.said span{border-radius:2px}
.sum{text-align:right;white-space:nowrap;font-size:.875rem}
.sum small{color:var(--muted);font-size:.75rem;margin-left:.3em}
.words{grid-column:2/-1;font-size:.8125rem;color:var(--muted);min-height:1.45em;line-height:1.45}
.lane.drawing{border-left-color:var(--slate)}
.lane.leading{border-left-color:var(--blue)}.lane.leading .words{color:var(--blue);font-weight:600}
.lane.won{border-left-color:var(--green);background:var(--panel)}.lane.won .words{color:var(--green);font-weight:650}
.lane.out .said{color:var(--muted)}.lane.out .said span{background:none!important;border-bottom:3px solid transparent}
.other{color:var(--purple);margin-left:.5em;font-weight:600}
.beside{position:sticky;top:12px}
.paths{display:block;width:100%;height:auto;font:12px var(--sans);overflow:visible}
.paths .grid{stroke:var(--hairline)}
.paths .tick{fill:var(--muted)}
.path{fill:none;stroke:var(--slate);stroke-width:1.5;stroke-linejoin:round}
.end{fill:var(--slate)}
.path.out{stroke:var(--control);stroke-width:1;stroke-dasharray:3 3}.end.out{fill:var(--control)}
.path.leading{stroke:var(--blue);stroke-width:2.5}.end.leading{fill:var(--blue)}
.path.won{stroke:var(--green);stroke-width:3}.end.won{fill:var(--green)}
.path.marked{stroke:var(--orange);stroke-width:3;stroke-dasharray:none}.end.marked{fill:var(--orange)}
.bound{stroke:var(--text);stroke-dasharray:1 4;stroke-linecap:round;stroke-width:1.5}
.bound-name{fill:var(--text);font-weight:600;paint-order:stroke;stroke:var(--page);stroke-width:4px}
.verdict-panel{margin-top:14px}
.verdict-panel h2{font-size:1.1875rem;color:var(--green);margin-bottom:.4rem}
.verdict-panel p{font-size:.9375rem;line-height:1.5;margin-bottom:.6em}
.answer{font-size:.875rem;line-height:1.5;background:var(--panel);padding:10px 14px;border-radius:6px;margin:0 0 12px;white-space:pre-wrap;overflow-wrap:anywhere;max-height:12em;overflow-y:auto}
table{border-collapse:collapse;font-size:.875rem;line-height:1.4;width:100%}
caption{text-align:left;color:var(--muted);padding:0 0 6px}
th,td{text-align:right;padding:4px 0 4px 14px;border-bottom:1px solid var(--hairline);white-space:nowrap}
th:first-child{text-align:left;padding-left:0}th{font-weight:500}thead th{color:var(--muted)}
td.differs{color:var(--purple);font-weight:650}td.same{color:var(--muted)}
${tints("light")}
@media (prefers-color-scheme:dark){${tints("dark")}}
@media (max-width:1080px){.race-form{grid-template-columns:minmax(0,1fr)}.track{grid-template-columns:minmax(0,1fr)}.beside{position:static;grid-row:1}}
@media (max-width:640px){.knobs .field{flex:1 1 40%}.knobs .field.reward-field{width:auto}td:last-child,th:last-child{display:none}.go{flex:1 1 100%}.lane{grid-template-columns:2.2em minmax(0,1fr) auto}}
@media print{.race-form,.status{display:none}.track{display:block}}
`;
