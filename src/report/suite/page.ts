import { createHash } from "node:crypto";
import type { AmortizedResult, SuiteResult } from "../../reproduce/result.js";
import { PAPER_TABLE } from "../../reproduce/paper-settings.js";
import { list, plural } from "../format.js";
import { html, trusted, type Html, type HtmlValue } from "../html.js";
import { table } from "../table.js";
import { amortizedFigures, methodOf, tableOne } from "./amortized-figures.js";
import { figureId, figureName, framed, type PaperFigure } from "./figure-frame.js";
import { inferenceFigures } from "./inference-figures.js";
import { SUITE_STYLE } from "./style.js";
import { summary, verdictList } from "./verdict-list.js";

/**
 * One self-contained HTML page of a suite: the paper's figures under the paper's numbers (`#figure-1a`, …, `#table-1`), a list of
 * them at the top, in words where sharpening helps and hurts, and the command that makes it again. No script, no network, one
 * style sheet allowed by its hash; light and dark. A pure function of its input.
 */
export function suitePage(input: SuiteResult): string {
  const figures = input.kind === "inference" ? inferenceFigures(input) : amortizedFigures(input);
  const title =
    input.kind === "inference" ? "Sharpening at inference time" : "Sharpening amortized into an adapter";
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${securityPolicy()}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>${title}: the paper's experiments, by whetstone</title>
        <link rel="icon" href="data:," />
        ${trusted(`<style>${SUITE_STYLE}</style>`)}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the result</a>
        <div class="wrap">
          <header class="masthead">
            <span><b>whetstone</b> reproduce ${input.kind}</span>
            <nav aria-label="On this page">
              <ul>
                <li><a href="#verdicts">Where it helps</a></li>
                <li><a href="#figures">Figures</a></li>
                <li><a href="#tables">Tables</a></li>
                <li><a href="#command">Run again</a></li>
              </ul>
            </nav>
          </header>
          <main id="main">
            ${hero(input, title, figures)}
            ${section("verdicts", "Where it helps, where it hurts, and why", verdictList(input))}
            ${section("figures", "The figures", [
              input.kind === "amortized" && tableOneFigure(input),
              figures.map(framed),
            ])}
            ${section("tables", "The figures as tables", figures.map(tableOf))}
            ${section("command", "Run it again", provenance(input))}
          </main>
          <footer>
            Made by whetstone ${input.whetstone}. Intervals are 95 %, over prompts and seeds. This page loads
            nothing from the network.
          </footer>
        </div>
      </body>
    </html>`;
  return page.markup.replace(/^ +/, "") + "\n";
}

/** Nothing may be loaded or run but this page's own style. */
function securityPolicy(): string {
  const hash = createHash("sha256").update(SUITE_STYLE).digest("base64");
  return `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`;
}

function section(id: string, name: string, body: HtmlValue): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${name}</h2>
    ${body}
  </section>`;
}

function hero(input: SuiteResult, title: string, figures: readonly PaperFigure[]): Html {
  const { models, tasks, prompts, n, seeds } = input;
  const links = figures.flatMap((figure) =>
    [figure.number, ...(figure.also ?? [])].map(
      (number) => html`<li><a href="#${figureId(number)}">Figure ${number}</a>: ${figure.title}</li>`,
    ),
  );
  return html`<div class="hero">
    <p class="kicker">
      ${list(models)} on ${list(tasks)} · at most ${plural(prompts, "prompt")} a task, N = ${n},
      ${plural(seeds, "seed")}
    </p>
    <h1>${title}: the paper’s experiments</h1>
    <p class="lead">${summary(input)}</p>
    <nav aria-label="Figures by the paper's number">
      <ul class="figures-list">
        ${input.kind === "amortized" && html`<li><a href="#table-1">Table 1</a>: lift over greedy, with the settings</li>`}
        ${links}
      </ul>
    </nav>
  </div>`;
}

function tableOneFigure(input: AmortizedResult): Html {
  const paper = table({
    id: "paper-table",
    caption: "What the paper reports, with models that this page may not have",
    columns: [
      "Model and task",
      "Weight decay",
      "Rank",
      "% lift in accuracy over greedy",
      "Log-likelihood lift over greedy",
    ],
    rows: PAPER_TABLE.map(({ model, task, weightDecay, rank, lift, logLikelihoodLift }) => ({
      head: `${model} on ${task}`,
      cells: [String(weightDecay), String(rank), lift, logLikelihoodLift],
    })),
  });
  return html`<h3>Table 1: lift over greedy</h3>
    ${tableOne(input)}
    <details class="figures">
      <summary>The paper's own Table 1</summary>
      ${paper}
    </details>`;
}

function tableOf(figure: PaperFigure): HtmlValue {
  return (
    figure.table &&
    html`<details class="figures">
      <summary>${figureName(figure)}: ${figure.title}</summary>
      ${figure.table}
    </details>`
  );
}

function provenance(input: SuiteResult): Html {
  const { command, temperature } = input;
  const cells = table({
    id: "cells",
    caption: `What the cells are of; temperature ${temperature}.`,
    columns: ["Cell", "Prompts", "Seeds", "Longest response, tokens", "Model digest", "Task digest"],
    rows: input.cells.map((cell) => ({
      head: `${cell.model} on ${cell.task}${"trainN" in cell ? `${methodOf(cell)}, N ${cell.trainN}` : ""}`,
      cells: [
        cell.metrics?.prompts ?? "–",
        cell.seeds.length,
        cell.provenance?.maxTokens ?? "–",
        html`<code>${cell.provenance?.modelDigest.slice(0, 16) ?? "–"}</code>`,
        html`<code>${cell.provenance?.taskDigest.slice(0, 16) ?? "–"}</code>`,
      ],
    })),
  });
  return html`<p>
      This command, with this version, models and tasks, gives the same responses and the same figures.
    </p>
    <pre class="command" tabindex="0" aria-label="Command"><code>${command}</code></pre>
    ${cells}
    <p>${protocol(input)}</p>
    <p>
      A. Huang, A. Block, D. J. Foster, D. Rohatgi, C. Zhang, M. Simchowitz, J. T. Ash, A. Krishnamurthy:
      <cite>Self-Improvement in Language Models: The Sharpening Mechanism</cite>. ICLR 2025.
      <a href="https://arxiv.org/abs/2412.01951" rel="noreferrer">arXiv 2412.01951</a>
    </p>`;
}

/** In what this differs from the paper's protocol (App. A). */
function protocol({ kind, prompts, n, seeds }: SuiteResult): string {
  const paper = kind === "inference" ? "256 prompts, N = 50, 10 seeds" : "256 prompts, N = 50, 3 seeds";
  const size = `The paper has ${paper} per model and task; this page ${prompts} prompts at most, N = ${n}, ${plural(seeds, "seed")}.`;
  const same =
    kind === "inference"
      ? "A smaller N is the exact expectation over all subsets of the responses drawn, where the paper draws subsets at random."
      : "The adapter that is kept has the lowest loss on other prompts' chosen responses, which needs no labels. The seeds are of training; what is drawn from the base is the same for all.";
  return `${size} ${same} Log-probabilities are the base's at temperature 1.`;
}
