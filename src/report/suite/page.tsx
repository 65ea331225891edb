import type { ComponentChildren, VNode } from "preact";
import { renderToString } from "preact-render-to-string";
import { visibleText } from "../../core/visible-text.js";
import type { SuiteResult } from "../../reproduce/result.js";
import { renderPage } from "../../page/shell.js";
import { Table } from "../../page/table.js";
import { list, plural } from "../format.js";
import { Paper } from "../provenance.js";
import { amortizedFigures } from "./amortized-figures.js";
import { nameOf } from "./names.js";
import { figureId, FoldedTable, Framed, type PaperFigure } from "./figure-frame.js";
import { inferenceFigures } from "./inference-figures.js";
import { AgainstTokens, OtherWays } from "./other-ways.js";
import { PaperTables } from "./paper-tables.js";
import type { RunsOf } from "./run-links.js";
import { SUITE_STYLE } from "./style.js";
import { summary, VerdictList } from "./verdict-list.js";

const CONTENTS = [
  ["verdicts", "Where it helps"],
  ["figures", "Figures"],
  ["tables", "Tables"],
  ["command", "Run again"],
] as const;

/**
 * One self-contained HTML page of a suite: the paper's figures under the paper's numbers (`#figure-1a`, …, `#table-1`), a list of
 * them at the top, in words where sharpening helps and hurts, and the command that makes it again. No script, no network, one
 * style sheet allowed by its hash; light and dark. A pure function of its input.
 */
export function suitePage(input: SuiteResult): string {
  const title = titleOf(input);
  const { markup } = renderPage({
    title: `${title}: the paper's experiments, by whetstone`,
    style: SUITE_STYLE,
    children: (
      <div class="wrap">
        <header class="masthead">
          <span>
            <b>whetstone</b> reproduce {input.kind}
          </span>
          <nav aria-label="On this page">
            <ul>
              {CONTENTS.map(([id, name]) => (
                <li key={id}>
                  <a href={`#${id}`}>{name}</a>
                </li>
              ))}
            </ul>
          </nav>
        </header>
        <main id="main">
          <Body input={input} title={title} />
        </main>
        <footer>
          Made by whetstone {input.whetstone}. Intervals are 95 %, over prompts and seeds. This page loads
          nothing from the network.
        </footer>
      </div>
    ),
  });
  return markup;
}

/**
 * The same without the shell, as markup to stand in a page that lives.
 * @param runsOf where the cells of the heat map and of Table 1 lead.
 */
export function suiteFragment(input: SuiteResult, runsOf: RunsOf): string {
  return visibleText(renderToString(<Body input={input} title={titleOf(input)} runsOf={runsOf} />));
}

const titleOf = ({ kind }: SuiteResult): string =>
  kind === "inference" ? "Sharpening at inference time" : "Sharpening amortized into an adapter";

function Body({
  input,
  title,
  runsOf,
}: {
  readonly input: SuiteResult;
  readonly title: string;
  readonly runsOf?: RunsOf;
}): VNode {
  const figures = input.kind === "inference" ? inferenceFigures(input, runsOf) : amortizedFigures(input);
  return (
    <>
      <Hero input={input} title={title} figures={figures} />
      <Section id="verdicts" name="Where it helps, where it hurts, and why">
        <VerdictList result={input} />
      </Section>
      <Section id="figures" name="The figures">
        {input.kind === "amortized" && <PaperTables input={input} runsOf={runsOf} />}
        {figures.map((figure) => (
          <Framed key={figure.number} figure={figure} />
        ))}
        <OtherWays result={input} />
        <AgainstTokens result={input} />
      </Section>
      <Section id="tables" name="The figures as tables">
        {figures.map((figure) => (
          <FoldedTable key={figure.number} figure={figure} />
        ))}
      </Section>
      <Section id="command" name="Run it again">
        <Provenance input={input} />
      </Section>
    </>
  );
}

function Section({
  id,
  name,
  children,
}: {
  readonly id: string;
  readonly name: string;
  readonly children: ComponentChildren;
}): VNode {
  return (
    <section id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{name}</h2>
      {children}
    </section>
  );
}

