import { costed } from "../evaluate/costs.js";
import { findings } from "../evaluate/findings.js";
import type { Metrics } from "../evaluate/metrics.js";
import { wordsOf } from "./methods/registry.js";

/** What was measured, with what is to be said of it: its findings, and what each way to answer costs. */
export function concluded(measured: Omit<Metrics, "costs">): Metrics {
  return {
    ...measured,
    ...costed(measured, (method) => wordsOf(method).name),
    findings: findings(measured, wordsOf),
  };
}
