import { createHash } from "node:crypto";
import type { ComponentChildren } from "preact";
import { renderToString } from "preact-render-to-string";
import { visibleText } from "../core/visible-text.js";
import { scriptJson } from "./script-json.js";

/** What a page consists of. */
export interface PageParts {
  readonly title: string;
  /** The style sheet. */
  readonly style: string;
  /** What stands in the page, below the link that skips to `#main`. */
  readonly children: ComponentChildren;
  /** A script that stands in the page itself. */
  readonly script?: string;
  /** Values for scripts, each in an element of the id that is its name. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Modules that a server gives out beside the page. Absent: the page stands alone and asks nobody for anything. */
  readonly modules?: {
    /** What is run. */
    readonly entry: string;
    /** Where modules that are named by their package lie. */
    readonly imports: Readonly<Record<string, string>>;
    /** Whether they run WebAssembly. Default false. */
    readonly wasm?: boolean;
  };
}

/** A page, and what a browser is to allow it. */
export interface RenderedPage {
  readonly markup: string;
  /** The content-security policy; it stands in the page, too. */
  readonly policy: string;
}

/**
 * The shell of every page: one document, one policy (nothing is loaded or run but what is named here by its hash, or comes from the
 * page's own server), light and dark. Text of models and tasks is escaped, and its unseen characters are made visible.
 */
export function renderPage({ title, style, children, script, data = {}, modules }: PageParts): RenderedPage {
  const map = modules && scriptJson({ imports: modules.imports });
  const scripts = [script, map].filter((each) => each !== undefined);
  const policy = securityPolicy(style, scripts, modules);
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content={policy} />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>{title}</title>
        <link rel="icon" href="data:," />
        <style dangerouslySetInnerHTML={{ __html: style }} />
        {map !== undefined && <script type="importmap" dangerouslySetInnerHTML={{ __html: map }} />}
        {modules && <script type="module" src={modules.entry} />}
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the result
        </a>
        {children}
        {Object.entries(data).map(([id, value]) => (
          <script
            key={id}
            type="application/json"
            id={id}
            dangerouslySetInnerHTML={{ __html: scriptJson(value) }}
          />
        ))}
        {script !== undefined && <script dangerouslySetInnerHTML={{ __html: script }} />}
      </body>
    </html>
  );
  return { markup: `<!doctype html>\n${visibleText(renderToString(page))}\n`, policy };
}

/** Nothing may be loaded or run but these; a page of a server may load that server's scripts and ask it. */
function securityPolicy(style: string, scripts: readonly string[], modules: PageParts["modules"]): string {
  const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const wasm = modules?.wasm ? ["'wasm-unsafe-eval'"] : [];
  const sources = [...(modules ? ["'self'"] : []), ...wasm, ...scripts.map(hash)];
  return [
    "default-src 'none'",
    `style-src ${hash(style)}`,
    `script-src ${sources.length > 0 ? sources.join(" ") : "'none'"}`,
    ...(modules ? ["connect-src 'self'"] : []),
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}
