import type { VNode } from "preact";
import type { Estimate } from "../evaluate/metrics.js";
import { intervalInTable, inTable, type Unit } from "./format.js";

/** What stands where nothing was measured. */
export const NOTHING: VNode = <span class="none">–</span>;

/** A figure with its interval; an en dash where it was not measured. */
export function estimateCell(estimate: Estimate | undefined, unit: Unit): VNode {
  if (estimate === undefined) return NOTHING;
  return (
    <>
      {inTable(estimate.value, unit)} <span class="ci">{intervalInTable(estimate, unit)}</span>
    </>
  );
}
