import type { VNode } from "preact";
import type { SuiteCell } from "../../reproduce/result.js";

/** Where a run of a cell is shown. */
export interface RunLink {
  readonly seed: number;
  readonly address: string;
}

/** The runs of a cell, one a seed. */
export type RunsOf = (cell: SuiteCell) => readonly RunLink[];

/** Links to the runs of a cell; nothing where there are none. */
export function RunLinks({ runs }: { readonly runs: readonly RunLink[] }): VNode | null {
  if (runs.length === 0) return null;
  return (
    <span class="runs-of">
      {runs.length === 1 ? "run" : "runs"}:
      {runs.map(({ seed, address }) => (
        <>
          {" "}
          <a href={address}>seed {seed}</a>
        </>
      ))}
    </span>
  );
}
