import { join } from "node:path";
import { z } from "zod";
import {
  sequenceLogProb,
  type AdapterDraw,
  type Policy,
  type Prompt,
  type Response,
} from "../policy/policy.js";
import { responseKey } from "../run/records.js";
import type { RecordLog } from "../run/record-log.js";
import type { RecordKind } from "../run/record-lines.js";
import type { DrawSettings } from "./draw.js";
import { throwIfStopped } from "./interrupt.js";

/** Scored at once: at most so many responses, and so many of their tokens. Between batches scoring can be stopped, and tells how far it is. */
const BATCH = { responses: 512, tokens: 16_384 } as const;
const SCORING = "scoring under the base";

/** What the base says of a response that an adapter drew: a line of adapters/<name>/base-log-probs.jsonl, beside the response. */
interface BaseLogProb {
  readonly promptId: string;
  readonly index: number;
  /** log π_base(y|x), whole sequence, temperature 1, in nats. */
  readonly baseLogProb: number;
}

/** The lines of that file; the key is the response's. */
export const baseLogProbs: RecordKind<BaseLogProb> = {
  schema: z.object({ promptId: z.string(), index: z.int().min(-1), baseLogProb: z.number() }),
  key: ({ promptId, index }) => responseKey(promptId, index),
};

/** The file of what the base says of an adapter's responses, relative to the run. */
export const baseLogProbsFile = (adapter: string): string =>
  join("adapters", adapter, "base-log-probs.jsonl");

/** What `scoreUnder` is told besides the responses. */
export interface ScoreSettings extends Pick<DrawSettings, "signal" | "onProgress"> {
  /** The prompts that the responses answer. */
  readonly prompts: readonly Prompt[];
}

/**
 * Responses of an adapter as another policy sees them: its log-probabilities, and its certainties where it tells them, in place
 * of the adapter's.
 * @throws InterruptedError between batches, once the signal has fired.
 */
export async function scoreUnder(
  policy: Policy,
  responses: readonly AdapterDraw[],
  { prompts, signal, onProgress }: ScoreSettings,
): Promise<Response[]> {
  const byId = new Map(prompts.map((prompt) => [prompt.id, prompt]));
  const scored: Response[] = [];
  for (const batch of batchesOf(responses)) {
    throwIfStopped(signal, "Scoring");
    const requests = batch.map(({ promptId, tokens }) => ({ prompt: byId.get(promptId)!, tokens }));
    const rows = policy.score
      ? await policy.score(requests)
      : (await policy.logProb(requests)).map((logProbs) => ({ logProbs, certainties: undefined }));
    batch.forEach(({ drawnBy: _, own: __, ...response }, i) => {
      const { logProbs, certainties } = rows[i]!;
      scored.push({
        ...response,
        logProbs: Array.from(logProbs),
        ...(certainties && { certainties: Array.from(certainties) }),
      });
    });
    onProgress?.({ stage: SCORING, done: scored.length, total: responses.length });
  }
  return scored;
}

/** The responses in their order, in batches that are the same whenever the responses are. */
function* batchesOf(responses: readonly AdapterDraw[]): Generator<readonly AdapterDraw[]> {
  let [from, tokens] = [0, 0];
  for (const [at, response] of responses.entries()) {
    tokens += response.tokens.length;
    if (at > from && (at - from === BATCH.responses || tokens > BATCH.tokens)) {
      yield responses.slice(from, at);
      [from, tokens] = [at, response.tokens.length];
    }
  }
  if (from < responses.length) yield responses.slice(from);
}

/**
 * The same, with the whole sequence's log-probability under the policy kept in a log beside the responses: what is in it is not
 * scored again. Batches are those of all responses, so that one that is continued rounds as an uninterrupted one.
 * @param prompts of the responses, in the order of the log's lines; greedy responses come first. @param isBase whether what drew them is the
 * policy itself, which then says what it said when it drew.
 */
export async function keepScores(
  log: RecordLog<BaseLogProb>,
  policy: Policy,
  responses: readonly AdapterDraw[],
  { prompts, signal, onProgress, isBase = false }: ScoreSettings & { readonly isBase?: boolean },
): Promise<(AdapterDraw & Pick<BaseLogProb, "baseLogProb">)[]> {
  const isMissing = ({ promptId, index }: AdapterDraw): boolean => !log.has(responseKey(promptId, index));
  let done = 0;
  for (const batch of batchesOf(responses)) {
    if (batch.some(isMissing)) {
      const scored = isBase
        ? batch.map(({ own }) => own)
        : await scoreUnder(policy, batch, { prompts, signal });
      batch.forEach((response, i) => {
        const { promptId, index } = response;
        if (isMissing(response)) log.append({ promptId, index, baseLogProb: sequenceLogProb(scored[i]!) });
      });
    }
    done += batch.length;
    onProgress?.({ stage: SCORING, done, total: responses.length });
  }
  const places = new Map(prompts.map(({ id }, i) => [id, i]));
  const kept = await log.sort(
    (a, b) =>
      Number(a.index >= 0) - Number(b.index >= 0) ||
      places.get(a.promptId)! - places.get(b.promptId)! ||
      a.index - b.index,
  );
  return withScores(responses, kept);
}

/** An adapter's responses with what a run has kept of the base's word on them; those without are left out. */
export function withScores(
  responses: readonly AdapterDraw[],
  kept: readonly BaseLogProb[],
): (AdapterDraw & Pick<BaseLogProb, "baseLogProb">)[] {
  const known = new Map(kept.map((score) => [baseLogProbs.key(score), score.baseLogProb]));
  return responses.flatMap((response) => {
    const baseLogProb = known.get(responseKey(response.promptId, response.index));
    return baseLogProb === undefined ? [] : [{ ...response, baseLogProb }];
  });
}
