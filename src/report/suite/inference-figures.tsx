import type { VNode } from "preact";
import { sampleSizes } from "../../evaluate/largest-n.js";
import { sentence } from "../../evaluate/findings-words.js";
import type { AnswerMetrics, Estimate, Metrics } from "../../evaluate/metrics.js";
import type { InferenceCell, InferenceResult } from "../../reproduce/result.js";
import { nameOf } from "./names.js";
import { HistogramPanel, Instead, LinePanel, Panel } from "./panels.js";
import { binnedMedian } from "../histogram-bins.js";
import { estimateCell } from "../estimate-cell.js";
import type { LineSeries } from "../../page/chart/line-chart.js";
import type { TableData } from "../../page/table.js";
import { count, fixed, inWords, list, NATS, PERCENT, RELATIVE, type Unit } from "../format.js";
import { seriesStyle } from "../../page/palette.js";
import { countClear, HeatTable, type HeatValue } from "./heat-table.js";
import { noRatio } from "./no-ratio.js";
import type { RunsOf } from "./run-links.js";
import type { PaperFigure } from "./figure-frame.js";

const FIRST = "log-likelihood";

type Figure = (answer: AnswerMetrics) => Estimate | undefined;

/**
 * The paper's figures 1 to 6, in its order.
 * @param runsOf where the first heat map leads; absent: nowhere.
 */
export function inferenceFigures(result: InferenceResult, runsOf?: RunsOf): PaperFigure[] {
  return [
    liftHeat(result, runsOf),
    againstN(result, {
      number: "1b",
      also: ["3"],
      title: "% lift in accuracy over greedy against N",
      pick: (answer) => answer.lift,
      unit: RELATIVE,
    }),
    histograms(result),
    otherHeats(result),
    againstN(result, {
      number: "4",
      title: "mean log-probability of the chosen response against N",
      pick: (answer) => answer.logLikelihood,
      unit: NATS,
    }),
    game24(result),
  ];
}

const cellAt = ({ cells }: InferenceResult, model: string, task: string): InferenceCell | undefined =>
  cells.find((cell) => cell.model === model && cell.task === task);

/** The figure at the largest N of a cell, by a reward, or of coverage. */
function largest(metrics: Metrics | undefined, reward: string): HeatValue {
  if (metrics === undefined) return undefined;
  if (!metrics.labelled) return "no labels";
  const at = String(metrics.n);
  const lift = reward === "coverage" ? metrics.coverageLift?.[at] : metrics.bestOfN[reward]?.[at]?.lift;
  if (lift !== undefined) return lift;
  const measured = reward === "coverage" ? metrics.coverage?.[at] : metrics.bestOfN[reward]?.[at]?.accuracy;
  return measured === undefined && metrics.greedy.accuracy?.value !== 0 ? "not measured" : noRatio(metrics);
}

/** In how many cells each of several figures is clear of greedy's accuracy, in one sentence. */
function clearOfGreedy(figures: readonly (readonly [name: string, values: readonly HeatValue[]])[]): string {
  const said = figures.flatMap(([name, values]) => {
    const counted = countClear(values, "greedy");
    return counted === undefined ? [] : [`${name} is ${counted}`];
  });
  return said.length === 0 ? "No cell has a ratio to greedy’s accuracy." : sentence(`${said.join("; ")}.`);
}

function liftHeat(result: InferenceResult, runsOf: RunsOf | undefined): PaperFigure {
  const { models, tasks, n } = result;
  const value = (model: string, task: string): HeatValue =>
    largest(cellAt(result, model, task)?.metrics, FIRST);
  const values = tasks.flatMap((task) => models.map((model) => value(model, task)));
  return {
    number: "1a",
    title: `% lift in accuracy over greedy, best-of-${n} by log-likelihood`,
    message: clearOfGreedy([["accuracy", values]]),
    note: "100·(accuracy − greedy)/greedy; in brackets the 95\u00a0% interval over prompts and seeds; bold where it is clear of 0. Blue is a gain, orange a loss, the stronger the larger.",
    tabular: true,
    body: (
      <HeatTable
        {...{ models, tasks, value, unit: RELATIVE, scale: "change" }}
        runsOf={(model, task) => {
          const cell = cellAt(result, model, task);
          return cell && runsOf ? runsOf(cell) : [];
        }}
        id="figure-1a-heat"
        caption={`% lift over greedy at N\u00a0=\u00a0${n}`}
      />
    ),
  };
}

