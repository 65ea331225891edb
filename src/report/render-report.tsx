import type { ComponentChildren, VNode } from "preact";
import { renderToString } from "preact-render-to-string";
import { visibleText } from "../core/visible-text.js";
import type { Metrics } from "../evaluate/metrics.js";
import { renderPage } from "../page/shell.js";
import { Cards } from "./cards.js";
import { accuracyFigure, liftFigure, logLikelihoodFigure } from "./charts-by-n.js";
import { histogramFigure, orderingFigure } from "./charts-scores.js";
import { tiltFigure } from "./charts-tilt.js";
import { tokensFigure } from "./charts-tokens.js";
import { trainingFigure } from "./charts-training.js";
import { comparisonTable } from "./comparison.js";
import { plural, unbroken } from "./format.js";
import { headline } from "./headline.js";
import { PAGE_SCRIPT } from "./page-script.js";
import { PromptBrowser } from "./prompt-browser.js";
import { fittingData } from "./prompt-data.js";
import { Citation, Configuration } from "./provenance.js";
import type { ReportInput } from "./report-input.js";
import { REPORT_STYLE } from "./report-style.js";
import { AllTables } from "./tables.js";

interface Section {
  readonly id: string;
  readonly name: string;
  /** In the list of contents. */
  readonly short: string;
  readonly body: ComponentChildren;
}

/** Findings that stand on the page at once; the others are folded. */
const FIRST_FINDINGS = 3;

/**
 * One self-contained HTML page for a run: no network, one style sheet and one script allowed by their hashes, light
 * and dark. All text of models, tasks and options is escaped. Without labels everything about accuracy is absent.
 * A pure function of its input; less than 8 MB (long responses are cut, and the page says so).
 */
export function renderReport(input: ReportInput): string {
  const { metrics, manifest, prompts, sampleOf } = input;
  const data = fittingData(prompts, Object.keys(metrics.bestOfN), undefined, sampleOf);
  const browser = prompts.length > 0 ? <PromptBrowser data={data} total={prompts.length} /> : undefined;
  const sections = pageSections(input, browser).filter(({ body }) => body !== undefined);
  const { markup } = renderPage({
    title: `${manifest.name}: whetstone report`,
    style: REPORT_STYLE,
    script: PAGE_SCRIPT,
    ...(prompts.length > 0 && { data: { responses: data } }),
    children: (
      <div class="wrap">
        <Masthead name={manifest.name} sections={sections} />
        <main id="main">
          <Body metrics={metrics} sections={sections} />
        </main>
        <footer>
          Made by whetstone {manifest.whetstoneVersion} from the run {manifest.name}, begun{" "}
          {manifest.createdAt}. Intervals are 95 %, over prompts. This page loads nothing from the network.
        </footer>
      </div>
    ),
  });
  return markup;
}

/** The same figures and tables without prompts and shell, as markup to stand in a page that lives: that page looks after the prompts. */
export function reportFragment({ metrics, manifest }: Omit<ReportInput, "prompts">): string {
  const sections = pageSections({ metrics, manifest }).filter(({ body }) => body !== undefined);
  return visibleText(renderToString(<Body metrics={metrics} sections={sections} />));
}

function Body({
  metrics,
  sections,
}: {
  readonly metrics: Metrics;
  readonly sections: readonly Section[];
}): VNode {
  return (
    <>
      <Hero metrics={metrics} />
      {sections.map(({ id, name, body }) => (
        <section key={id} id={id} aria-labelledby={`${id}-title`}>
          <h2 id={`${id}-title`}>{name}</h2>
          {body}
        </section>
      ))}
    </>
  );
}

function Masthead({
  name,
  sections,
}: {
  readonly name: string;
  readonly sections: readonly Section[];
}): VNode {
  return (
    <header class="masthead">
      <span>
        <b>whetstone</b> {name}
      </span>
      <nav aria-label="On this page">
        <ul>
          {sections.map(({ id, short }) => (
            <li key={id}>
              <a href={`#${id}`}>{short}</a>
            </li>
          ))}
        </ul>
      </nav>
    </header>
  );
}

/** The verdict, the figure that matters most, the key figures, and what to take from it. */
function Hero({ metrics }: { readonly metrics: Metrics }): VNode {
  const { title, lead, claims } = headline(metrics);
  const findings = metrics.findings.map(unbroken);
  const first = firstOfKinds(findings, FIRST_FINDINGS);
  const more = findings.filter((finding) => !first.includes(finding));
  return (
    <div class="hero">
      <div class="verdict-column">
        <p class="kicker">
          {metrics.model} on {metrics.task} · {plural(metrics.prompts, "prompt")}, N = {metrics.n}
        </p>
        <h1>{title}</h1>
        <p class="lead">{lead}</p>
      </div>
      {metrics.labelled ? accuracyFigure(metrics, true) : logLikelihoodFigure(metrics, true)}
      <Cards metrics={metrics} />
      {findings.length > 0 && (
        <div class="findings" role="region" aria-labelledby="findings-title">
          <h2 id="findings-title">What to take from it, and when not to sharpen</h2>
          <ul class="first">
            {first.map((finding) => (
              <li key={finding}>{finding}</li>
            ))}
          </ul>
          {more.length > 0 && (
            <details>
              <summary>{plural(more.length, "more finding")}</summary>
              <ul>
                {more.map((finding) => (
                  <li key={finding}>{finding}</li>
                ))}
              </ul>
            </details>
          )}
        </div>
      )}
      <details class="figures claims-of-all">
        <summary>Every method with its interval</summary>
        <p class="note">
          In brackets the 95 % interval; a gain or a loss is claimed only where it is clear of 0 among all
          comparisons of this page together, on ten prompts or more.
        </p>
        <dl class="claims">
          {claims.map(({ name, text }) => (
            <>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </>
          ))}
        </dl>
      </details>
    </div>
  );
}

/** So many, in their order, and as far as there are so many no two of them that begin alike: those say the same of another reward. */
function firstOfKinds(findings: readonly string[], most: number): string[] {
  const kinds = new Map(findings.toReversed().map((finding) => [finding.split(" ", 1)[0], finding]));
  const firsts = findings.filter((finding) => [...kinds.values()].includes(finding));
  const rest = findings.filter((finding) => !firsts.includes(finding));
  return [...firsts, ...rest].slice(0, most);
}

function pageSections(
  { metrics, manifest }: Omit<ReportInput, "prompts">,
  browser?: ComponentChildren,
): Section[] {
  const search = [
    tokensFigure(metrics),
    liftFigure(metrics),
    metrics.labelled ? logLikelihoodFigure(metrics) : undefined,
  ].filter(defined);
  const scores = [histogramFigure(metrics), orderingFigure(metrics), tiltFigure(metrics)].filter(defined);
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
    { id: "training", name: "Training", short: "Training", body: trainingFigure(metrics) },
    { id: "adapters", name: "Sharpened against base", short: "Against base", body: comparisonTable(metrics) },
    {
      id: "browse",
      name: "Prompts",
      short: "Prompts",
      body: browser,
    },
    { id: "tables", name: "Every figure", short: "Tables", body: <AllTables metrics={metrics} /> },
    {
      id: "configuration",
      name: "Run it again",
      short: "Run again",
      body: <Configuration manifest={manifest} />,
    },
    { id: "paper", name: "The paper", short: "Paper", body: <Citation /> },
  ];
}

function defined<T>(value: T | undefined): value is T {
  return value !== undefined;
}
