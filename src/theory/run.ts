import { Worker } from "node:worker_threads";
import { InterruptedError, UsageError, WhetstoneError } from "../core/errors.js";
import type { Effort, Mutation, Row, RowOptions, RowResult, Verdict } from "./row.js";
import { rows } from "./rows/index.js";

/** A row's result with what it says and where it is from. Plain data. */
export interface RowReport extends RowResult {
  readonly id: string;
  readonly title: string;
  readonly statement: string;
  readonly source: readonly string[];
  readonly file: string;
  readonly family: string;
  readonly limits: string;
  readonly mutations: readonly Mutation[];
}

/** What the lab found. Plain data: `--json` prints it as it stands. */
export interface TheoryReport {
  readonly seed: number;
  readonly effort: Effort;
  /** In the paper's order. */
  readonly rows: readonly RowReport[];
  /** Whether no row fails. */
  readonly holds: boolean;
}

/** One row is done. */
export interface TheoryProgress {
  readonly id: string;
  readonly title: string;
  readonly verdict: Verdict;
  readonly done: number;
  readonly total: number;
}

export interface TheoryOptions {
  /** Ids of rows (`thm-4.1`); all by default. */
  readonly only?: readonly string[];
  /** Up to an hour in place of up to three minutes. */
  readonly thorough?: boolean;
  /** `test` runs in seconds; overrides `thorough`. */
  readonly effort?: Effort;
  /** A non-negative safe integer; the same seed gives the same report, whatever the number of threads. */
  readonly seed: number;
  /** Worker threads. Run from source, everything happens on this thread. */
  readonly threads: number;
  /** Ends the run, in the middle of a row too; nothing of it is kept. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TheoryProgress) => void;
}

/** What a worker is asked and answers. */
export interface RowJob {
  readonly id: string;
  readonly options: RowOptions;
}

/**
 * Runs the theory lab.
 * @throws UsageError for an unknown row, a bad seed or fewer than one thread; WhetstoneError when a worker dies; InterruptedError once
 * the signal has fired.
 */
export async function runTheory(options: TheoryOptions): Promise<TheoryReport> {
  const { seed, threads, only } = options;
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new UsageError(`The seed must be a non-negative integer, not ${seed}`);
  if (!Number.isInteger(threads) || threads < 1)
    throw new UsageError(`There must be at least 1 thread, not ${threads}`);
  for (const id of only ?? []) {
    if (!rows.some((row) => row.id === id)) {
      throw new UsageError(
        `there is no row ${id} in the theory lab; choose from ${rows.map((r) => r.id).join(", ")}`,
      );
    }
  }
  const chosen = rows.filter(({ id }) => only === undefined || only.includes(id));
  const effort = options.effort ?? (options.thorough ? "thorough" : "fast");
  const results = new Map<string, RowResult>();
  const finish = (row: Row, result: RowResult): void => {
    results.set(row.id, result);
    const progress = { id: row.id, title: row.title, verdict: result.verdict };
    options.onProgress?.({ ...progress, done: results.size, total: chosen.length });
  };
  // The slowest first, so that no thread is left alone with one at the end.
  const queue = [...chosen].sort((a, b) => weight(b) - weight(a));
  const runner = compiled ? runInWorkers : runHere;
  try {
    await runner(queue, { effort, seed }, finish, Math.min(threads, chosen.length), options.signal);
  } catch (error) {
    if (!options.signal?.aborted) throw error;
    throw new InterruptedError("The lab was stopped; nothing of this run is kept.", { cause: error });
  }
  const reports = chosen.map((row) => ({ ...describe(row), ...(results.get(row.id) as RowResult) }));
  return { seed, effort, rows: reports, holds: reports.every(({ verdict }) => verdict !== "fails") };
}

/** Whether this is the compiled package: Node cannot start a worker from TypeScript source. */
const compiled = import.meta.url.endsWith(".js");

const slow = ["example-j.1", "thm-3.1", "thm-d.1", "thm-d.2", "thm-4.1", "thm-4.3", "thm-4.2", "prop-e.1"];
const weight = ({ id }: Row): number => slow.length - (slow.indexOf(id) + 1 || slow.length + 1);

function describe({
  id,
  title,
  statement,
  source,
  file,
  family,
  limits,
  mutations,
}: Row): Omit<RowReport, keyof RowResult> {
  return { id, title, statement, source, file, family, limits, mutations };
}

type Runner = (
  queue: readonly Row[],
  options: RowOptions,
  finish: (row: Row, result: RowResult) => void,
  threads: number,
  signal: AbortSignal | undefined,
) => Promise<void>;

const runHere: Runner = async (queue, options, finish, _threads, signal) => {
  for (const row of queue) {
    signal?.throwIfAborted();
    finish(row, row.run(options));
    // Lets a progress bar draw between rows.
    await new Promise((resolve) => setImmediate(resolve));
  }
};

const runInWorkers: Runner = async (queue, options, finish, threads, signal) => {
  const waiting = [...queue];
  const serve = async (): Promise<void> => {
    signal?.throwIfAborted();
    const worker = new Worker(new URL("./worker.js", import.meta.url));
    const stop = (): void => void worker.terminate();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
        finish(row, await ask(worker, { id: row.id, options }));
      }
    } finally {
      signal?.removeEventListener("abort", stop);
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: threads }, serve));
};

function ask(worker: Worker, job: RowJob): Promise<RowResult> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      reject(
        new WhetstoneError("run", `The worker that checked ${job.id} stopped`, {
          reason: "row-stopped",
          where: job.id,
          remedy: "check that row alone",
          cause,
        }),
      );
    };
    worker.removeAllListeners();
    worker.once("message", (result: RowResult) => resolve(result));
    worker.once("error", fail);
    worker.once("exit", fail);
    worker.postMessage(job);
  });
}
