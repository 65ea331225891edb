import { RunError, UsageError } from "../core/errors.js";
import { readRun, type RunReader } from "../run/read-run.js";
import { openRun, type Run } from "../run/run.js";
import { recordedSampler } from "./power.js";

/** The settings of drawing that a run was made with. */
export interface RecordedDrawing {
  readonly n: number;
  readonly temperature: number;
  readonly maxTokens: number;
  readonly seed: number;
  /** How its responses were drawn where not independently from π, as `Metrics.sampler`. */
  readonly sampler: string | undefined;
  readonly prompts: number | undefined;
  /** The self-rewards that it was asked to compare; undefined for a run that was only sampled. */
  readonly rewards: readonly string[] | undefined;
  /** The self-reward that it was asked to amortize. */
  readonly amortize: string | undefined;
}

/** @throws RunError if the manifest lacks a setting, because something else made it. */
export function recordedDrawing({ dir, manifest }: RunReader): RecordedDrawing {
  const { options, seeds } = manifest;
  const number = (name: string, value: unknown): number => {
    if (typeof value === "number") return value;
    throw new RunError(
      `${dir} was not made by \`whetstone sharpen\` or \`whetstone sample\`: its manifest has no ${name}.`,
    );
  };
  const { prompts, reward, amortize } = options;
  return {
    n: number("n", options["n"]),
    temperature: number("temperature", options["temperature"]),
    maxTokens: number("maxTokens", options["maxTokens"]),
    seed: number("seed", seeds["run"]),
    sampler: recordedSampler(options),
    prompts: typeof prompts === "number" ? prompts : undefined,
    rewards: Array.isArray(reward) ? reward.map(String) : undefined,
    amortize: typeof amortize === "string" ? amortize : undefined,
  };
}

/** The argument `<run>`. @throws UsageError if it is empty; RunError if it is no run folder. */
export function namedRun(dir: string | undefined): RunReader {
  if (dir === undefined || dir.trim() === "") throw new UsageError("Name the run's folder.");
  return readRun(dir);
}

/** Opens a run that is there for writing, as it was made; closes it whatever happens. */
export async function withExistingRun<T>(
  { dir, manifest }: RunReader,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  const run = await openRun(dir, manifest, { resume: true });
  try {
    return await work(run);
  } finally {
    await run.close();
  }
}
