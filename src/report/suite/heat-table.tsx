import type { VNode } from "preact";
import type { Direction } from "../../evaluate/findings-words.js";
import type { Estimate } from "../../evaluate/metrics.js";
import { fixed, inTable, intervalInTable, type Unit } from "../format.js";
import { RunLinks, type RunLink } from "./run-links.js";
import { HEAT_STEPS } from "./style.js";

/** What stands at a task and a model: an estimate, a word instead of one, or nothing. */
export type HeatValue = Estimate | string | undefined;

/** A heat map of tasks by models, as a table: it can be read aloud, and its numbers stand in it. */
export interface HeatMap {
  readonly id: string;
  readonly caption: string;
  readonly models: readonly string[];
  readonly tasks: readonly string[];
  readonly unit: Unit;
  readonly value: (model: string, task: string) => HeatValue;
  /** A change, coloured on both sides of 0, or a share, coloured from 0 to 1. */
  readonly scale: "change" | "share";
  /** Where the runs of a cell are, one a seed; none on a page that stands alone. */
  readonly runsOf?: ((model: string, task: string) => readonly RunLink[]) | undefined;
}

/** The strongest colour is of the largest change, but of no smaller one than this, in percent: a change of 1 % is to look like one. */
const FAINT = 25;

/** Where there is no result it says so, and is not coloured: no result is not zero. */
export function HeatTable(map: HeatMap): VNode {
  const { id, caption, models, tasks, value, scale } = map;
  const values = tasks.flatMap((task) => models.map((model) => value(model, task)));
  const largest = Math.max(...values.map((v) => (typeof v === "object" ? Math.abs(v.value) : 0)));
  const top = scale === "share" ? 1 : Math.max(largest, FAINT);
  return (
    <div class="scroll" role="region" aria-labelledby={`${id}-caption`} tabIndex={0}>
      <table id={id} class="heat">
        <caption id={`${id}-caption`}>{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Task</th>
            {models.map((model) => (
              <th scope="col" key={model}>
                {model}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {tasks.map((task) => (
            <tr key={task}>
              <th scope="row">{task}</th>
              {models.map((model) => (
                <Cell
                  key={model}
                  found={value(model, task)}
                  runs={map.runsOf?.(model, task)}
                  map={map}
                  top={top}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** @param top what has the strongest colour. */
function Cell({
  found,
  runs = [],
  map: { unit, scale },
  top,
}: {
  readonly found: HeatValue;
  readonly runs?: readonly RunLink[] | undefined;
  readonly map: HeatMap;
  readonly top: number;
}): VNode {
  if (found === undefined || typeof found === "string") return <td class="blank">{found ?? "no result"}</td>;
  const step = Math.min(HEAT_STEPS, Math.ceil((Math.abs(found.value) / top) * HEAT_STEPS));
  const clear = scale === "change" && sideOf(found) !== "unclear";
  return (
    <td class={step === 0 ? undefined : `${found.value > 0 ? "up" : "down"}${step}`}>
      <span class={clear ? "clear" : undefined}>{inTable(found.value, unit)}</span>{" "}
      <span class="ci">{intervalInTable(found, unit)}</span>
      <RunLinks runs={runs} />
    </td>
  );
}

/** On which side of 0 an interval lies, if it is clear of it. */
function sideOf({ low, high }: Estimate): Direction {
  return low > 0 ? "up" : high < 0 ? "down" : "unclear";
}

/**
 * How many estimates lie clear of 0 on either side, in words: a count of intervals, each taken by itself, and no claim on any one. Undefined where there is
 * no estimate.
 */
export function countClear(values: readonly HeatValue[], than: string): string | undefined {
  const measured = values.filter((v): v is Estimate => typeof v === "object");
  if (measured.length === 0) return undefined;
  const up = measured.filter((v) => sideOf(v) === "up").length;
  const down = measured.filter((v) => sideOf(v) === "down").length;
  const cells = `${fixed(measured.length, 0)} ${measured.length === 1 ? "cell" : "cells"}`;
  return `above ${than} with its interval in ${up} of ${cells}, below in ${down}, and neither in ${measured.length - up - down}, each cell taken by itself`;
}
