import type { VNode } from "preact";
import { Table, type TableData } from "../../page/table.js";
import type { AmortizedResult } from "../../reproduce/result.js";
import { PAPER_TABLE } from "../../reproduce/paper-settings.js";
import { estimateCell } from "../estimate-cell.js";
import { count, NATS_GAIN, RELATIVE } from "../format.js";
import { mainCells, trained } from "./amortized-figures.js";
import { nameAmongLargest } from "./names.js";
import { noRatio } from "./no-ratio.js";
import { RunLinks, type RunsOf } from "./run-links.js";

/** The paper's tables 1 and 2 of what was trained here, each with the paper's own below it. */
export function PaperTables({
  input,
  runsOf,
}: {
  readonly input: AmortizedResult;
  readonly runsOf: RunsOf | undefined;
}): VNode {
  return (
    <>
      <h3>Table 1: lift over greedy</h3>
      <Table {...lifts(input, runsOf)} />
      <OfThePaper
        number={1}
        columns={["% lift in accuracy over greedy", "Log-likelihood lift over greedy"]}
        rows={PAPER_TABLE.map((row) => [row, [row.lift, row.logLikelihoodLift]])}
      />
      <h3>Table 2: hyperparameters</h3>
      <Table {...hyperparameters(input)} />
      <OfThePaper
        number={2}
        columns={["Weight decay", "LoRA rank"]}
        rows={PAPER_TABLE.map((row) => [row, [String(row.weightDecay), count(row.rank)]])}
      />
    </>
  );
}

/** A table of the paper as it is printed, folded. */
function OfThePaper({
  number,
  columns,
  rows,
}: {
  readonly number: number;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly [
    of: { readonly model: string; readonly task: string },
    cells: string[],
  ])[];
}): VNode {
  return (
    <details class="figures">
      <summary>The paper's own Table {number}</summary>
      <Table
        id={`paper-table-${number}`}
        caption="What the paper reports, with models that this page may not have"
        columns={["Model and task", ...columns]}
        rows={rows.map(([{ model, task }, cells]) => ({ head: `${model} on ${task}`, cells }))}
      />
    </details>
  );
}

/** Table 1 for the largest N: what one sample of the adapter gains on the base's greedy response. */
function lifts(result: AmortizedResult, runsOf: RunsOf = () => []): TableData {
  const rows = mainCells(result).map((cell) => {
    const { metrics, seeds } = cell;
    const adapter = metrics?.adapter;
    return {
      head: nameAmongLargest(cell),
      cells: [
        metrics?.adapter.accuracy && !metrics.adapter.lift
          ? noRatio(metrics)
          : estimateCell(adapter?.lift, RELATIVE),
        estimateCell(adapter?.logLikelihoodLift, NATS_GAIN),
        <>
          {count(seeds.length)} <RunLinks runs={runsOf(cell)} />
        </>,
      ],
    };
  });
  return {
    id: "table-1",
    caption: `${trained(result)} with N\u00a0=\u00a0${result.trainNs.at(-1) ?? ""}: one sample of the adapter at temperature ${result.temperature} against the base's greedy response; in brackets the 95\u00a0% interval over prompts and seeds. A dash is a cell without a result or without labels.`,
    columns: [
      "Model and task",
      "% lift in accuracy over greedy",
      "Log-likelihood lift over greedy, nats",
      "Seeds",
    ],
    rows,
  };
}

/** Table 2 for the same: what made these adapters. */
function hyperparameters(result: AmortizedResult): TableData {
  const rows = mainCells(result).map((cell) => {
    const { weightDecay, rank, batchSize, epochs, learningRate, schedule, clipNorm, source } = cell.settings;
    return {
      head: nameAmongLargest(cell),
      cells: [
        String(weightDecay),
        rank === "full" ? rank : count(rank),
        count(batchSize),
        count(epochs),
        String(learningRate),
        schedule ?? "–",
        String(clipNorm),
        source,
      ],
    };
  });
  return {
    id: "table-2",
    caption: `What trained the adapters of Table 1`,
    columns: [
      "Model and task",
      "Weight decay",
      "LoRA rank",
      "Batch",
      "Epochs",
      "Learning rate",
      "Schedule",
      "Gradient clipped at",
      "Settings from",
    ],
    rows,
  };
}