function Hero({
  input,
  title,
  figures,
}: {
  readonly input: SuiteResult;
  readonly title: string;
  readonly figures: readonly PaperFigure[];
}): VNode {
  const { models, tasks, prompts, n, seeds } = input;
  const links = figures.flatMap(({ number, also = [], title: name }) =>
    [number, ...also].map((each) => ({ each, name })),
  );
  return (
    <div class="hero">
      <p class="kicker">
        {list(models)} on {list(tasks)} · at most {plural(prompts, "prompt")} a task, N{"\u00a0=\u00a0"}
        {n}, {plural(seeds, "seed")}
      </p>
      <h1>{title}: the paper’s experiments</h1>
      <p class="lead">{summary(input)}</p>
      <nav aria-label="Figures by the paper's number">
        <ul class="figures-list">
          {input.kind === "amortized" && (
            <>
              <li>
                <a href="#table-1">Table 1</a>: lift over greedy
              </li>
              <li>
                <a href="#table-2">Table 2</a>: hyperparameters
              </li>
            </>
          )}
          {links.map(({ each, name }) => (
            <li key={each}>
              <a href={`#${figureId(each)}`}>Figure {each}</a>: {name}
            </li>
          ))}
        </ul>
      </nav>
    </div>
  );
}

function Provenance({ input }: { readonly input: SuiteResult }): VNode {
  const { command, temperature } = input;
  return (
    <>
      <p>This command, with this version, models and tasks, gives the same responses and the same figures.</p>
      <pre class="command" tabIndex={0} role="region" aria-label="Command">
        <code>{command}</code>
      </pre>
      <Table
        id="cells"
        caption={`What the cells are of; temperature ${temperature}.`}
        columns={["Cell", "Prompts", "Seeds", "Longest response, tokens", "Model digest", "Task digest"]}
        rows={input.cells.map((cell) => ({
          head: nameOf(cell),
          cells: [
            cell.metrics?.prompts ?? "–",
            cell.seeds.length,
            cell.provenance?.maxTokens ?? "–",
            <code>{cell.provenance?.modelDigest.slice(0, 16) ?? "–"}</code>,
            <code>{cell.provenance?.taskDigest.slice(0, 16) ?? "–"}</code>,
          ],
        }))}
      />
      <p>{protocol(input)}</p>
      <Paper />
    </>
  );
}

/** Which of the two protocols each task has: learned from other prompts, or, as in the paper, from those that are measured. */
function learnedFrom(input: SuiteResult): string {
  if (input.kind === "inference") return "";
  const tasks = (transductive: boolean): string[] => [
    ...new Set(
      input.cells
        .filter(({ metrics }) => metrics && (metrics.transductive ?? false) === transductive)
        .map(({ task }) => task),
    ),
  ];
  const [held, measured] = [tasks(false), tasks(true)];
  return (
    (held.length > 0 ? ` Held-out: what is measured on ${list(held)} was not learned from.` : "") +
    (measured.length > 0
      ? ` Transductive, as in the paper: on ${list(measured)} adapters learned from the very prompts that are measured.`
      : "")
  );
}

/** In what this differs from the paper's protocol (App. A). */
function protocol(input: SuiteResult): string {
  const { kind, prompts, n, seeds } = input;
  const paper = kind === "inference" ? "256 prompts, N = 50, 10 seeds" : "256 prompts, N = 50, 3 seeds";
  const size = `The paper has ${paper} per model and task; this page ${prompts} prompts at most, N = ${n}, ${plural(seeds, "seed")}.`;
  const same =
    input.kind === "inference"
      ? "A smaller N is the exact expectation over all subsets of the responses drawn, where the paper draws subsets at random."
      : "The adapter that is kept has the lowest loss on other prompts' chosen responses, which needs no labels. The seeds are of training" +
        (input.redraw
          ? " and of drawing: each draws from the base anew."
          : "; what is drawn from the base is the same for all.");
  return `${size} ${same}${learnedFrom(input)} Log-probabilities are the base's at temperature 1.`;
}
