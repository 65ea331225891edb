import { createHash } from "node:crypto";
import { accuracyFigure, liftFigure, logLikelihoodFigure } from "./charts-by-n.js";
import { histogramFigure, orderingFigure } from "./charts-scores.js";
import { tiltFigure } from "./charts-tilt.js";
import { trainingFigure } from "./charts-training.js";
import { comparisonTable } from "./comparison.js";
import { plural } from "./format.js";
import { headline } from "./headline.js";
import { html, trusted, type Html, type HtmlValue } from "./html.js";
import { kpiRow } from "./kpis.js";
import { PAGE_SCRIPT } from "./page-script.js";
import { PAGE_STYLE } from "./page-style.js";
import { promptBrowser } from "./prompt-browser.js";
import { citation, configuration } from "./provenance.js";
import type { ReportInput } from "./report-input.js";
import { allTables } from "./tables.js";

interface Section {
  readonly id: string;
  readonly name: string;
  /** In the list of contents. */
  readonly short: string;
  readonly body: HtmlValue;
}

/**
 * One self-contained HTML page for a run: no network, one style sheet and one script allowed by their hashes, light
 * and dark. All text of models, tasks and options is escaped. Without labels everything about accuracy is absent.
 * A pure function of its input; less than 8 MB (long responses are cut, and the page says so).
 */
export function renderReport(input: ReportInput): string {
  const sections = pageSections(input).filter((s) => s.body !== undefined);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${securityPolicy()}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>${input.manifest.name}: whetstone report</title>
        <link rel="icon" href="data:," />
        ${element("style", PAGE_STYLE)}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the result</a>
        <div class="wrap">
          ${masthead(input, sections)}
          <main id="main">
            ${hero(input)}
            ${sections.map(
              ({ id, name, body }) =>
                html`<section id="${id}" aria-labelledby="${id}-title">
                  <h2 id="${id}-title">${name}</h2>
                  ${body}
                </section>`,
            )}
          </main>
          <footer>
            Made by whetstone ${input.manifest.whetstoneVersion} from the run ${input.manifest.name}, begun
            ${input.manifest.createdAt}. Intervals are 95 %, over prompts. This page loads nothing from the
            network.
          </footer>
        </div>
        ${element("script", PAGE_SCRIPT)}
      </body>
    </html>`;
  return page.markup.replace(/^ +/, "") + "\n";
}

/** An element whose content is kept to the byte, because the security policy names its hash. */
function element(name: "style" | "script", content: string): Html {
  return trusted(`<${name}>${content}</${name}>`);
}

/** Nothing may be loaded or run but this page's own style and script. */
function securityPolicy(): string {
  const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  return [
    "default-src 'none'",
    `style-src ${hash(PAGE_STYLE)}`,
    `script-src ${hash(PAGE_SCRIPT)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

function masthead({ manifest }: ReportInput, sections: readonly Section[]): Html {
  return html`<header class="masthead">
    <span><b>whetstone</b> ${manifest.name}</span>
    <nav aria-label="On this page">
      <ul>
        ${sections.map(({ id, short }) => html`<li><a href="#${id}">${short}</a></li>`)}
      </ul>
    </nav>
  </header>`;
}

function hero({ metrics }: ReportInput): Html {
  const { title, lead, claims } = headline(metrics);
  return html`<div class="hero">
    <p class="kicker">
      ${metrics.model} on ${metrics.task} · ${plural(metrics.prompts, "prompt")}, N = ${metrics.n}
    </p>
    <h1>${title}</h1>
    <p class="lead">${lead}</p>
    ${
      metrics.findings.length > 0 &&
      html`<div class="findings" role="region" aria-labelledby="findings-title">
        <h2 id="findings-title">What to take from it, and when not to sharpen</h2>
        <ul>
          ${metrics.findings.map((finding) => html`<li>${finding.replaceAll(" %", "\u00a0%")}</li>`)}
        </ul>
      </div>`
    }
    ${kpiRow(metrics)}
    <p class="note claims-note">
      In brackets the 95 % interval; a gain or a loss is claimed only where it is clear of 0 among all
      comparisons of this page together, on ten prompts or more.
    </p>
    <dl class="claims" aria-label="Every method with its 95 % interval">
      ${claims.map(
        ({ name, text }) =>
          html`<dt>${name}</dt>
            <dd>${text}</dd>`,
      )}
    </dl>
  </div>`;
}

function pageSections({ metrics, manifest, prompts }: ReportInput): Section[] {
  const search = [accuracyFigure(metrics), liftFigure(metrics), logLikelihoodFigure(metrics)].filter(defined);
  const scores = [histogramFigure(metrics), orderingFigure(metrics), tiltFigure(metrics)].filter(defined);
  const training = Object.entries(metrics.adapters)
    .map(([m, a]) => trainingFigure(m, a, metrics.temperature))
    .filter(defined);
  return [
    {
      id: "search",
      name: "Choosing among N",
      short: "Choosing",
      body: search.length > 0 ? search : undefined,
    },
    {
      id: "scores",
      name: "What the model prefers",
      short: "Preferences",
      body: scores.length > 0 ? scores : undefined,
    },
    { id: "training", name: "Training", short: "Training", body: training.length > 0 ? training : undefined },
    { id: "adapters", name: "Sharpened against base", short: "Against base", body: comparisonTable(metrics) },
    { id: "tables", name: "Every figure", short: "Tables", body: allTables(metrics) },
    {
      id: "browse",
      name: "Prompts",
      short: "Prompts",
      body: prompts.length > 0 ? promptBrowser(prompts, Object.keys(metrics.bestOfN)) : undefined,
    },
    { id: "configuration", name: "Run it again", short: "Run again", body: configuration(manifest) },
    { id: "paper", name: "The paper", short: "Paper", body: citation() },
  ];
}

function defined<T>(value: T | undefined): value is T {
  return value !== undefined;
}
