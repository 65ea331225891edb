import { parseHTML } from "linkedom";

/** What is used of an element here; the compiler's own DOM types are a browser's and stay out of this package. */
export interface DomElement {
  readonly id: string;
  readonly tagName: string;
  readonly textContent: string;
  readonly outerHTML: string;
  readonly attributes: Iterable<{ readonly name: string }>;
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  remove(): void;
  querySelector(selector: string): DomElement | null;
  querySelectorAll(selector: string): Iterable<DomElement>;
}

/** What is used of a document here. */
export interface DomDocument {
  getElementById(id: string): DomElement | null;
  querySelector(selector: string): DomElement | null;
  querySelectorAll(selector: string): Iterable<DomElement>;
}

/** A page as a document, without a browser. */
export function parsePage(markup: string): DomDocument {
  const window: unknown = parseHTML(markup);
  return (window as { readonly document: DomDocument }).document;
}
