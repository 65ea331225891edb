import type { ComponentChildren, VNode } from "preact";
import { Legend } from "../../page/chart/marks.js";
import type { LineSeries } from "../../page/chart/line-chart.js";
import { Table, type TableData } from "../../page/table.js";

/** A figure of the paper on the page. */
export interface PaperFigure {
  /** The first of the paper's numbers: `1b`. */
  readonly number: string;
  /** Further numbers that it reproduces: `3`. */
  readonly also?: readonly string[];
  readonly title: string;
  /** One or two sentences with the figures. */
  readonly message: string;
  readonly note?: string;
  readonly body: ComponentChildren;
  /** What the lines are; of several of one name the last. */
  readonly legend?: readonly LineSeries[];
  /** Its figures as a table; absent where the figure is a table itself. */
  readonly table?: TableData;
  /** What is read aloud is the table, since the body is one. */
  readonly tabular?: boolean;
}

/** `figure-1a`. */
export const figureId = (number: string): string => `figure-${number}`;

/** "Figure 1a", "Figures 1b and 3". */
function figureName({ number, also = [] }: Pick<PaperFigure, "number" | "also">): string {
  return also.length === 0 ? `Figure ${number}` : `Figures ${number} and ${also.join(", ")}`;
}

/** The figure with its caption; each of its numbers is an anchor. */
export function Framed({ figure }: { readonly figure: PaperFigure }): VNode {
  const { number, also = [], title, message, note, body, legend = [], table, tabular } = figure;
  const id = figureId(number);
  const name = `${figureName(figure)}: ${title}`;
  return (
    <figure id={id} aria-labelledby={`${id}-title`}>
      {also.map((other) => (
        <span key={other} id={figureId(other)} />
      ))}
      <figcaption>
        <h3 id={`${id}-title`}>{name}</h3>
        <p>{message}</p>
        {note !== undefined && <p class="note">{note}</p>}
        {legend.length > 0 && (
          <Legend always series={[...new Map(legend.map((line) => [line.name, line])).values()]} />
        )}
        {table && (
          <p class="note">
            <a href={`#${id}-table`}>The figures as a table</a>
          </p>
        )}
      </figcaption>
      {tabular === true ? (
        body
      ) : (
        <div class="plot" role="img" aria-label={`${name}. ${message}`}>
          {body}
        </div>
      )}
    </figure>
  );
}

/** The figure's table, folded. */
export function FoldedTable({ figure }: { readonly figure: PaperFigure }): VNode | null {
  if (!figure.table) return null;
  return (
    <details class="figures">
      <summary>
        {figureName(figure)}: {figure.title}
      </summary>
      <Table {...figure.table} />
    </details>
  );
}
