import { join } from "node:path";
import { parseMetrics } from "../evaluate/metrics-file.js";
import type { Metrics } from "../evaluate/metrics.js";
import type { RunReader } from "../run/read-run.js";

/** The metrics that a run has; undefined before it is evaluated. @throws DataError if metrics.json is malformed. */
export function readMetrics(run: RunReader): Metrics | undefined {
  const value = run.json("metrics.json");
  return value === undefined ? undefined : parseMetrics(value, join(run.dir, "metrics.json"));
}
