import { RunError, UsageError } from "../core/errors.js";
import type { BatchOptions, BatchPolicy } from "../policy/remote/batch/batch-policy.js";
import type { Policy } from "../policy/policy.js";
import { count } from "../report/format.js";
import type { Context } from "./context.js";
import type { BATCH, Values } from "./options.js";

export type BatchValues = Values<(typeof BATCH)[number]>;

/** The files of a batch: where requests go, and where results are. */
export type BatchFiles = Pick<BatchOptions, "kind" | "requests" | "results">;

/** Small, because `vllm run-batch` writes nothing before it has answered a whole file. */
const LINES = 1000;

/**
 * What the options say of batch files; undefined where they say nothing of them.
 * @throws UsageError where servers are named too, or what is said of the files is of no account.
 */
export function batchFiles(
  values: BatchValues & { readonly baseUrl?: string | undefined },
): BatchFiles | undefined {
  const { batch, batchResults, batchFor, batchLines, baseUrl } = values;
  if (batch === undefined && batchResults === undefined) {
    if (batchFor === undefined && batchLines === undefined) return undefined;
    throw new UsageError(
      "--batch-for and --batch-lines are for batch files; add --batch or --batch-results.",
    );
  }
  if (baseUrl !== undefined)
    throw new UsageError("Batch files are used instead of a server; leave out --base-url.");
  return {
    kind: batchFor,
    requests: batch === undefined ? undefined : { folder: batch, size: batchLines ?? LINES },
    results: batchResults,
  };
}

/** Opens the files of a batch as a policy; its code is loaded for nothing else. */
export async function openBatch(options: BatchOptions): Promise<BatchPolicy> {
  const { BatchPolicy: Files } = await import("../policy/remote/batch/batch-policy.js");
  return Files.open(options);
}

/**
 * Says what came of a batch, and gives it for `--json`; nothing of other policies.
 * @throws RunError where responses are missing and were not written as requests anew: the run is not whole.
 */
export async function tellBatch(policy: Policy, context: Context): Promise<{ readonly batch?: object }> {
  // Most runs have no batch, and its code is not loaded for them.
  if (policy.served?.settings["batch"] !== true) return {};
  const { BatchPolicy: Files } = await import("../policy/remote/batch/batch-policy.js");
  if (!(policy instanceof Files)) return {};
  const { taken, duplicates, missing, failed } = policy.counts;
  const reasons = Object.entries(failed).map(([reason, times]) => `${reason} ${times}×`);
  const parts = [
    `${count(taken)} responses taken`,
    ...(duplicates > 0 ? [`${count(duplicates)} results there twice`] : []),
    ...(reasons.length > 0 ? [`failed: ${reasons.join(", ")}`] : []),
    ...(missing > 0 ? [`${count(missing)} missing`] : []),
  ];
  context.note(`${parts.join("; ")}.`);
  await policy.dispose();
  const { requests, files } = policy.written;
  if (missing > 0 && requests === 0) {
    throw new RunError(`${count(missing)} responses of the run have no result yet`, {
      reason: "batch-incomplete",
      remedy: "write requests for the rest, or give more results",
    });
  }
  const [first = ""] = files;
  if (requests > 0) {
    const where = files.length === 1 ? first : `${first} and ${count(files.length - 1)} more files`;
    context.say(`${count(requests)} requests: ${where}`);
  }
  return { batch: { taken, duplicates, missing, failed, requests, files } };
}