function otherHeats(result: InferenceResult): PaperFigure {
  const { models, tasks, n } = result;
  const rewards = ["length-normalized", "majority", "coverage", "self-certainty"].filter(
    (reward) =>
      reward !== "self-certainty" || result.cells.some(({ metrics }) => metrics && reward in metrics.bestOfN),
  );
  const heats = rewards.map((reward) => {
    const value = (model: string, task: string): HeatValue =>
      largest(cellAt(result, model, task)?.metrics, reward);
    const extra = reward === "self-certainty" ? " (not in the paper)" : "";
    const ceiling = reward === "coverage" ? " (a ceiling: it needs the answers)" : "";
    return {
      values: tasks.flatMap((task) => models.map((model) => value(model, task))),
      body: (
        <HeatTable
          {...{ models, tasks, value, unit: RELATIVE, scale: "change" }}
          key={reward}
          id={`figure-2-${reward}`}
          caption={`${reward}${extra}${ceiling}: % lift over greedy at N\u00a0=\u00a0${n}`}
        />
      ),
    };
  });
  const greedy = (model: string, task: string): HeatValue => {
    const metrics = cellAt(result, model, task)?.metrics;
    return metrics && (metrics.greedy.accuracy ?? "no labels");
  };
  return {
    number: "2",
    title: "the other self-rewards, coverage, and greedy's accuracy",
    message: clearOfGreedy(rewards.map((reward, i) => [reward, heats[i]!.values])),
    tabular: true,
    body: (
      <div class="heats">
        {heats.map(({ body }) => body)}
        <HeatTable
          {...{ models, tasks, unit: PERCENT, scale: "share" }}
          value={greedy}
          id="figure-2-greedy"
          caption="Accuracy of greedy decoding, %"
        />
      </div>
    ),
  };
}

interface AgainstN {
  readonly number: string;
  readonly also?: readonly string[];
  readonly title: string;
  readonly pick: Figure;
  readonly unit: Unit;
}

function seriesOf(metrics: Metrics, pick: Figure): LineSeries[] {
  return Object.entries(metrics.bestOfN).flatMap(([name, byN], i) => {
    const points = sampleSizes(byN).flatMap((n) => {
      const estimate = pick(byN[n]!);
      return estimate ? [{ x: n, ...estimate }] : [];
    });
    return points.length === 0 ? [] : [{ name, style: seriesStyle(i), band: name === FIRST, points }];
  });
}

function againstN(result: InferenceResult, { number, also, title, pick, unit }: AgainstN): PaperFigure {
  const isLift = unit === RELATIVE;
  const panels = result.cells.map((cell) => (
    <Panel key={nameOf(cell)} title={nameOf(cell)}>
      {lineBody(cell.metrics, pick, isLift)}
    </Panel>
  ));
  const known = result.cells.flatMap(({ metrics }) => (metrics ? seriesOf(metrics, pick) : []));
  const said = result.cells.flatMap((cell) => {
    const line = cell.metrics && seriesOf(cell.metrics, pick).find(({ name }) => name === FIRST);
    if (!line) return [];
    const [from, to] = [line.points[0]!, line.points.at(-1)!];
    return [
      `${nameOf(cell)} from ${inWords(from.value, unit)} at N\u00a0=\u00a0${from.x} to ${inWords(to.value, unit)} at N\u00a0=\u00a0${to.x}`,
    ];
  });
  const few = said.length > 0 && said.length <= 6 ? ` ${list(said)}.` : "";
  return {
    number,
    ...(also && { also }),
    title,
    message: `By log-likelihood:${few || " a panel for each model and task."}`,
    note: `The band is log-likelihood's 95\u00a0% interval over prompts and seeds. ${
      isLift
        ? "Each N is the exact expectation over all subsets of the responses drawn."
        : "The whole sequence's log-probability under the base at temperature 1; the dotted line is the greedy response's."
    }`,
    body: <div class="panels">{panels}</div>,
    ...(known.length > 0 && { table: linesTable(result, `figure-${number}-table`, title, pick, unit) }),
    legend: known,
  };
}

function lineBody(metrics: Metrics | undefined, pick: Figure, isLift: boolean): VNode {
  if (metrics === undefined) return <Instead>No result.</Instead>;
  const lines = seriesOf(metrics, pick);
  if (lines.length > 0) {
    const y = isLift ? 0 : metrics.greedy.logLikelihood.value;
    const write = (value: number): string => fixed(value, isLift ? 1 : 2, isLift);
    return <LinePanel lines={lines} reference={{ y, name: "greedy" }} x="N" write={write} />;
  }
  if (!metrics.labelled) return <Instead>No labels, so accuracy is unknown.</Instead>;
  return (
    <Instead>
      {metrics.greedy.accuracy?.value === 0
        ? "Greedy is never right, so there is no ratio to it."
        : "Greedy is right too seldom for a ratio to it: its interval would have no end. The difference in points stands above."}
    </Instead>
  );
}

