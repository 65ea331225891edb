import type { ComponentChildren, VNode } from "preact";
import { sampleSizes } from "../evaluate/largest-n.js";
import { baselineInWords } from "../evaluate/measure-baselines.js";
import type {
  AdaptiveMetrics,
  AnswerMetrics,
  Ends,
  EpochMetrics,
  Estimate,
  JudgedObjective,
  Metrics,
} from "../evaluate/metrics.js";
import { tiltTable } from "./charts-tilt.js";
import { tokensTable } from "./charts-tokens.js";
import { wordingOf } from "./charts-training.js";
import {
  count,
  duration,
  fixed,
  inTable,
  methodName,
  NATS,
  NATS_GAIN,
  PERCENT,
  POINTS,
  RELATIVE,
  SHARE,
  TOKENS,
  type Unit,
} from "./format.js";
import { Table, type TableData } from "../page/table.js";
import { estimateCell, NOTHING } from "./estimate-cell.js";

/** Every figure of metrics.json as tables under disclosure widgets; what was not measured has no table. */
export function AllTables({ metrics }: { readonly metrics: Metrics }): VNode {
  const tables: readonly (readonly [string, TableData | undefined])[] = [
    [
      "Accuracy against N",
      byN(metrics, "figure-accuracy-table", "Accuracy, %", PERCENT, (a) => a.accuracy, true),
    ],
    [
      "Lift over greedy, points",
      byN(metrics, "figure-lift-table", "Lift over greedy, points", POINTS, (a) => a.liftPoints),
    ],
    [
      "Lift over greedy, relative",
      byN(metrics, "lift-relative-table", "100·(accuracy − greedy)/greedy, %", RELATIVE, (a) => a.lift),
    ],
    [
      "Log-probability of the chosen response",
      byN(
        metrics,
        "figure-log-likelihood-table",
        "Mean log π(y | x) under the base, nats",
        NATS,
        (a) => a.logLikelihood,
      ),
    ],
    [
      "Log-probability over greedy",
      byN(
        metrics,
        "log-likelihood-lift-table",
        "Mean log π(y | x) minus greedy’s, nats",
        NATS_GAIN,
        (a) => a.logLikelihoodLift,
      ),
    ],
    [
      "Response length",
      byN(metrics, "length-table", "Mean length of the chosen response, tokens", TOKENS, (a) => a.length),
    ],
    ["Histogram of log-probabilities", histogramTable(metrics)],
    ["Ordering of right and wrong", orderingTable(metrics)],
    ["Agreement between rewards", agreementTable(metrics)],
    ["What training on each reward could give", tiltTable(metrics)],
    ["Accuracy against tokens", tokensTable(metrics)],
    ["Asked in other ways", baselinesTable(metrics)],
    ["Adaptive best-of-N", adaptiveTable(metrics)],
    ["How responses end", endsTable(metrics)],
    ...Object.keys(metrics.adapters).map(
      (m) => [`${methodName(m)}: training`, trainingTable(metrics, m)] as const,
    ),
    ["Time by stage", secondsTable(metrics)],
  ];
  return <Folded tables={tables} />;
}

function Folded({
  tables,
}: {
  readonly tables: readonly (readonly [string, TableData | undefined])[];
}): VNode {
  return (
    <div class="folded">
      {tables.map(
        ([name, data]) =>
          data !== undefined && (
            <details class="figures" key={name}>
              <summary>{name}</summary>
              <Table {...data} />
            </details>
          ),
      )}
    </div>
  );
}

function byN(
  metrics: Metrics,
  id: string,
  quantity: string,
  unit: Unit,
  pick: (answer: AnswerMetrics) => Estimate | undefined,
  coverage = false,
): TableData | undefined {
  const rewards = Object.entries(metrics.bestOfN).filter(([, at]) => Object.values(at).some((a) => pick(a)));
  if (rewards.length === 0) return undefined;
  const sizes = [...new Set(rewards.flatMap(([, at]) => sampleSizes(at)))].sort((a, b) => a - b);
  const skyline = coverage ? metrics.coverage : undefined;
  const cellsOf = (n: number): ComponentChildren[] =>
    rewards.map(([, at]) => {
      const answer = at[n];
      return estimateCell(answer && pick(answer), unit);
    });
  const single = (head: string, answer: AnswerMetrics): TableData["rows"] => {
    const estimate = pick(answer);
    if (estimate === undefined) return [];
    const cells = rewards.map((): ComponentChildren => estimateCell(estimate, unit));
    return [{ head, cells: skyline ? [...cells, NOTHING] : cells }];
  };
  return {
    id,
    caption: `${quantity}: best-of-N by each self-reward, the expectation over all subsets of size N of the ${count(metrics.n)} responses drawn; in brackets the 95\u00a0% interval. Greedy and one sample do not depend on the reward.`,
    columns: ["N", ...rewards.map(([name]) => name), ...(skyline ? ["coverage"] : [])],
    rows: [
      ...single("greedy", metrics.greedy),
      ...single("one sample", metrics.base),
      ...sizes.map((n) => ({
        head: String(n),
        cells: [...cellsOf(n), ...(skyline ? [estimateCell(skyline[n], unit)] : [])],
      })),
    ],
  };
}

