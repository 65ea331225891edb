import type {
  GreedyOptions,
  Policy,
  Prompt,
  Response,
  SampleRequest,
  SamplingOptions,
} from "../policy/policy.js";
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

/** What drawing into a log needs of the settings. */
export type DrawIntoSettings = Pick<
  DrawSettings,
  "temperature" | "maxTokens" | "seed" | "signal" | "onProgress"
> &
  Pick<SamplingOptions, "topP">;

/**
 * Appends records to a log as they come. Every draw that a run keeps goes through here, so that what is killed at any moment
 * goes on with what is missing.
 * @param wanted how many records the log is to have of these in the end; the others are there already.
 */
export async function appendTo<T>(
  log: RecordLog<T>,
  records: AsyncIterable<T>,
  { stage, missing, wanted }: { readonly stage: string; readonly missing: number; readonly wanted: number },
  onProgress: DrawSettings["onProgress"],
): Promise<void> {
  let done = wanted - missing;
  onProgress?.({ stage, done, total: wanted });
  if (missing === 0) return;
  for await (const record of records) {
    log.append(record);
    onProgress?.({ stage, done: ++done, total: wanted });
  }
}

/** Draws those of the requested responses that the log does not have. @throws InterruptedError once the signal has fired. */
export async function drawInto(
  log: RecordLog<Response>,
  policy: Pick<Policy, "sample">,
  requests: readonly SampleRequest[],
  { temperature, topP, maxTokens, seed, signal, onProgress }: DrawIntoSettings,
  stage: string,
): Promise<void> {
  const missing = requests.filter(({ prompt, index }) => !log.has(responseKey(prompt.id, index)));
  const options = {
    ...{ temperature, maxTokens, seed },
    ...(topP !== undefined && { topP }),
    ...(signal && { signal }),
  };
  const counts = { stage, missing: missing.length, wanted: requests.length };
  await appendTo(log, policy.sample(missing, options), counts, onProgress);
}

/** The first `n` samples of each prompt. */
export function firstOf(prompts: readonly Prompt[], n: number): SampleRequest[] {
  return prompts.flatMap((prompt) => Array.from({ length: n }, (_, index) => ({ prompt, index })));
}

/**
 * Draws the responses of a log that are not in it yet, and puts the log in canonical order: killed at any moment and
 * called again, it ends with the same file.
 * @returns the responses of each prompt, by index, in the prompts' order.
 * @throws UsageError for N < 1; InterruptedError once the signal has fired.
 */
export async function drawResponses(
  log: RecordLog<Response>,
  policy: Pick<Policy, "sample">,
  prompts: readonly Prompt[],
  settings: DrawSettings,
  stage: string,
): Promise<Response[][]> {
  checkN(settings.n);
  await drawInto(log, policy, firstOf(prompts, settings.n), settings, stage);
  return inOrder(log, prompts);
}

/** As `drawResponses`, and reads nothing back: in memory are ids alone, however many responses there are. */
export async function drawAll(
  log: RecordLog<Response>,
  policy: Policy,
  prompts: readonly Prompt[],
  settings: DrawSettings,
  stage: string,
): Promise<void> {
  checkN(settings.n);
  await drawInto(log, policy, firstOf(prompts, settings.n), settings, stage);
  const places = new Map(prompts.map(({ id }, place) => [id, place]));
  await log.arrange(
    ({ promptId, index }) => ({ place: places.get(promptId)!, index }),
    (a, b) => a.place - b.place || a.index - b.index,
  );
}

type OneEachSettings = Pick<DrawSettings, "maxTokens" | "signal" | "onProgress">;

/** The greedy response to each prompt, as `drawResponses`. */
export function drawGreedy(
  log: RecordLog<Response>,
  policy: Pick<Policy, "greedy">,
  prompts: readonly Prompt[],
  settings: OneEachSettings,
  stage: string,
): Promise<Response[]> {
  return drawOneEach(log, (missing, limits) => policy.greedy(missing, limits), prompts, settings, stage);
}

/** The one response, with index -1, that a way of decoding gives to each prompt, as `drawResponses`. */
export async function drawOneEach(
  log: RecordLog<Response>,
  decode: (prompts: readonly Prompt[], options: GreedyOptions) => AsyncIterable<Response>,
  prompts: readonly Prompt[],
  { maxTokens, signal, onProgress }: OneEachSettings,
  stage: string,
): Promise<Response[]> {
  const missing = prompts.filter((prompt) => !log.has(responseKey(prompt.id, -1)));
  const drawn = decode(missing, { maxTokens, ...(signal && { signal }) });
  await appendTo(log, drawn, { stage, missing: missing.length, wanted: prompts.length }, onProgress);
  return (await inOrder(log, prompts)).flat();
}

/** What several prompts of a run drew from the base, in a file that all who draw from it share; see `sharedDraws`. */
export interface SharedDraws {
  /** Draws what is missing of these. */
  draw(requests: readonly SampleRequest[], stage: string): Promise<void>;
  /** The first `n` responses to each prompt, by index; the file is then in canonical order. */
  responses(prompts: readonly Prompt[], n: number): Promise<Map<string, Response[]>>;
}

/** The file of responses to training prompts: what one method has drawn into it, another does not draw again. */
export function sharedDraws(
  log: RecordLog<Response>,
  policy: Policy,
  settings: DrawIntoSettings,
): SharedDraws {
  return {
    draw: (requests, stage) => drawInto(log, policy, requests, settings, stage),
    responses: async (prompts, n) => {
      const sorted = await log.sort(
        (a, b) => (a.promptId < b.promptId ? -1 : a.promptId > b.promptId ? 1 : 0) || a.index - b.index,
      );
      const byPrompt = new Map<string, Response[]>(prompts.map(({ id }) => [id, []]));
      for (const response of sorted) if (response.index < n) byPrompt.get(response.promptId)?.push(response);
      return byPrompt;
    },
  };
}

/** Compares responses by their prompts' places, then by index. */
export function byPlace(prompts: readonly Prompt[]): (a: Response, b: Response) => number {
  const places = new Map(prompts.map(({ id }, i) => [id, i]));
  return (a, b) => places.get(a.promptId)! - places.get(b.promptId)! || a.index - b.index;
}

/** Puts a log in canonical order. @returns the responses of each prompt, by index, in the prompts' order. */
export async function inOrder(log: RecordLog<Response>, prompts: readonly Prompt[]): Promise<Response[][]> {
  const responses = new Map<string, Response[]>(prompts.map(({ id }) => [id, []]));
  for (const response of await log.sort(byPlace(prompts))) responses.get(response.promptId)!.push(response);
  return [...responses.values()];
}
