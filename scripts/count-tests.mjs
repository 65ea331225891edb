/** Prints `<passed> <failed>` for a file of vitest's JSON reporter: how `.ci/run` counts tests. */
import { readFileSync } from "node:fs";
import { isMain } from "./lib/report.mjs";

/**
 * @typedef {{
 *   readonly numPassedTests: number,
 *   readonly numFailedTests: number,
 *   readonly testResults: readonly { readonly status: string, readonly assertionResults: readonly { readonly status: string }[] }[],
 * }} TestResults
 */

/**
 * Tests passed and failed. A file that failed as a whole (it does not compile, a hook threw) has no failed test of its
 * own, and counts as one.
 * @param {TestResults} results
 */
export function countTests(results) {
  const broken = results.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((assertion) => assertion.status === "failed"),
  );
  return { passed: results.numPassedTests, failed: results.numFailedTests + broken.length };
}

if (isMain(import.meta.url)) {
  const { passed, failed } = countTests(JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")));
  console.log(`${passed} ${failed}`);
}
