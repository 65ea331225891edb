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

/** What of the paper the lab checks or uses, by its number in the order of the rows, with the ids of the rows. */
export function statementIndex(): readonly {
  readonly statement: string;
  readonly rows: readonly string[];
}[] {
  const found = new Map<string, string[]>();
  for (const { id, source } of rows)
    for (const name of source) found.set(name, [...(found.get(name) ?? []), id]);
  return [...found].map(([statement, ids]) => ({ statement, rows: ids }));
}

/** `whetstone theory --list`: every statement of the paper that is checked, by its number. */
export function theoryList(): string {
  const idWidth = Math.max(...rows.map(({ id }) => id.length));
  const indent = " ".repeat(idWidth + 2);
  const blocks = rows.map((row) =>
    [row.title, ...wrap(row.statement, 98 - idWidth)]
      .map((line, i) => (i === 0 ? row.id.padEnd(idWidth + 2) : indent) + line)
      .join("\n"),
  );
  const index = statementIndex();
  const width = Math.max(...index.map(({ statement }) => statement.length));
  const lines = index.map(({ statement, rows: ids }) => `  ${statement.padEnd(width)}  ${ids.join(", ")}`);
  return [...blocks, "", "By number in the paper (--only takes the ids on the right):", ...lines].join("\n");
}

/** A number as people read it: four significant digits, powers of ten where it is very small or large. */
export function show(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e6 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}
