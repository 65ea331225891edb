import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { DataError, RunError } from "../core/errors.js";
import type { RunReader } from "../run/read-run.js";
import type { Run } from "../run/run.js";
import type { SftOptions } from "./sft.js";

/** How an adapter of a run was trained: adapters/sft/training.json. Everything that changes the result is in it. */
export interface TrainingRecord {
  /** The self-reward that chose the examples. */
  readonly reward: string;
  /** Responses drawn per training prompt. */
  readonly trainN: number;
  /** Training prompts at most; null for all. */
  readonly trainPrompts: number | null;
  /** Samples per test prompt for each point of the training curve. */
  readonly curveSamples: number;
  readonly sft: Omit<SftOptions, "signal">;
  /** The command line that asked for it, for people; free to differ. */
  readonly command: string;
}

const FILE = join("adapters", "sft", "training.json");

const schema: z.ZodType<TrainingRecord> = z.object({
  reward: z.string(),
  trainN: z.int().min(1),
  trainPrompts: z.int().min(1).nullable(),
  curveSamples: z.int().min(0),
  sft: z.object({
    epochs: z.int().exactOptional(),
    batchSize: z.int().exactOptional(),
    learningRate: z.number().exactOptional(),
    schedule: z.enum(["linear", "cosine", "constant"]).exactOptional(),
    warmup: z.number().exactOptional(),
    clipNorm: z.number().exactOptional(),
    weightDecay: z.number().exactOptional(),
    rank: z.int().exactOptional(),
    alpha: z.number().exactOptional(),
    targetModules: z.array(z.string()).exactOptional(),
    seed: z.int().min(0),
  }),
  command: z.string(),
});

/**
 * The training that a run's adapter was begun with; undefined where there is none.
 * @throws DataError if the file is malformed.
 */
export function readTraining(run: RunReader): TrainingRecord | undefined {
  const value = run.json(FILE);
  if (value === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const field = parsed.error.issues[0]?.path.join(".") ?? "";
  throw new DataError(
    `${join(run.dir, FILE)} is not a record of a training (field "${field}"); delete the folder adapters/sft and train again.`,
  );
}

/**
 * Writes down how the adapter is trained, or checks that it is continued as it was begun.
 * @throws RunError naming the first setting that differs.
 */
export async function recordTraining(run: Run, asked: TrainingRecord): Promise<void> {
  const recorded = readTraining(run);
  if (recorded === undefined) {
    run.adapterDir("sft");
    await run.writeJson(FILE, asked);
    return;
  }
  const [before, now] = [settingsOf(recorded), settingsOf(asked)];
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [a, b] = [before, now].map((settings) => JSON.stringify(settings[name]) ?? "nothing");
    if (a === b) continue;
    const adapter = join(run.dir, "adapters", "sft");
    throw new RunError(
      `${adapter} was trained with ${name} = ${a}, but now it is ${b}; go on as it was begun, or delete that folder` +
        `${existsSync(join(run.dir, "chosen.jsonl")) ? " and chosen.jsonl" : ""} to train anew.`,
    );
  }
}

function settingsOf({ command: _, sft, ...rest }: TrainingRecord): Record<string, unknown> {
  return { ...rest, ...sft };
}
