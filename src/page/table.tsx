import type { ComponentChildren, VNode } from "preact";

/** A table of figures: a heading cell a row, and what goes under each column. */
export interface TableData {
  readonly id: string;
  readonly caption: ComponentChildren;
  /** The heading of the first column, then one a column of cells. */
  readonly columns: readonly string[];
  readonly rows: readonly { readonly head: string; readonly cells: readonly ComponentChildren[] }[];
}

/** A table with caption and scopes, in a region that scrolls sideways by keyboard where it is too wide; its first column stays. */
export function Table({ id, caption, columns, rows }: TableData): VNode {
  return (
    <div class="scroll" role="region" aria-labelledby={`${id}-caption`} tabIndex={0}>
      <table id={id}>
        <caption id={`${id}-caption`}>{caption}</caption>
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
          {rows.map(({ head, cells }, at) => (
            <tr key={at}>
              <th scope="row">{head}</th>
              {cells.map((cell, column) => (
                <td key={column}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
