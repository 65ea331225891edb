import type { Metrics } from "../../evaluate/metrics.js";

/** Why there is no ratio to greedy's accuracy, in a cell of a table. */
export const noRatio = ({ greedy }: Pick<Metrics, "greedy">): string =>
  greedy.accuracy?.value === 0 ? "greedy never right" : "greedy too seldom right";
