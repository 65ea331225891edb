import { html, type Html, type HtmlValue } from "../html.js";

/** A figure of the paper on the page. */
export interface PaperFigure {
  /** The first of the paper's numbers: `1b`. */
  readonly number: string;
  /** Further numbers that it reproduces: `3`. */
  readonly also?: readonly string[];
  readonly title: string;
  /** One or two sentences with the figures. */
  readonly message: string;
  readonly note?: HtmlValue;
  readonly body: HtmlValue;
  /** What the lines are. */
  readonly legend?: Html;
  /** Its figures as a table; absent where the figure is a table itself. */
  readonly table?: Html;
  /** What is read aloud is the table, since the body is one. */
  readonly tabular?: boolean;
}

/** `figure-1a`. */
export const figureId = (number: string): string => `figure-${number}`;

/** "Figure 1a", "Figures 1b and 3". */
export function figureName({ number, also = [] }: Pick<PaperFigure, "number" | "also">): string {
  return also.length === 0 ? `Figure ${number}` : `Figures ${number} and ${also.join(", ")}`;
}

/** The figure with its caption; each of its numbers is an anchor. */
export function framed(figure: PaperFigure): Html {
  const { number, also = [], title, message, note, body, legend, table, tabular } = figure;
  const id = figureId(number);
  return html`<figure id="${id}" class="whole" aria-labelledby="${id}-title">
    ${also.map((other) => html`<span id="${figureId(other)}"></span>`)}
    <figcaption>
      <h3 id="${id}-title">${figureName(figure)}: ${title}</h3>
      <p>${message}</p>
      ${note !== undefined && html`<p class="note">${note}</p>`}
      ${legend && html`<div class="always">${legend}</div>`}
      ${table && html`<p class="note"><a href="#${id}-table">The figures as a table</a></p>`}
    </figcaption>
    ${
      tabular === true
        ? body
        : html`<div class="plot" role="img" aria-label="${figureName(figure)}: ${title}. ${message}">
            ${body}
          </div>`
    }
  </figure>`;
}
