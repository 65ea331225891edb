import type { Verdict } from "./row.js";
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
  const indent = " ".repeat(idWidth + 15);
  const blocks = report.rows.map((row) => {
    const lines = wrap(`${row.title}: ${row.summary}.`, width - indent.length);
    const broken = [
      ...row.checks
        .filter(({ verdict }) => verdict === "fails")
        .map((c) => `${c.claim}: ${show(c.measured)}, not ${c.relation} ${show(c.bound)}`),
      ...row.fits
        .filter(({ verdict }) => verdict === "fails")
        .map(
          (f) =>
            `${f.name}: slope ${show(f.slope)} [${show(f.low)}, ${show(f.high)}], not ${f.expected} ± ${f.tolerance}`,
        ),
    ].flatMap((text) => wrap(`! ${text}`, width - indent.length));
    const idle = [
      ...row.checks.map((c) => [c.claim, c] as const),
      ...row.fits.map((f) => [f.name, f] as const),
    ]
      .filter(([, { verdict }]) => verdict === "not refuted")
      .flatMap(([name]) => wrap(`~ could not have failed here: ${name}`, width - indent.length));
    const word = row.verdict === "fails" ? "FAILS" : row.verdict;
    const head = `${row.id.padEnd(idWidth)}  ${word.padEnd(11)}  `;
    return [...lines, ...broken, ...idle].map((line, i) => (i === 0 ? head : indent) + line).join("\n");
  });
  const total = report.rows.reduce((sum, { instances }) => sum + instances, 0);
  const last = `${countVerdicts(report)} on ${total.toLocaleString("en")} instances (${report.effort} run, seed ${report.seed}).`;
  return [...blocks, "", last].join("\n");
}

/** `20 of 27 statements hold, 5 are not refuted, 2 fail`; what does not occur is left out. */
export function countVerdicts({ rows: all }: TheoryReport): string {
  const count = (of: Verdict): number => all.filter(({ verdict }) => verdict === of).length;
  const [idle, broken] = [count("not refuted"), count("fails")];
  return [
    `${count("holds")} of ${all.length} ${all.length === 1 ? "statement" : "statements"} hold`,
    ...(idle > 0 ? [`${idle} ${idle === 1 ? "is" : "are"} not refuted`] : []),
    ...(broken > 0 ? [`${broken} ${broken === 1 ? "fails" : "fail"}`] : []),
  ].join(", ");
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
  return [...blocks, "", "By number in the paper, with the id of each row that checks it:", ...lines].join(
    "\n",
  );
}

/** A number as people read it: four significant digits, powers of ten where it is very small or large. */
export function show(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e6 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}
