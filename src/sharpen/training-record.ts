import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { DataError, RunError } from "../core/errors.js";
import { sha256 } from "../core/files.js";
import type { Prompt } from "../policy/policy.js";
import { putAway } from "../run/settle-prompts.js";
import type { PromptSplit } from "./prompts.js";
import type { RunReader } from "../run/read-run.js";
import type { Run } from "../run/run.js";
import { KEEPS, type FitOptions } from "./fit-adapter.js";
import { METHODS, type Method } from "./methods/method.js";

/** How an adapter of a run was trained: adapters/<method>/training.json. Everything that changes the result is in it. */
export interface TrainingRecord {
  /** The self-reward that chose the examples, or that the pairs are rewarded by. */
  readonly reward: string;
  /** Responses per training prompt. */
  readonly trainN: number;
  /** Training prompts at most; null for all. */
  readonly trainPrompts: number | null;
  /** Samples per test prompt for each point of the training curve. */
  readonly curveSamples: number;
  /** β, XPO's α and its rounds, where the method has them; null: computed by the paper's formulas. */
  readonly beta?: number | null;
  readonly optimism?: number | null;
  readonly rounds?: number;
  readonly fit: Omit<FitOptions, "signal">;
  /** Digest of the prompts that it learns from and is chosen by; absent in runs of format 1. */
  readonly prompts?: string;
  /** The command line that asked for it, for people; free to differ. */
  readonly command: string;
}

const fileOf = (method: Method): string => join("adapters", method, "training.json");

const schema: z.ZodType<TrainingRecord> = z.object({
  reward: z.string(),
  trainN: z.int().min(1),
  trainPrompts: z.int().min(1).nullable(),
  curveSamples: z.int().min(0),
  beta: z.number().nullable().exactOptional(),
  optimism: z.number().nullable().exactOptional(),
  rounds: z.int().min(1).exactOptional(),
  fit: z.object({
    epochs: z.int().exactOptional(),
    batchSize: z.int().exactOptional(),
    learningRate: z.number().exactOptional(),
    schedule: z.enum(["linear", "cosine", "constant"]).exactOptional(),
    warmup: z.number().exactOptional(),
    clipNorm: z.number().exactOptional(),
    weightDecay: z.number().exactOptional(),
    rank: z.int().exactOptional(),
    patience: z.int().exactOptional(),
    keep: z.enum(KEEPS).exactOptional(),
    alpha: z.number().exactOptional(),
    targetModules: z.array(z.string()).exactOptional(),
    seed: z.int().min(0),
  }),
  prompts: z.string().exactOptional(),
  command: z.string(),
});

/**
 * The training that a run's adapter was begun with; undefined where there is none.
 * @throws DataError if the file is malformed.
 */
export function readTraining(run: RunReader, method: Method): TrainingRecord | undefined {
  const file = fileOf(method);
  const value = run.json(file);
  if (value === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const field = parsed.error.issues[0]?.path.join(".") ?? "";
  throw new DataError(
    `${join(run.dir, file)} is not a record of a training (field "${field}"); delete the folder adapters/${method} and train again.`,
  );
}

/** The methods whose training a run records. */
export function trainedMethods(run: RunReader): Method[] {
  return METHODS.filter((method) => run.json(fileOf(method)) !== undefined);
}

/** Digest of the prompts that an adapter learns from and is chosen by. */
export function digestOfPrompts({ train, validation }: Pick<PromptSplit, "train" | "validation">): string {
  const texts = (prompts: readonly Prompt[]): string[][] => prompts.map(({ id, text }) => [id, text]);
  return sha256(JSON.stringify([texts(train), texts(validation)]));
}

/**
 * Writes down how the adapter is trained, or checks that it is continued as it was begun. An adapter that learned from other
 * prompts, because the task has changed since, is set aside.
 * @throws RunError naming the first setting that differs.
 */
export async function recordTraining(
  run: Run,
  method: Method,
  asked: TrainingRecord,
  note?: (text: string) => void,
): Promise<void> {
  let recorded = readTraining(run, method);
  if (recorded?.prompts !== undefined && recorded.prompts !== asked.prompts) {
    putAway(run.dir, join("adapters", method));
    note?.(
      `The ${method} adapter learned from other prompts: it is kept in set-aside, and another is trained.`,
    );
    recorded = undefined;
  }
  if (recorded === undefined) {
    run.adapterDir(method);
    await run.writeJson(fileOf(method), asked);
    return;
  }
  const [before, now] = [settingsOf(recorded), settingsOf(asked)];
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [a, b] = [before, now].map((settings) => JSON.stringify(settings[name]) ?? "nothing");
    if (a === b) continue;
    const adapter = join(run.dir, "adapters", method);
    const chosen = method === "sft" && existsSync(join(run.dir, "chosen.jsonl")) ? " and chosen.jsonl" : "";
    throw new RunError(
      `${adapter} was trained with ${name} = ${a}, but now it is ${b}; go on as it was begun, or delete that folder` +
        `${chosen} to train anew.`,
    );
  }
}

function settingsOf({ command: _, prompts: __, fit, ...rest }: TrainingRecord): Record<string, unknown> {
  return { ...rest, ...fit };
}
