import { visibleText } from "../core/visible-text.js";

const brand: unique symbol = Symbol("html");

/** Markup that is safe to print; only `html` and `trusted` make one, so data read from a file can never pose as it. */
export interface Html {
  readonly [brand]: true;
  readonly markup: string;
}

/** What a template may hold: text (escaped), markup (kept), lists of both, and nothing. */
export type HtmlValue = Html | string | number | undefined | false | readonly HtmlValue[];

/** Markup that this library wrote itself. Never call it with text from a model, a task or a file. */
export function trusted(markup: string): Html {
  return { [brand]: true, markup };
}

/** Template tag: every string that is interpolated is escaped, in text and in double-quoted attributes alike. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  // The indentation of the source is no part of the page; values keep theirs.
  const parts = strings.map((part) => part.replace(/\n\s*/g, "\n"));
  let markup = parts[0] ?? "";
  values.forEach((value, i) => (markup += render(value) + (parts[i + 1] ?? "")));
  return trusted(markup);
}

function render(value: HtmlValue): string {
  if (value === undefined || value === false) return "";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return escapeHtml(value);
  if (isHtml(value)) return value.markup;
  return value.map(render).join("");
}

function isHtml(value: Html | readonly HtmlValue[]): value is Html {
  return brand in value;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

/** Text as inert HTML, for element content and quoted attributes; unseen characters are made visible. */
export function escapeHtml(text: string): string {
  return visibleText(text).replace(/[&<>"'`]/g, (character) => ENTITIES[character] ?? "");
}
