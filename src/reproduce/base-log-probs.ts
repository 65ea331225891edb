import { join } from "node:path";
import { z } from "zod";
import { DataError } from "../core/errors.js";
import type { AdapterResponse, AdapterSample } from "../evaluate/measure-adapter.js";
import { sequenceLogProb, type Policy, type Prompt, type Response } from "../policy/policy.js";
import { responseKey } from "../run/records.js";
import type { RunReader } from "../run/read-run.js";
import type { RecordKind } from "../run/record-log.js";
import type { Run } from "../run/run.js";
import type { Progress } from "../sharpen/draw.js";
import { throwIfStopped } from "../sharpen/interrupt.js";

/** What the base says of a response that an adapter gave: kept, so that several adapters can be measured together without it. */
interface BaseLogProb {
  readonly promptId: string;
  readonly index: number;
  /** log π_base(y|x), whole sequence, temperature 1, in nats. */
  readonly baseLogProb: number;
}

const fileOf = (adapter: string): string => join("adapters", adapter, "base-log-probs.jsonl");
/** Responses scored at once. */
const BATCH = 512;

const records: RecordKind<BaseLogProb> = {
  schema: z.object({ promptId: z.string(), index: z.int().min(-1), baseLogProb: z.number() }),
  key: ({ promptId, index }) => responseKey(promptId, index),
};

/** The adapter's greedy responses and samples. */
const answersOf = async (run: RunReader, adapter: string): Promise<Response[]> => [
  ...(await run.greedy(adapter)),
  ...(await run.responses(adapter)),
];

/** Scores an adapter's responses under the base; those that are scored already stay. @throws InterruptedError */
export async function scoreUnderBase(
  run: Run,
  adapter: string,
  policy: Policy,
  signal?: AbortSignal,
  onProgress?: (progress: Progress) => void,
): Promise<void> {
  const log = await run.log(fileOf(adapter), records);
  const prompts = new Map((await run.prompts()).map(({ id, text }): [string, Prompt] => [id, { id, text }]));
  const all = await answersOf(run, adapter);
  const missing = all.filter(({ promptId, index }) => !log.has(responseKey(promptId, index)));
  for (let i = 0; i < missing.length; i += BATCH) {
    throwIfStopped(signal, "Scoring");
    const batch = missing.slice(i, i + BATCH);
    const rows = await policy.logProb(
      batch.map(({ promptId, tokens }) => ({ prompt: prompts.get(promptId)!, tokens })),
    );
    batch.forEach(({ promptId, index }, k) => {
      log.append({ promptId, index, baseLogProb: sequenceLogProb({ logProbs: Array.from(rows[k]!) }) });
    });
    onProgress?.({ stage: "scoring under the base", done: log.size, total: all.length });
  }
}

/** Whether every response of the adapter is scored. */
export async function isScored(run: RunReader, adapter: string): Promise<boolean> {
  const scored = await run.records(fileOf(adapter), records);
  return scored.length > 0 && scored.length === (await answersOf(run, adapter)).length;
}

/** The adapter's responses with what the base says of them. @throws DataError where one is not scored. */
export async function adapterSample(run: RunReader, adapter: string): Promise<AdapterSample> {
  const scores = new Map(
    (await run.records(fileOf(adapter), records)).map((record) => [records.key(record), record.baseLogProb]),
  );
  const scored = (responses: readonly Response[]): AdapterResponse[] =>
    responses.map((response) => {
      const baseLogProb = scores.get(responseKey(response.promptId, response.index));
      if (baseLogProb === undefined) {
        throw new DataError(
          `${join(run.dir, fileOf(adapter))} lacks response ${response.index} to prompt "${response.promptId}"; continue the suite with --resume.`,
        );
      }
      return { ...response, baseLogProb };
    });
  return {
    responses: scored(await run.responses(adapter)),
    greedy: scored(await run.greedy(adapter)),
  };
}
