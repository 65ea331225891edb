import type { ComponentChildren, VNode } from "preact";

/** A figure: its title, what it shows in words, and the chart. */
export interface FigureParts {
  readonly id: string;
  readonly title: string;
  /** One or two sentences that say what the chart shows, with its numbers; read aloud in place of the chart. */
  readonly message: string;
  readonly note?: ComponentChildren;
  /** The first of a page, beside its verdict. */
  readonly leading?: boolean;
  /** The message is only read aloud: it is long, or the page says it elsewhere. */
  readonly quiet?: boolean;
  /** The chart stands below its words, over the whole width. */
  readonly whole?: boolean;
  /** The id of the table of its figures; default: its own with `-table`. */
  readonly table?: string;
  readonly children: ComponentChildren;
}

/** A figure with its caption; what it shows can be read aloud, and stands in a table that it links to. */
export function Figure({
  id,
  title,
  message,
  note,
  leading,
  quiet,
  whole,
  table,
  children,
}: FigureParts): VNode {
  const look = leading ? "leading" : whole ? "whole" : undefined;
  return (
    <figure id={id} class={look} aria-labelledby={`${id}-title`}>
      <figcaption>
        {leading ? <h2 id={`${id}-title`}>{title}</h2> : <h3 id={`${id}-title`}>{title}</h3>}
        {!quiet && <p>{message}</p>}
        {note !== undefined && <p class="note">{note}</p>}
        <p class="note">
          <a href={`#${table ?? `${id}-table`}`}>The figures as a table</a>
        </p>
      </figcaption>
      <div class="plot">
        <p class="sr">{message}</p>
        {children}
      </div>
    </figure>
  );
}

/** The same chart drawn for a wide and for a narrow page; the style sheet shows one of them. */
export function twoWidths(draw: (width: number, narrow: boolean) => VNode, wide = 700): VNode {
  return (
    <>
      <div class="wide">{draw(wide, false)}</div>
      <div class="narrow">{draw(354, true)}</div>
    </>
  );
}
