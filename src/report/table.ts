import type { Estimate } from "../evaluate/metrics.js";
import { intervalInTable, inTable, type Unit } from "./format.js";
import { html, type Html, type HtmlValue } from "./html.js";

/** A table of figures: a heading cell a row, and what goes under each column. */
export interface DataTable {
  readonly id: string;
  readonly caption: HtmlValue;
  /** The heading of the first column, then one a column of cells. */
  readonly columns: readonly string[];
  readonly rows: readonly { readonly head: string; readonly cells: readonly HtmlValue[] }[];
}

/** A table with caption and scopes, in a region that scrolls sideways by keyboard where it is too wide. */
export function table({ id, caption, columns, rows }: DataTable): Html {
  return html`<div class="scroll" role="region" aria-labelledby="${id}-caption" tabindex="0">
    <table id="${id}">
      <caption id="${id}-caption">
        ${caption}
      </caption>
      <thead>
        <tr>
          ${columns.map((c) => html`<th scope="col">${c}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ head, cells }) =>
            html`<tr>
              <th scope="row">${head}</th>
              ${cells.map((c) => html`<td>${c}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** A figure with its interval; an en dash where it was not measured. */
export function estimateCell(estimate: Estimate | undefined, unit: Unit): Html {
  if (estimate === undefined) return html`<span class="none">–</span>`;
  return html`${inTable(estimate.value, unit)} <span class="ci">${intervalInTable(estimate, unit)}</span>`;
}
