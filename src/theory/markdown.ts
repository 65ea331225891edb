import type { RowReport, TheoryReport } from "./run.js";
import { show, statementIndex } from "./table.js";

const cell = (value: string): string => value.replace(/[\\|*_<>`]/g, (character) => `\\${character}`);

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

const table = (head: readonly string[], body: readonly (readonly string[])[]): string =>
  [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");

const verdict = (holds: boolean): string => (holds ? "holds" : "**fails**");

const link = (file: string): string => `[${file.split("/").pop()!}](../${file})`;

function fits({ fits: all }: RowReport): readonly string[] {
  if (all.length === 0) return [];
  const body = all.map((fit) => [
    cell(fit.name),
    `${fit.slope.toFixed(3)} [${fit.low.toFixed(3)}, ${fit.high.toFixed(3)}]`,
    `${fit.kind === "at most" ? "≤ " : ""}${show(fit.expected)}`,
    String(fit.tolerance),
    fit.range.toFixed(1),
    verdict(fit.holds),
  ]);
  return [
    table(["Rate", "Fitted exponent, 95 % interval", "Theorem", "Tolerance", "Range", "Verdict"], body),
  ];
}

function checks({ checks: all }: RowReport): string {
  const body = all.map((check) => [
    cell(check.claim),
    show(check.measured),
    `${check.relation === "<=" ? "≤" : "≥"} ${show(check.bound)}`,
    cell(check.constants),
    verdict(check.holds),
  ]);
  return table(["Measured", "Value", "Bound", "Constants", "Verdict"], body);
}

/** With a capital, unless it begins with a symbol such as m. */
const sentence = (value: string): string =>
  `${/^[a-z]{2}/.test(value) || value.startsWith("a ") ? value.charAt(0).toUpperCase() : value.charAt(0)}${value.slice(1)}.`;

function section(row: RowReport): string {
  return [
    `## ${row.title}`,
    cell(row.statement),
    `\`${row.id}\`, ${link(row.file)}: ${verdict(row.holds)} on ${row.instances.toLocaleString("en")} instances (${cell(row.family)}).`,
    `**Found.** ${cell(sentence(row.summary))}`,
    ...fits(row),
    checks(row),
    ...row.notes.map(cell),
    `**What it does not show.** ${cell(sentence(row.limits))}`,
    `**Faults that turn it red.** ${cell(sentence(row.mutations.map(({ description }) => description).join("; ")))}`,
  ].join("\n\n");
}

const intro = `Each statement of arXiv 2412.01951 is checked on exact finite instances: every probability is known, no neural network is
involved, and a learner sees only what the paper's oracle (Definitions 3.2 and D.1) shows it, with every draw counted. This page is
made by the lab itself; nothing in it is written by hand.

What no such check can show: that a bound holds on _every_ instance, or asymptotically. Constants are ours where the paper has
none, and each is derived in the code beside it. A rate is the slope of a least-squares line through the logarithms of medians, its
interval a bootstrap over instances and seeds at each point, and its range is in decades (for J.1's exponential fit in units of
d). The tolerance stands for log factors and for rounding at a finite range. For an upper bound that its instances do not attain
the exponent is "at most", which a flat line passes too: such a row could not tell a better theorem from this one.`;

/**
 * The report as Markdown: an index from each statement of the paper to the file that checks it, and what was found.
 * @param command the command line that made the report. File links are relative to the folder docs/.
 */
export function theoryMarkdown(report: TheoryReport, command: string): string {
  const byId = new Map(report.rows.map((row) => [row.id, row]));
  const index = statementIndex().flatMap(({ statement, rows: ids }) => {
    const own = ids.flatMap((id) => byId.get(id) ?? []);
    if (own.length === 0) return [];
    const where = own.map((row) => `${link(row.file)} (\`${row.id}\`)`).join(", ");
    return [[statement, where, own.every(({ holds }) => holds) ? "holds" : "**fails**"]];
  });
  const count = report.rows.filter(({ holds }) => holds).length;
  return `${[
    "# The theory, statement by statement",
    intro,
    `Last run: \`${command}\`. ${count} of ${report.rows.length} rows hold (${report.effort} run, seed ${report.seed}).`,
    "## Index by number",
    "Definitions and equations are listed with the rows that use them.",
    table(["In the paper", "Checked in", "Verdict"], index),
    ...report.rows.map(section),
  ].join("\n\n")}\n`;
}
