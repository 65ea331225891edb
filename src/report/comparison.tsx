import type { ComponentChildren, VNode } from "preact";
import { sampleSizes } from "../evaluate/largest-n.js";
import { overruled } from "../evaluate/findings-words.js";
import { Table, type TableData } from "../page/table.js";
import { factOf, type AdapterMetrics, type Estimate, type Metrics } from "../evaluate/metrics.js";
import type { FactRow } from "../sharpen/methods/method.js";
import { methods, partsOf } from "../sharpen/methods/registry.js";
import {
  count,
  direction,
  intervalInTable,
  methodName,
  NATS,
  NATS_GAIN,
  PERCENT,
  POINTS,
  TOKENS,
  type Unit,
} from "./format.js";
import { estimateCell, NOTHING } from "./estimate-cell.js";

interface Row {
  readonly head: string;
  readonly unit: Unit;
  readonly base: Estimate | undefined;
  readonly of: (adapter: AdapterMetrics) => Estimate | undefined;
  /** Differences get a word beside the number. */
  readonly gain?: boolean;
}

/** Base and adapters side by side; undefined where nothing was trained. Rows without any figure are left out. */
export function comparisonTable(metrics: Metrics): VNode | undefined {
  const adapters = Object.entries(metrics.adapters);
  if (adapters.length === 0) return undefined;
  const rows = comparisonRows(metrics)
    .filter((row) => row.base !== undefined || adapters.some(([, a]) => row.of(a) !== undefined))
    .map((row) => ({
      head: row.head,
      cells: [
        row.gain === true ? <span class="none">reference</span> : estimateCell(row.base, row.unit),
        ...adapters.map(([, adapter]): ComponentChildren => {
          const estimate = row.of(adapter);
          return withVerdict(row, estimate, metrics);
        }),
      ],
    }));
  const data = {
    id: "comparison",
    caption: `The base and what was trained from it, on ${count(metrics.prompts)} held-out prompts; in brackets the 95\u00a0% interval, gains paired over prompts.`,
    columns: ["Measure", "Base", ...adapters.map(([method]) => methodName(method))],
    rows: [...rows, ...effortRows(adapters)],
  };
  return <Table {...data} />;
}

/** What each adapter took to train, and how it was. */
function effortRows(adapters: readonly (readonly [string, AdapterMetrics])[]): TableData["rows"] {
  const effort = (head: string, of: (a: AdapterMetrics) => string): TableData["rows"][number] => ({
    head,
    cells: [NOTHING, ...adapters.map(([, a]): ComponentChildren => of(a))],
  });
  /** A row where it holds of any adapter. */
  const where = (
    holds: (a: AdapterMetrics) => boolean,
    head: string,
    of: (a: AdapterMetrics) => string,
  ): TableData["rows"] => (adapters.some(([, a]) => holds(a)) ? [effort(head, of)] : []);
  /** A row where any adapter has the number. */
  const optional = (
    head: string,
    of: (a: AdapterMetrics) => number | undefined,
    write: (value: number) => string = count,
  ): TableData["rows"] =>
    where(
      (a) => of(a) !== undefined,
      head,
      (a) => {
        const value = of(a);
        return value === undefined ? "–" : write(value);
      },
    );
  return [
    effort(
      `Iterate kept (epoch; ${roundMethods()}: round)`,
      (a) => `${a.keptEpoch} of ${a.epochs.at(-1)?.epoch ?? a.keptEpoch}`,
    ),
    ...where(
      ({ start }) => start !== undefined,
      "Training began at",
      ({ start }) => (start === undefined ? "the base" : methodName(start)),
    ),
    ...where(
      ({ full }) => full === true,
      "What was trained",
      ({ full }) => (full ? "full: every weight" : "a LoRA adapter"),
    ),
    effort(
      "Training prompts n × responses N",
      (a) => `${count(a.trainingPrompts)} × ${count(a.trainingSamples)}`,
    ),
    effort("Model calls to train, m = n·N", (a) =>
      count(a.modelCalls ?? a.trainingPrompts * a.trainingSamples),
    ),
    ...optional("… and to choose the iterate", (a) => a.validationCalls),
    ...factRows(adapters.map(([method]) => method)).flatMap(({ fact, label, write }) =>
      optional(label, (a) => factOf(a, fact), write === "count" ? count : precise),
    ),
  ];
}

/** A cell with a word before it where it is a difference. */
const withVerdict = ({ gain, unit }: Row, estimate: Estimate | undefined, metrics: Metrics): VNode => (
  <>
    {gain === true && estimate !== undefined && verdict(estimate, unit, metrics)}
    {estimateCell(estimate, unit)}
  </>
);

/** The titles of the methods whose iterates are rounds. */
const roundMethods = (): string =>
  Object.values(methods)
    .filter(({ iterate }) => iterate === "round")
    .map(({ title }) => title)
    .join(", ");

/** The rows of these methods' own numbers, each once. */
function factRows(names: readonly string[]): FactRow[] {
  const rows = names.flatMap((name) => partsOf(name)?.method.page.facts ?? []);
  return [...new Map(rows.map((row) => [row.fact, row])).values()];
}

/** Three digits, whatever the size. */
const precise = (value: number): string => String(Number(value.toPrecision(3)));

/** A word on a difference, by the rule of all declared comparisons, with their interval where it overrules the one in the cell. */
function verdict(gain: Estimate, unit: Unit, metrics: Metrics): VNode {
  const side = direction(gain, unit, metrics);
  const words = { up: "▲ gain", down: "▼ loss", unclear: "◦ unclear", few: "◦ too few prompts" }[side];
  const claim = overruled(gain, metrics);
  const all = claim && ` ${intervalInTable(claim.simultaneous, unit)} among all ${claim.among} comparisons`;
  return (
    <>
      <span class={`verdict ${side}`}>
        {words}
        {all}
      </span>{" "}
    </>
  );
}

function comparisonRows(metrics: Metrics): Row[] {
  const { base, greedy, coverage } = metrics;
  const sizes = new Set<number>();
  for (const adapter of Object.values(metrics.adapters))
    sampleSizes(adapter.coverage ?? {}).forEach((n) => sizes.add(n));
  return [
    { head: "Accuracy of one sample, %", unit: PERCENT, base: base.accuracy, of: (a) => a.accuracy },
    {
      head: "… gain over the base, points",
      unit: POINTS,
      base: undefined,
      of: (a) => a.accuracyGain,
      gain: true,
    },
    { head: "Greedy accuracy, %", unit: PERCENT, base: greedy.accuracy, of: (a) => a.greedyAccuracy },
    {
      head: "Log-likelihood of one sample under the base, nats",
      unit: NATS,
      base: base.logLikelihood,
      of: (a) => a.logLikelihood,
    },
    {
      head: "… gain over the base, nats",
      unit: NATS_GAIN,
      base: undefined,
      of: (a) => a.logLikelihoodGain,
      gain: true,
    },
    {
      head: "Log-likelihood of the greedy response, nats",
      unit: NATS,
      base: greedy.logLikelihood,
      of: (a) => a.greedyLogLikelihood,
    },
    ...[...sizes]
      .sort((a, b) => a - b)
      .map((n): Row => ({
        head: `Coverage at N\u00a0=\u00a0${n}, %`,
        unit: PERCENT,
        base: coverage?.[n],
        of: (a) => a.coverage?.[n],
      })),
    { head: "Response length, tokens", unit: TOKENS, base: base.length, of: (a) => a.length },
  ];
}
