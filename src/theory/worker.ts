import { parentPort } from "node:worker_threads";
import type { RowJob } from "./run.js";
import { rows } from "./rows/index.js";

// A worker of `runTheory`: each message names a row, the answer is its result.
parentPort?.on("message", ({ id, options }: RowJob) => {
  parentPort?.postMessage(rows.find((row) => row.id === id)?.run(options));
});
