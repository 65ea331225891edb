import type { ComponentChildren, VNode } from "preact";
import { Legend } from "../page/chart/marks.js";
import { twoWidths } from "../page/figure.js";
import { renderPage } from "../page/shell.js";
import { FigureChart, looks } from "./figure.js";
import { Formula } from "./formula.js";
import { THEORY_STYLE } from "./page-style.js";
import { fixed, type Verdict } from "./row.js";
import type { RowReport, TheoryReport } from "./run.js";
import { countVerdicts, show } from "./table.js";

const CLASSES: Readonly<Record<Verdict, string>> = { holds: "holds", "not refuted": "open", fails: "fails" };
const EFFORTS = { thorough: "Thorough", fast: "Fast", test: "Test" } as const;

const Word = ({ verdict }: { readonly verdict: Verdict }): VNode => (
  <span class={CLASSES[verdict]}>{verdict}</span>
);

/** The report as one self-contained HTML page: a section and a figure a row, light and dark, readable on a phone. */
export function theoryPage(report: TheoryReport): string {
  const { rows, effort, seed } = report;
  const { markup } = renderPage({
    title: "Whetstone theory lab",
    style: THEORY_STYLE,
    children: (
      <div class="wrap">
        <header class="masthead">
          <span>
            <b>whetstone</b> theory
          </span>
        </header>
        <main id="main">
          <h1>The sharpening mechanism, checked statement by statement</h1>
          <p>
            {countVerdicts(report)}: statements of arXiv 2412.01951 on exact finite instances, where every
            probability is known and the learner sees only what the paper's oracle shows it. Not refuted means
            that nothing contradicts the statement, but in the range that was run nothing could have.{" "}
            {EFFORTS[effort]} run, seed {seed}.
          </p>
          <nav aria-label="Statements">
            <ul class="statements">
              {rows.map(({ id, title, verdict }) => (
                <li key={id}>
                  <a href={`#${id}`}>{title}</a> {verdict !== "holds" && <Word verdict={verdict} />}
                </li>
              ))}
            </ul>
          </nav>
          {rows.map((row) => (
            <Statement key={row.id} row={row} />
          ))}
        </main>
      </div>
    ),
  });
  return markup;
}

function Statement({ row }: { readonly row: RowReport }): VNode {
  const { id, title, verdict, statement, source, family, instances } = row;
  return (
    <section id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>
        {title} <Word verdict={verdict} />
      </h2>
      <p>
        <Formula>{statement}</Formula>
      </p>
      <p class="note">
        {source.join(", ")}. Instances: <Formula>{family}</Formula>; {instances.toLocaleString("en")}{" "}
        measured.
      </p>
      <div class="columns">
        <RowFigure row={row} />
        <Found row={row} />
      </div>
      <Fits row={row} />
      <Checks row={row} />
    </section>
  );
}

function RowFigure({ row: { figure, fits } }: { readonly row: RowReport }): VNode {
  const { title, caption, series } = figure;
  const styles = looks(series);
  const slopes = fits.map(
    ({ name, slope, kind, expected }) =>
      `${name} ${fixed(slope)} (theorem ${kind === "at most" ? "≤ " : ""}${show(expected)})`,
  );
  return (
    <figure>
      <strong>
        <Formula>{title}</Formula>
      </strong>
      <Legend
        always
        series={series.map(({ name }, i) => ({ name: <Formula>{name}</Formula>, style: styles[i]! }))}
      />
      <div class="plot" role="img" aria-label={`${title}. ${caption}`}>
        {twoWidths(
          (width) => (
            <FigureChart figure={figure} width={width} />
          ),
          560,
        )}
      </div>
      <figcaption>
        <Formula>{`${caption}${slopes.length > 0 ? ` Slopes: ${slopes.join("; ")}.` : ""}`}</Formula>
      </figcaption>
    </figure>
  );
}

function Found({ row: { summary, notes, limits, mutations } }: { readonly row: RowReport }): VNode {
  return (
    <div>
      <p>
        <Formula>{`${summary}.`}</Formula>
      </p>
      {notes.map((note) => (
        <p class="small" key={note}>
          <Formula>{note}</Formula>
        </p>
      ))}
      <p class="small">
        <strong>What it does not show.</strong> <Formula>{`${limits}.`}</Formula>
      </p>
      <p class="note">
        Faults that turn it red:{" "}
        <Formula>{`${mutations.map(({ description }) => description).join("; ")}.`}</Formula>
      </p>
    </div>
  );
}

function Fits({ row: { id, fits } }: { readonly row: RowReport }): VNode | null {
  if (fits.length === 0) return null;
  return (
    <Figures
      label={`Rates of ${id}`}
      columns={["Rate", "Fitted exponent", "95 % interval", "Theorem", "Verdict"]}
      rows={fits.map(({ name, slope, low, high, kind, expected, tolerance, verdict }) => [
        <Formula>{name}</Formula>,
        slope.toFixed(3),
        `${low.toFixed(3)} … ${high.toFixed(3)}`,
        `${kind === "at most" ? "≤ " : ""}${show(expected)} ± ${tolerance}`,
        <Word verdict={verdict} />,
      ])}
    />
  );
}

function Checks({ row: { id, checks } }: { readonly row: RowReport }): VNode {
  return (
    <Figures
      label={`Checks of ${id}`}
      columns={["Measured", "Value", "Bound", "Constants", "Verdict"]}
      rows={checks.map(({ claim, measured, relation, bound, constants, verdict }) => [
        <Formula>{claim}</Formula>,
        show(measured),
        `${relation === "<=" ? "≤" : "≥"} ${show(bound)}`,
        <Formula>{constants}</Formula>,
        <Word verdict={verdict} />,
      ])}
    />
  );
}

/** A table of words and numbers, which scrolls sideways by keyboard where it is too wide. */
function Figures({
  label,
  columns,
  rows,
}: {
  readonly label: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly ComponentChildren[])[];
}): VNode {
  return (
    <div class="scroll" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th scope="col" key={column}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells, row) => (
            <tr key={row}>
              {cells.map((cell, i) => (
                <td key={i}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
