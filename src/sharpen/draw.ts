import type { Policy, Prompt, Response, SampleRequest } from "../policy/policy.js";
import { responseKey } from "../run/records.js";
import type { RecordLog } from "../run/record-log.js";
import { checkN } from "./best-of-n.js";

/** How far a stage of a run is. */
export interface Progress {
  /** Such as `sampling`. */
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** Settings that the stages of a run share. */
export interface DrawSettings {
  /** Responses per prompt. */
  readonly n: number;
  readonly temperature: number;
  readonly maxTokens: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * Draws the responses of a log that are not in it yet, and puts the log in canonical order: killed at any moment and
 * called again, it ends with the same file.
 * @returns the responses of each prompt, by index, in the prompts' order.
 * @throws UsageError for N < 1; InterruptedError once the signal has fired.
 */
export async function drawResponses(
  log: RecordLog<Response>,
  policy: Policy,
  prompts: readonly Prompt[],
  { n, temperature, maxTokens, seed, signal, onProgress }: DrawSettings,
  stage: string,
): Promise<Response[][]> {
  checkN(n);
  const total = prompts.length * n;
  function* missing(): Generator<SampleRequest> {
    for (const prompt of prompts) {
      for (let index = 0; index < n; index++)
        if (!log.has(responseKey(prompt.id, index))) yield { prompt, index };
    }
  }
  onProgress?.({ stage, done: log.size, total });
  for await (const response of policy.sample(missing(), {
    temperature,
    maxTokens,
    seed,
    ...(signal && { signal }),
  })) {
    log.append(response);
    onProgress?.({ stage, done: log.size, total });
  }
  return inOrder(log, prompts);
}

/** The greedy response to each prompt, as `drawResponses`. */
export async function drawGreedy(
  log: RecordLog<Response>,
  policy: Policy,
  prompts: readonly Prompt[],
  { maxTokens, signal, onProgress }: Pick<DrawSettings, "maxTokens" | "signal" | "onProgress">,
  stage: string,
): Promise<Response[]> {
  const missing = prompts.filter((prompt) => !log.has(responseKey(prompt.id, -1)));
  onProgress?.({ stage, done: log.size, total: prompts.length });
  for await (const response of policy.greedy(missing, { maxTokens, ...(signal && { signal }) })) {
    log.append(response);
    onProgress?.({ stage, done: log.size, total: prompts.length });
  }
  return (await inOrder(log, prompts)).flat();
}

async function inOrder(log: RecordLog<Response>, prompts: readonly Prompt[]): Promise<Response[][]> {
  const places = new Map(prompts.map((prompt, i) => [prompt.id, i]));
  const sorted = await log.sort(
    (a, b) => places.get(a.promptId)! - places.get(b.promptId)! || a.index - b.index,
  );
  const responses: Response[][] = prompts.map(() => []);
  for (const response of sorted) responses[places.get(response.promptId)!]!.push(response);
  return responses;
}
