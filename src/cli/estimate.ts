import { gigabytes } from "../core/gigabytes.js";
import type { Policy, Prompt, SamplingOptions } from "../policy/policy.js";
import { count } from "../report/format.js";
import type { PromptSplit } from "../sharpen/prompts.js";
import type { TrainingSettings } from "./settings.js";

/** What a run is to do, in responses. */
export interface PlannedWork {
  readonly drawn: number;
  /** Passes of training over a response. */
  readonly trained: number;
  /** Set where every weight is trained, and not adapters alone. */
  readonly full?: true;
}

/** How fast a model draws, and how long its responses are. */
export interface Measured {
  readonly tokensPerSecond: number;
  readonly meanTokens: number;
  /** How long was measured, in seconds. */
  readonly seconds: number;
}

/** What a run will take, about. */
export interface Estimate extends Omit<PlannedWork, "full"> {
  /** To be drawn. */
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly seconds: number;
  /** Of memory, at the process's peak so far; absent for a model behind servers. */
  readonly bytes?: number;
  /** Of memory that training every weight takes besides; absent where none does. */
  readonly trainingBytes?: number;
}

/** Tokens trained on in the time that one is drawn (bench/README.md: 559 of 752 with AVX-512, 240 of 328 without). */
const TRAINING_PACE = 0.74;
/** Requests that are measured with: more than are drawn side by side, in little of the time. */
const PROMPTS = 64;
const SECONDS = 3;

/** What sharpening draws and trains. @param methods none where nothing is trained. */
export function plannedWork(
  { test, train }: PromptSplit,
  n: number,
  methods: readonly Pick<TrainingSettings, "method" | "trainN" | "trainPrompts" | "curveSamples" | "fit">[],
): PlannedWork {
  const measured = test.length * (n + 1);
  const work = methods.map(
    ({ method, trainN, trainPrompts = train.length, curveSamples, fit: { epochs = 0 } }) => {
      const prompts = Math.min(train.length, trainPrompts);
      const curve = (epochs + 1) * test.length * curveSamples;
      // Of the N that it draws, such a method learns from the chosen one.
      const learned = method.trainN.default === "n" ? 1 : trainN;
      return prompts === 0
        ? { drawn: 0, trained: 0 }
        : { drawn: prompts * trainN + measured + curve, trained: prompts * learned * epochs };
    },
  );
  return {
    drawn: work.reduce((sum, { drawn }) => sum + drawn, measured),
    trained: work.reduce((sum, { trained }) => sum + trained, 0),
    ...(methods.some(({ fit }) => fit.full) && { full: true as const }),
  };
}

/**
 * Draws for three seconds from the first token on, and keeps nothing.
 * @param now milliseconds since some moment.
 */
export async function measureDrawing(
  policy: Policy,
  prompts: readonly Prompt[],
  { n, signal, ...options }: SamplingOptions & { readonly n: number },
  now: () => number,
): Promise<Measured> {
  const enough = new AbortController();
  const lengths = new Map<string, number>();
  let [first, last, before, finished] = [Infinity, 0, 0, 0];
  const total = (): number => [...lengths.values()].reduce((sum, length) => sum + length, 0);
  const seen = (key: string, length: number): void => {
    lengths.set(key, length);
    last = now();
    if (first === Infinity) [first, before] = [last, total()];
    else if (last - first >= 1000 * SECONDS) enough.abort();
  };
  const requests = prompts.slice(0, PROMPTS).flatMap((prompt) =>
    Array.from({ length: n }, (_, index) => {
      const key = `${index} ${prompt.id}`;
      const watcher = { drawn: ({ length }: { readonly length: number }) => seen(key, length) };
      return { prompt, index, options: { watcher } };
    }),
  );
  const both = AbortSignal.any([enough.signal, ...(signal ? [signal] : [])]);
  try {
    for await (const { promptId, index, logProbs } of policy.sample(requests, { ...options, signal: both })) {
      finished++;
      seen(`${index} ${promptId}`, logProbs.length);
      if (enough.signal.aborted) break;
    }
  } catch (error) {
    if (!enough.signal.aborted || signal?.aborted) throw error;
  }
  const seconds = Math.max(1e-3, (last - first) / 1000);
  return {
    tokensPerSecond: Math.max(1, total() - before) / seconds,
    // Those that are not finished count with what they have: ends per token, as of a constant hazard.
    meanTokens: Math.min(options.maxTokens, total() / Math.max(1, finished)),
    seconds,
  };
}

/** What the work will take at a measured speed. @param bytes of memory so far. @param trainingBytes what training takes besides. */
export function estimateOf(
  { drawn, trained }: PlannedWork,
  { tokensPerSecond, meanTokens }: Measured,
  bytes?: number,
  trainingBytes?: number,
): Estimate {
  const tokens = Math.round(drawn * meanTokens);
  const seconds = (tokens + (trained * meanTokens) / TRAINING_PACE) / tokensPerSecond;
  return {
    ...{ drawn, trained, tokens, tokensPerSecond, seconds },
    ...(bytes !== undefined && { bytes }),
    ...(trainingBytes !== undefined && { trainingBytes }),
  };
}

/** The same for people. */
export function estimateInWords({
  drawn,
  trained,
  tokens,
  tokensPerSecond,
  seconds,
  bytes,
  trainingBytes,
}: Estimate): string {
  const learned = trained > 0 ? `, and ${count(trained)} passes of training over one` : "";
  const more =
    trainingBytes === undefined ? "" : `, and about ${gigabytes(trainingBytes)} more to train every weight`;
  const memory = bytes === undefined ? "" : `; ${gigabytes(bytes)} of memory so far${more}`;
  return (
    `About ${roughly(seconds)}: ${count(drawn)} responses to draw (${count(tokens)} tokens, at the ${count(tokensPerSecond)} ` +
    `tokens/s that were measured)${learned}${memory}.`
  );
}

function roughly(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${(seconds / 3600).toFixed(1)} hours`;
  return `${(seconds / 86400).toFixed(1)} days`;
}
