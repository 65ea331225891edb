// `whetstone/report`: the page of a run and the table in the terminal. Apart from the root, since it loads what draws figures.
export { renderReport } from "../report/render-report.js";
export { reportOfRun } from "../report/report-of-run.js";
export { terminalTable } from "../report/terminal-table.js";
export { writeReport } from "../report/write-report.js";
export type { PromptRow, ReportInput, ReportManifest, ResponseRow } from "../report/report-input.js";
