import { worstVerdict, type Verdict } from "./row.js";
import type { RowReport, TheoryReport } from "./run.js";
import { numberedStatements } from "./statements.js";
import { countVerdicts, show, statementIndex } from "./table.js";

const cell = (value: string): string => value.replace(/[\\|*_<>`]/g, (character) => `\\${character}`);

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

const table = (head: readonly string[], body: readonly (readonly string[])[]): string =>
  [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");

const word = (verdict: Verdict): string => (verdict === "fails" ? "**fails**" : verdict);

const link = (file: string): string => `[${file.split("/").pop()!}](../${file})`;

function fits({ fits: all }: RowReport): readonly string[] {
  if (all.length === 0) return [];
  const body = all.map((fit) => [
    cell(fit.name),
    `${fit.slope.toFixed(3)} [${fit.low.toFixed(3)}, ${fit.high.toFixed(3)}]`,
    `${fit.kind === "at most" ? "≤ " : ""}${show(fit.expected)}`,
    String(fit.tolerance),
    fit.range.toFixed(1),
    word(fit.verdict),
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
    word(check.verdict),
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
    `\`${row.id}\`, ${link(row.file)}: ${word(row.verdict)} on ${row.instances.toLocaleString("en")} instances (${cell(row.family)}).`,
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
d). The tolerance stands for log factors and for rounding at a finite range; on top of it a slope is given 4.5 of its standard errors.

There are three verdicts. _Holds_: it could have failed here and did not; for a rate, the same data with a law one power steeper
would have failed. _Not refuted_: nothing contradicts it, but nothing could have, because the bound lies above everything that can occur
in the range that was run, or because an upper bound is so far from attained that a steeper law would pass too. _Fails_.

A run fails by chance at most once in 1,000 times: a fit needs 4.5 standard errors (3.4e-6 on each side, fewer than 60 fits), and
what is simulated otherwise is compared at a risk of at most 1e-6 each. Tests run every row with ten seeds.`;

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
    return [[statement, where, word(worstVerdict(own.map(({ verdict }) => verdict)))]];
  });
  return `${[
    "# The theory, statement by statement",
    intro,
    `Last run: \`${command}\`. ${countVerdicts(report)} (${report.effort} run, seed ${report.seed}).`,
    "## Index by number",
    "Definitions and equations are listed with the rows that use them.",
    table(["In the paper", "Checked in", "Verdict"], index),
    "What has no row, and why:",
    numberedStatements
      .flatMap(({ name, noRow }) => (noRow === undefined ? [] : [`- ${name}: ${cell(noRow)}.`]))
      .join("\n"),
    "What the paper has wrong stands in [errata.md](errata.md), each with a counterexample that runs.",
    ...report.rows.map(section),
  ].join("\n\n")}\n`;
}