function histogramTable(metrics: Metrics): TableData {
  const { all, correct, incorrect } = metrics.histograms;
  const labelled = correct !== undefined && incorrect !== undefined;
  return {
    id: "figure-histogram-table",
    caption: "Responses by their sequence log-probability under the base, in nats (lower edge included).",
    columns: ["from, to", ...(labelled ? ["correct", "incorrect"] : []), "all"],
    rows: all.counts.map((n, i) => ({
      head: `${fixed(all.edges[i] ?? NaN, 2)}, ${fixed(all.edges[i + 1] ?? NaN, 2)}`,
      cells: [
        ...(labelled ? [count(correct.counts[i] ?? 0), count(incorrect.counts[i] ?? 0)] : []),
        count(n),
      ],
    })),
  };
}

function orderingTable(metrics: Metrics): TableData | undefined {
  const entries = Object.entries(metrics.auc ?? {});
  if (entries.length === 0) return undefined;
  return {
    id: "figure-ordering-table",
    caption:
      "P(score of a correct response > score of an incorrect one of the same prompt), ties half; in brackets the 95\u00a0% interval.",
    columns: ["Self-reward", "Probability"],
    rows: entries.map(([head, estimate]) => ({ head, cells: [estimateCell(estimate, SHARE)] })),
  };
}

function agreementTable(metrics: Metrics): TableData | undefined {
  const entries = Object.entries(metrics.agreement ?? {});
  if (entries.length === 0) return undefined;
  return {
    id: "agreement-table",
    caption: `Share of prompts on which two self-rewards choose the same answer among all ${count(metrics.n)} responses, %.`,
    columns: ["Self-rewards", "Agreement"],
    rows: entries.map(([pair, share]) => ({
      head: pair.split("|").join(" and "),
      cells: [inTable(share, PERCENT)],
    })),
  };
}

function adaptiveTable({ adaptive, adaptiveVotes }: Metrics): TableData | undefined {
  if (adaptive === undefined) return undefined;
  const rules = [adaptive, ...(adaptiveVotes ? [adaptiveVotes] : [])];
  const row = (
    head: string,
    cell: (rule: AdaptiveMetrics) => ComponentChildren,
  ): TableData["rows"][number] => ({
    head,
    cells: rules.map(cell),
  });
  return {
    id: "adaptive-table",
    caption:
      "Adaptive best-of-N (paper, eq. 10) stops once the best response so far is likely enough, a vote once its leader is hardly overtaken " +
      "any more; in brackets the 95\u00a0% interval.",
    columns: ["Measure", "By log-likelihood", ...(adaptiveVotes ? ["By vote"] : [])],
    rows: [
      ...(adaptive.accuracy
        ? [row("Accuracy, %", ({ accuracy }) => (accuracy ? estimateCell(accuracy, PERCENT) : ""))]
        : []),
      row("Mean N", ({ meanN }) => fixed(meanN, 1)),
      row("Cap on N", ({ cap }) => count(cap)),
      row("Prompts that hit the cap", ({ capped }) => count(capped)),
      row("Mean log π(y | x), nats", ({ logLikelihood }) => estimateCell(logLikelihood, NATS)),
    ],
  };
}

/** How responses end: cut off, or without an answer. */
function endsTable({ ends }: Metrics): TableData | undefined {
  if (ends === undefined) return undefined;
  const row = (head: string, { cut, abstained }: Ends): TableData["rows"][number] => ({
    head,
    cells: [inTable(cut, PERCENT), inTable(abstained, PERCENT)],
  });
  return {
    id: "ends-table",
    caption:
      "Responses that were cut off at the longest length, and those that ended by themselves without an answer, in % of them.",
    columns: ["Responses", "Cut off", "No answer"],
    rows: [
      row("all that were drawn", ends.drawn),
      row("greedy", ends.greedy),
      ...Object.entries(ends.chosen).map(([reward, own]) => row(`chosen by ${reward}`, own)),
    ],
  };
}

