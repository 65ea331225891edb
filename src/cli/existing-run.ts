import { UsageError } from "../core/errors.js";
import { findReward } from "../reward/registry.js";
import type { SelfReward } from "../reward/self-reward.js";
import { findPart } from "../run/parts.js";
import { readRun, type RunReader } from "../run/read-run.js";
import { openRun, type Run } from "../run/run.js";
import type { Quantization } from "../transformer/decoder/quantize.js";

/** The argument `<run>`. @throws UsageError if it is empty; RunError if it is no run folder. */
export function namedRun(dir: string | undefined): RunReader {
  if (dir === undefined || dir.trim() === "") throw new UsageError("Name the run's folder.");
  return readRun(dir);
}

/** Opens a run that is there for writing, as it was made; closes it whatever happens. */
export async function withExistingRun<T>({ dir }: RunReader, work: (run: Run) => Promise<T>): Promise<T> {
  const run = await openRun(dir);
  return whileOpen(run, () => work(run));
}

/** Does the work and closes the run. Where the work fails, that is what is told: a full disk fails the closing too. */
export async function whileOpen<T>(run: Run, work: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await run.close().catch(() => undefined);
    throw error;
  }
  await run.close();
  return result;
}

/** How a run's model is held; undefined where there is no such run yet, or it cannot be read, which is told where it is opened. */
export function holdingOfRun(dir: string): Quantization | "float32" | undefined {
  try {
    return readRun(dir).manifest.model.quantize ?? "float32";
  } catch {
    return undefined;
  }
}

/** The self-reward of a word, or of a run's own by its name: from the module that the run was made with. */
export async function rewardOfRun({ dir, manifest }: RunReader, word: string): Promise<SelfReward> {
  const { rewards = [], amortize } = manifest;
  const own = [...rewards, ...(amortize ? [amortize.reward] : [])].find(({ name }) => name === word);
  return own ? findPart(own, findReward, dir) : findReward(word);
}
