import type { VNode } from "preact";
import { baselineInWords } from "../../evaluate/measure-baselines.js";
import type { AnswerMetrics, Estimate } from "../../evaluate/metrics.js";
import type { AmortizedCell, InferenceCell, SuiteResult } from "../../reproduce/result.js";
import { Table, type TableData } from "../../page/table.js";
import { estimateCell } from "../estimate-cell.js";
import { count, PERCENT, POINTS } from "../format.js";
import { nameOf } from "./names.js";

/** Whoever sharpens, by name, and by how much it is right more often than each of the base's other ways. */
interface Sharpened {
  readonly name: string;
  readonly gainOver: Readonly<Record<string, Estimate>>;
}

/** What a cell sharpened, each way with the gains over the base's other ways. */
function sharpenedIn(cell: InferenceCell | AmortizedCell): readonly Sharpened[] {
  if ("trainN" in cell) {
    const { gainOver } = cell.metrics?.adapter ?? {};
    return gainOver ? [{ name: "adapter, one sample", gainOver }] : [];
  }
  const { bestOfN = {}, n = 0 } = cell.metrics ?? {};
  return Object.entries(bestOfN).flatMap(([reward, byN]) => {
    const { gainOver } = byN[String(n)] ?? {};
    return gainOver ? [{ name: `best-of-${n} by ${reward}`, gainOver }] : [];
  });
}

/** One cell's table; undefined where the base was asked in no other way, or nothing is labelled. */
function otherWays(cell: InferenceCell | AmortizedCell, place: number): TableData | undefined {
  const { metrics } = cell;
  const ways: readonly (readonly [string, AnswerMetrics])[] = Object.entries(metrics?.baselines ?? {});
  const sharpened = sharpenedIn(cell);
  if (ways.length === 0 || sharpened.length === 0) return undefined;
  return {
    id: `other-ways-${place}`,
    caption: `${nameOf(cell)}: what the base gives when asked in other ways, and by how many points what was sharpened is above it; in brackets the 95\u00a0% interval over prompts and seeds, differences paired by prompt.`,
    columns: [
      "The base’s",
      "Accuracy, %",
      "… less greedy, points",
      ...sharpened.map(({ name }) => `${name}, above it`),
    ],
    rows: ways.map(([way, { accuracy, liftPoints }]) => ({
      head: baselineInWords(way),
      cells: [
        estimateCell(accuracy, PERCENT),
        estimateCell(liftPoints, POINTS),
        ...sharpened.map(({ gainOver }) => estimateCell(gainOver[way], POINTS)),
      ],
    })),
  };
}

/** One cell's accuracy against tokens, the cheapest way first; undefined where nothing is labelled. */
function tokensTable(cell: InferenceCell | AmortizedCell, place: number): TableData | undefined {
  const costs = [...(cell.metrics?.costs ?? [])].sort((a, b) => a.tokens - b.tokens);
  if (costs.length === 0) return undefined;
  return {
    id: `tokens-${place}`,
    caption: `${nameOf(cell)}: accuracy against tokens, in all, to answer each of the ${cell.metrics!.prompts} prompts once: those drawn, those that a judge reads and writes, and of an adapter those that it learned from. In brackets the 95\u00a0% interval over prompts and seeds.`,
    columns: ["Way to answer", "Tokens", "Accuracy, %"],
    rows: costs.map(({ name, tokens, accuracy }) => ({
      head: name,
      cells: [count(tokens), estimateCell(accuracy, PERCENT)],
    })),
  };
}

/** Tables of a suite under a heading; nothing where there are none. */
function Beside({
  what,
  tables,
}: {
  readonly what: string;
  readonly tables: readonly TableData[];
}): VNode | null {
  if (tables.length === 0) return null;
  return (
    <>
      <h3>Beside the paper’s: {what}</h3>
      {tables.map((table) => (
        <Table key={table.id} {...table} />
      ))}
    </>
  );
}

/** Accuracy against tokens, a table a cell; nothing where no prompt has a label. */
export function AgainstTokens({ result }: { readonly result: SuiteResult }): VNode {
  const tables = result.cells.flatMap((cell, place) => tokensTable(cell, place) ?? []);
  return <Beside what="accuracy against tokens" tables={tables} />;
}

/** What the base gives without any sharpening, a table a cell; nothing in a suite that did not measure it. */
export function OtherWays({ result }: { readonly result: SuiteResult }): VNode {
  const tables = result.cells.flatMap((cell, place) => otherWays(cell, place) ?? []);
  return <Beside what="the base, asked in other ways" tables={tables} />;
}