function linesTable(
  { cells }: InferenceResult,
  id: string,
  title: string,
  pick: Figure,
  unit: Unit,
): TableData {
  const measured = cells.filter((cell) => cell.metrics !== undefined);
  const sizes = [
    ...new Set(
      measured.flatMap(({ metrics }) => Object.values(metrics!.bestOfN).flatMap((byN) => sampleSizes(byN))),
    ),
  ].sort((a, b) => a - b);
  const rows: TableData["rows"] = measured.flatMap((cell) =>
    Object.entries(cell.metrics!.bestOfN).map(([reward, byN]) => ({
      head: `${nameOf(cell)}, ${reward}`,
      cells: sizes.map((n) => estimateCell(byN[n] && pick(byN[n]), unit)),
    })),
  );
  return { id, caption: title, columns: ["Cell", ...sizes.map((n) => `N\u00a0=\u00a0${n}`)], rows };
}

function histograms({ cells }: InferenceResult): PaperFigure {
  const rows: TableData["rows"][number][] = [];
  const panels = cells.map((cell) => {
    const { correct, incorrect } = cell.metrics?.histograms ?? {};
    if (!correct || !incorrect)
      return (
        <Panel key={nameOf(cell)} title={nameOf(cell)}>
          <Instead>{cell.metrics ? "No labels." : "No result."}</Instead>
        </Panel>
      );
    const total = ({ counts }: typeof correct): number => counts.reduce((a, b) => a + b, 0);
    const median = (h: typeof correct): string => {
      const value = binnedMedian(h);
      return value === undefined ? "–" : inWords(value, NATS);
    };
    rows.push({
      head: nameOf(cell),
      cells: [count(total(correct)), median(correct), count(total(incorrect)), median(incorrect)],
    });
    const title = `${nameOf(cell)}: medians ${median(correct)} (correct), ${median(incorrect)} (incorrect)`;
    return (
      <Panel key={title} title={title}>
        <HistogramPanel correct={correct} incorrect={incorrect} />
      </Panel>
    );
  });
  return {
    number: "1c",
    also: ["6"],
    title: "log-probability of correct and incorrect responses",
    message:
      "Sequence log-probability under the base, given that the response is correct (bars) or incorrect (outline), each in percent of its own. Where the two lie apart, log-likelihood can tell them apart.",
    body: <div class="panels">{panels}</div>,
    ...(rows.length > 0 && {
      table: {
        id: "figure-1c-table",
        caption: "Responses drawn, and the median of their log-probability",
        columns: ["Cell", "Correct", "Median", "Incorrect", "Median"],
        rows,
      },
    }),
  };
}

function game24({ cells }: InferenceResult): PaperFigure {
  // The paper's figure has the test puzzles and the training puzzles.
  const own = cells.filter(({ task, metrics }) => ["game24", "game24-train"].includes(task) && metrics);
  const puzzles = (task: string): string => (task === "game24" ? "test puzzles" : "training puzzles");
  const lines = (metrics: Metrics): LineSeries[] => {
    const coverage = sampleSizes(metrics.coverageLift ?? {}).map((n) => ({
      x: n,
      ...metrics.coverageLift![n]!,
    }));
    const skyline: LineSeries = { name: "coverage", style: seriesStyle(6), band: false, points: coverage };
    return [...seriesOf(metrics, (answer) => answer.lift), ...(coverage.length > 0 ? [skyline] : [])];
  };
  const panels = own.map(({ model, task, metrics }) => (
    <>
      <Panel title={`${model}, ${puzzles(task)}: % lift over greedy against N`}>
        <LinePanel
          lines={lines(metrics!)}
          reference={{ y: 0, name: "greedy" }}
          x="N"
          write={(value) => fixed(value, 1, true)}
        />
      </Panel>
      <Panel title={`${model}, ${puzzles(task)}: mean log-probability of the choice against N`}>
        {lineBody(metrics, (answer) => answer.logLikelihood, false)}
      </Panel>
    </>
  ));
  const said = own.flatMap(({ model, task, metrics }) => {
    const { greedy, coverage, n } = metrics!;
    const best = metrics!.bestOfN[FIRST]?.[n];
    if (!best?.accuracy || !greedy.accuracy) return [];
    const ceiling = coverage?.[n] ? `, with coverage of ${inWords(coverage[n].value, PERCENT)}` : "";
    return [
      `${model} makes 24 of ${inWords(greedy.accuracy.value, PERCENT)} of the ${puzzles(task)} greedily and of ${inWords(best.accuracy.value, PERCENT)} with the likeliest of ${n}${ceiling}`,
    ];
  });
  return {
    number: "5",
    title: "Game of 24",
    message:
      own.length === 0
        ? "This suite has no cell of Game of 24 with a result."
        : said.length > 0
          ? `${list(said)}.`
          : "The puzzles have no labels.",
    body: <div class="panels">{panels}</div>,
    legend: own.flatMap(({ metrics }) => lines(metrics!)),
  };
}