function trainingTable(metrics: Metrics, method: string): TableData | undefined {
  const adapter = metrics.adapters[method];
  if (adapter === undefined || adapter.epochs.length === 0) return undefined;
  const { epochs, keptEpoch } = adapter;
  const { iterate: unit, losses } = wordingOf(method);
  const columns: readonly (readonly [string, (e: EpochMetrics) => ComponentChildren | undefined])[] = [
    ["Training loss", (e) => (e.trainLoss === undefined ? undefined : fixed(e.trainLoss, 4))],
    ["Validation loss", (e) => (e.objective ? undefined : fixed(e.validationLoss, 4))],
    ["J_β", (e) => e.objective && objectiveCell(e.objective)],
    ["Accuracy, %", (e) => e.accuracy && estimateCell(e.accuracy, PERCENT)],
    ["Coverage, %", (e) => e.coverage && estimateCell(e.coverage, PERCENT)],
    ["Log-likelihood, nats", (e) => e.logLikelihood && estimateCell(e.logLikelihood, NATS)],
    ["Entropy, nats", (e) => e.entropy && estimateCell(e.entropy, NATS)],
    ["KL to the base, nats", (e) => e.kl && estimateCell(e.kl, NATS)],
    ["Length, tokens", (e) => e.length && estimateCell(e.length, TOKENS)],
    ["Repeated trigrams, %", (e) => e.repetition && estimateCell(e.repetition, PERCENT)],
  ];
  const shown = columns.filter(([, of]) => epochs.some((e) => of(e) !== undefined));
  return {
    id: `figure-training-${method}-table`,
    caption: `${methodName(method)}, ${unit} by ${unit}. Losses: ${losses}. Held-out prompts sampled once the ${unit} is over; in brackets the 95\u00a0% interval.`,
    columns: [unit === "round" ? "Round" : "Epoch", ...shown.map(([name]) => name)],
    rows: epochs.map((e) => ({
      head: `${e.epoch}${e.epoch === keptEpoch ? " (kept)" : ""}`,
      cells: shown.map(([, of]) => of(e) ?? NOTHING),
    })),
  };
}

/** J_β, ± the standard error of its gain over the base, and whether what was sampled shows signs of collapse. */
function objectiveCell({ value, error, collapsed }: JudgedObjective): VNode {
  return (
    <>
      {fixed(value, 4)}
      {error !== undefined && <span class="ci"> ± {fixed(error, 4)}</span>}
      {collapsed === true && <span class="ci"> (collapsing)</span>}
    </>
  );
}

/** One sample of the base at other temperatures and with top-p, and what beam search finds: what training has to beat. */
function baselinesTable({ baselines = {}, base, temperature }: Metrics): TableData | undefined {
  const others = Object.entries(baselines).map(([name, way]) => [baselineInWords(name), way] as const);
  const ways = [[`one sample, temperature ${temperature}, as drawn`, base] as const, ...others];
  if (ways.length === 1) return undefined;
  const labelled = base.accuracy !== undefined;
  return {
    id: "baselines-table",
    caption:
      "What the base gives when asked in other ways, against its greedy response; in brackets the 95\u00a0% interval, differences paired by prompt.",
    columns: [
      "The base’s",
      ...(labelled ? ["Accuracy, %", "… less greedy, points"] : []),
      "Log-likelihood, nats",
      "… less greedy, nats",
      "Length, tokens",
    ],
    rows: ways.map(([head, way]) => ({
      head,
      cells: [
        ...(labelled ? [estimateCell(way.accuracy, PERCENT), estimateCell(way.liftPoints, POINTS)] : []),
        estimateCell(way.logLikelihood, NATS),
        estimateCell(way.logLikelihoodLift, NATS_GAIN),
        estimateCell(way.length, TOKENS),
      ],
    })),
  };
}

function secondsTable({ seconds }: Metrics): TableData | undefined {
  const entries = Object.entries(seconds);
  if (entries.length === 0) return undefined;
  return {
    id: "seconds-table",
    caption: "Wall-clock time by stage.",
    columns: ["Stage", "Time"],
    rows: entries.map(([head, value]) => ({ head, cells: [duration(value)] })),
  };
}
