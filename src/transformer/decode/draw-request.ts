import type { KvCacheType } from "./cache-inputs.js";
import type { Narrowing } from "./narrowed.js";

/** A response that is being drawn; the lists go on growing. */
export interface Unfinished {
  readonly tokens: readonly number[];
  readonly logProbs: readonly number[];
  /** Their sum. */
  readonly logProb: number;
}

/** How a response is drawn. */
export interface DrawSettings<T> {
  /** > 0; ignored when greedy. */
  readonly temperature: number;
  readonly maxTokens: number;
  readonly seed: number;
  readonly greedy?: boolean;
  /** Asked after each token of an unfinished response, given ones not counted; true drops it. `drawnLogProb` is `logProb` where nothing else is told. */
  readonly abandon?: ((tag: T, length: number, logProb: number, drawnLogProb: number) => boolean) | undefined;
  /** Asked after each token that does not end the response, given ones not counted; true ends it there, as the end token does. */
  readonly ends?: ((tag: T, soFar: Unfinished) => boolean) | undefined;
  /** Told after each token of an unfinished response, before `abandon` is asked. */
  readonly watch?: (tag: T, soFar: Unfinished) => void;
  /** Told once when nothing comes of a request: it was abandoned, or its signal fired. Not told where the drawing ends with an error. */
  readonly dropped?: (tag: T) => void;
  /** Which tokens may be drawn. Default: all. */
  readonly narrowing?: Narrowing | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether the log-probability under which each token was drawn is told, at the temperature and among those that may be drawn. */
  readonly tellsDrawn?: boolean | undefined;
}

/** One response to draw. */
export interface DrawRequest<T> {
  /** Whatever the caller wants back with the response. */
  readonly tag: T;
  /** At least one token. Requests of one prompt that follow each other share its keys and values. */
  readonly prompt: readonly number[];
  /** Counter words that, with the seed and the position, fix every token. */
  readonly promptKey: number;
  readonly index: number;
  /**
   * How many tokens at the end of `prompt` belong to the response already: its positions and `maxTokens` count them.
   * Less than `maxTokens`. Default 0.
   */
  readonly given?: number;
  /**
   * The response's first tokens, fewer than `maxTokens`, of a request that goes on from another response or is gone on from: what was computed
   * of a response's tokens when they were drawn is kept for the next, as far as memory allows, and computed anew by the same steps where it is
   * not, so that what is drawn is the same to the bit. Not beside `given`.
   */
  readonly replay?: readonly number[];
  /**
   * What is otherwise for this request than the options say. Its signal cancels it alone: it yields nothing, and its row is
   * free at the next step.
   */
  readonly settings?: Partial<DrawSettings<T>>;
}

/** A finished response. */
export interface Draw<T> {
  readonly tag: T;
  /** What ended it included when `finish` is `stop`: the end token, or the token after which `ends` said so. */
  readonly tokens: readonly number[];
  /** log π of each token at temperature 1, in nats. */
  readonly logProbs: readonly number[];
  /** KL(uniform ‖ p) at each token at temperature 1, in nats. */
  readonly certainties: readonly number[];
  /** log of the probability under which each token was drawn, in nats, where the settings tell it and that is not `logProbs`. */
  readonly drawnLogProbs?: readonly number[];
  readonly finish: "stop" | "length";
}

/** The settings of all requests that have none of their own; the signal here ends the whole drawing. */
export interface DrawOptions<T> extends DrawSettings<T> {
  /** Rows decoded at once. Default 64; fewer where `bytes` do not hold their caches. */
  readonly rows?: number;
  /** Bytes of memory that caches and steps may take. Default: no limit. */
  readonly bytes?: () => number;
  /** How keys and values are held, for that. Default: float32. */
  readonly kvCache?: KvCacheType | undefined;
  /** At most this many rows share one copy of a prompt's keys and values. Default 16; with `abandon` 8, for short prompts 2. */
  readonly rowsPerGroup?: number;
  /**
   * Whether a response that is alone when it is begun is drawn in a batch of one row, of requests that come in time. It takes less time than a row of
   * the four that a batch has otherwise, and on some processors, and for models whose heads share no keys, its numbers may differ in their
   * last bits from those among others. Default: false.
   */
  readonly lone?: boolean | undefined;
}

/** Whether a request's own signal has fired. */
export function isCancelled<T>({ settings }: DrawRequest<T>): boolean {
  return settings?.signal?.aborted === true;
}
