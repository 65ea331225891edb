import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { randomStream } from "../../core/random.js";
import type { Policy, Prompt, Response } from "../../policy/policy.js";
import { responseKey } from "../../run/records.js";
import type { RecordLog } from "../../run/record-log.js";
import type { RunReader } from "../../run/read-run.js";
import type { Run } from "../../run/run.js";
import type { Progress } from "../draw.js";
import { blockEnds } from "./continuation.js";
import { powerRecords, type PowerRecord } from "./power-record.js";
import { powerSample } from "./power-sample.js";
import { sequentialMonteCarlo, type SmcSamples } from "./smc.js";

/** Ways to draw from π_base^α: Metropolis–Hastings (`powerSample`) and sequential Monte Carlo. */
export const POWER_METHODS = ["power", "smc"] as const;
export type PowerMethod = (typeof POWER_METHODS)[number];

/** How to draw from π_base^α, every default filled in. */
export interface PowerDrawing {
  readonly method: PowerMethod;
  readonly alpha: number;
  /** `power`: moves after each block, at least 1, and blocks. */
  readonly moves: number;
  readonly blocks: number;
  /** `smc`: particles behind each response. */
  readonly particles: number;
  /** Responses per prompt: independent chains, or one particle each of independent swarms. */
  readonly n: number;
  readonly maxTokens: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** α, and how much work goes into a draw of π^α, where nothing is said; moves and blocks as arXiv 2510.14901. */
export const POWER_DEFAULTS = { alpha: 4, moves: 10, blocks: 4, particles: 32 } as const;

/** The responses of a prompt, by index. */
export interface PowerDraw {
  readonly record: PowerRecord;
  readonly responses: readonly Response[];
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/**
 * Draws N responses to each prompt from π_base^α by either method. They depend on (seed, prompt, index) alone.
 * @throws UsageError as `powerSample` and `sequentialMonteCarlo`.
 */
export async function drawPower(
  policy: Policy,
  prompts: readonly Prompt[],
  drawing: PowerDrawing,
): Promise<PowerDraw[]> {
  const { method, alpha, moves, blocks, particles, n, maxTokens, seed, signal } = drawing;
  if (method === "power") {
    const drawn = await powerSample(policy, prompts, {
      ...{ alpha, chains: n, moves, blocks, maxTokens, seed, signal },
    });
    return drawn.map(({ prompt, responses, acceptance, blockAcceptance, tokens }) => ({
      record: { promptId: prompt.id, acceptance, blockAcceptance, tokens },
      responses,
    }));
  }
  const swarms: SmcSamples[][] = [];
  for (let k = 0; k < n; k++) {
    const own = randomStream(seed, `swarm ${k}`).integer(2 ** 32);
    swarms.push(
      await sequentialMonteCarlo(policy, prompts, { alpha, particles, maxTokens, seed: own, signal }),
    );
  }
  return prompts.map((prompt, p) => {
    const own = swarms.map((samples) => samples[p]!);
    return {
      record: {
        promptId: prompt.id,
        leastEffectiveShare: mean(own.map(({ effectiveSizes }) => Math.min(...effectiveSizes) / particles)),
        resamplings: mean(own.map(({ resamplings }) => resamplings)),
        tokens: own.reduce((sum, { tokens }) => sum + tokens, 0),
      },
      responses: own.map(({ chosen }, index) => ({ ...chosen, index })),
    };
  });
}

/** Chains or particles that are at work side by side. */
const ROWS = 512;

/**
 * `drawPower` into a run folder: responses.jsonl has the responses as any others, power.jsonl how they came about. Killed and
 * called again, it goes on after the last prompt that is whole, and ends with the same responses.
 */
export async function drawPowerTask(
  run: Run,
  policy: Policy,
  prompts: readonly Prompt[],
  drawing: PowerDrawing,
  onProgress: (progress: Progress) => void,
): Promise<readonly PowerRecord[]> {
  const responseLog = await run.responseLog();
  const log = await run.log("power.jsonl", powerRecords);
  const missing = prompts.filter(({ id }) => !log.has(id));
  const progress = (): void => onProgress({ stage: "sampling", done: log.size, total: prompts.length });
  progress();
  await drawPowerInto(responseLog, policy, missing, drawing, (record) => {
    log.append(record);
    progress();
  });
  return log.records();
}

/**
 * Draws some prompts at a time into a log, past what it has. @param told is told how each prompt's responses came about, once they are in the
 * log.
 */
export async function drawPowerInto(
  log: RecordLog<Response>,
  policy: Policy,
  prompts: readonly Prompt[],
  drawing: PowerDrawing,
  told: (record: PowerRecord) => void,
): Promise<void> {
  const rows = drawing.method === "power" ? drawing.n : drawing.particles;
  const batch = Math.max(1, Math.floor(ROWS / rows));
  for (let start = 0; start < prompts.length; start += batch) {
    const part = prompts.slice(start, start + batch);
    for (const { record, responses } of await drawPower(policy, part, drawing)) {
      for (const response of responses)
        if (!log.has(responseKey(response.promptId, response.index))) log.append(response);
      told(record);
    }
  }
}

/**
 * Accepted proposals by the length that responses were cut at: `94 % up to 32 tokens, 56 % up to 128`.
 * @param blockAcceptance of each block, all of them as long as can be. @param maxTokens of the last.
 */
export function acceptedByLength(blockAcceptance: readonly number[], maxTokens: number): string {
  const ends = blockEnds(maxTokens, blockAcceptance.length);
  return blockAcceptance
    .map((share, b) => `${Math.round(100 * share)} % up to ${ends[b]}${b === 0 ? " tokens" : ""}`)
    .join(", ");
}

/** How a run's responses were drawn from π^α, as power.jsonl says; undefined of a run of independent samples. */
export function readPower(run: RunReader): Omit<PowerRecord, "promptId"> | undefined {
  const path = join(run.dir, "power.jsonl");
  if (!existsSync(path)) return undefined;
  // A last line without its break is still being written.
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  const records = lines.flatMap((line) => powerRecords.schema.safeParse(parsed(line)).data ?? []);
  return records.length > 0 ? powerSummary(records) : undefined;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** What the records come to, for people and `--json`. */
export function powerSummary(records: readonly PowerRecord[]): Omit<PowerRecord, "promptId"> {
  const over = (pick: (record: PowerRecord) => number | undefined): number =>
    mean(records.flatMap((record) => pick(record) ?? []));
  const [first] = records;
  const tokens = records.reduce((sum, record) => sum + record.tokens, 0);
  if (first?.acceptance !== undefined) {
    return {
      acceptance: over(({ acceptance }) => acceptance),
      blockAcceptance: (first.blockAcceptance ?? []).map((_, b) =>
        over(({ blockAcceptance }) => blockAcceptance?.[b]),
      ),
      tokens,
    };
  }
  return {
    leastEffectiveShare: over(({ leastEffectiveShare }) => leastEffectiveShare),
    resamplings: over(({ resamplings }) => resamplings),
    tokens,
  };
}
