import type { TheoryReport } from "./run.js";
import { rows } from "./rows/index.js";

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** The report for a terminal: a block a row with verdict, finding, and whatever does not hold. @param width columns. */
export function theoryTable(report: TheoryReport, width = 100): string {
  const idWidth = Math.max(...report.rows.map(({ id }) => id.length));
  const indent = " ".repeat(idWidth + 9);
  const blocks = report.rows.map((row) => {
    const lines = wrap(`${row.title}: ${row.summary}.`, width - indent.length);
    const broken = [
      ...row.checks
        .filter(({ holds }) => !holds)
        .map((c) => `${c.claim}: ${show(c.measured)}, not ${c.relation} ${show(c.bound)}`),
      ...row.fits
        .filter(({ holds }) => !holds)
        .map(
          (f) =>
            `${f.name}: slope ${show(f.slope)} [${show(f.low)}, ${show(f.high)}], not ${f.expected} ± ${f.tolerance}`,
        ),
    ].flatMap((text) => wrap(`! ${text}`, width - indent.length));
    const head = `${row.id.padEnd(idWidth)}  ${row.holds ? "holds" : "FAILS"}  `;
    return [...lines, ...broken].map((line, i) => (i === 0 ? head : indent) + line).join("\n");
  });
  const count = report.rows.filter(({ holds }) => holds).length;
  const total = report.rows.reduce((sum, { instances }) => sum + instances, 0);
  const last = `${count} of ${report.rows.length} statements hold on ${total.toLocaleString("en")} instances (${report.effort} run, seed ${report.seed}).`;
  return [...blocks, "", last].join("\n");
}

/** `whetstone theory --list`: every statement of the paper that is checked, by its number. */
export function theoryList(): string {
  const idWidth = Math.max(...rows.map(({ id }) => id.length));
  return rows
    .map(
      (row) =>
        `${row.id.padEnd(idWidth)}  ${row.title} (${row.source})\n${" ".repeat(idWidth + 2)}${row.statement}`,
    )
    .join("\n");
}

/** A number as people read it: four significant digits, powers of ten where it is very small or large. */
export function show(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e6 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}
