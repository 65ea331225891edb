import type { VNode } from "preact";
import { ComparePage } from "./compare-page.js";
import { usePlace } from "./place.js";
import { RunList } from "./run-list.js";
import { RunPage } from "./run-page.js";
import { SuitePage } from "./suite-page.js";

/** Runs: the list, a suite, one of them, or two side by side, as the address says. */
export function ViewApp(): VNode {
  const place = usePlace();
  if (place === undefined) return <p class="note">Reading the runs …</p>;
  const { suite, run, beside } = place;
  if (suite !== undefined) return <SuitePage key={suite} suite={suite} />;
  if (run === undefined) return <RunList />;
  if (beside !== undefined) return <ComparePage key={`${run} ${beside}`} first={run} second={beside} />;
  return <RunPage key={run} run={run} place={place} />;
}
