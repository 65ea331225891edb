import { InterruptedError } from "../../core/errors.js";
import { Inbox } from "../../core/inbox.js";
import { isAsync, type Source } from "../../core/source.js";
import { failOf } from "../request-options.js";
import type { Response, SampleRequest } from "../policy.js";
import { BudgetError } from "./budget.js";

/** What ends a piece of work from outside. */
export interface Signals {
  /** Begin nothing more: no further request, and no other try of one that failed. */
  readonly stop: AbortSignal;
  /** Break off what is under way. */
  readonly abort: AbortSignal;
  /** Ends all work, where `stop` may end this piece alone; absent: `stop` does. */
  readonly whole?: AbortSignal;
}

/** Both at once. */
export function atOnce(signal: AbortSignal): Signals {
  return { stop: signal, abort: signal };
}

/** What happens: a piece of work ends, an item comes or its source fails, or the signal fires. */
type Outcome<T, R> =
  | { readonly id: number; readonly result?: R | undefined; readonly error?: unknown }
  | { readonly arrived: IteratorResult<T, unknown> }
  | { readonly failed: unknown }
  | { readonly stopped: true };

/**
 * Does work on items, `width` at once, pulled lazily as there is room; they may come in time. Yields what is not undefined in
 * order of completion. When an item fails, or the consumer stops early, the others are aborted. A budget that is used up, or the
 * signal, lets them come to their end first: what was paid for is kept.
 * @throws what the work throws; InterruptedError once the signal has fired and what was under way has ended.
 */
export async function* inParallel<T, R>(
  items: Source<T>,
  width: number,
  work: (item: T, signals: Signals) => Promise<R | undefined>,
  signal: AbortSignal | undefined,
): AsyncGenerator<R> {
  const abort = new AbortController();
  const stop = signal ? AbortSignal.any([signal, abort.signal]) : abort.signal;
  // One place for all that happens: to race what goes on for hours again and again would gather a trace of each race.
  const happened = new Inbox<Outcome<T, R>>();
  const next = happened[Symbol.asyncIterator]();
  const source = pulled(items, happened);
  const running = new Map<number, Promise<void>>();
  let started = 0;
  let exhausted: BudgetError | undefined;
  const start = (item: T): void => {
    const id = started++;
    const ended = work(item, { stop, abort: abort.signal }).then(
      (result) => happened.push({ id, result }),
      (error: unknown) => happened.push({ id, error }),
    );
    running.set(id, ended);
  };
  const stopped = (): void => happened.push({ stopped: true });
  stop.addEventListener("abort", stopped);
  try {
    for (;;) {
      const more = !exhausted && !stop.aborted;
      while (more && running.size < width && source.now(start));
      const coming = more && running.size < width && source.later();
      if (running.size === 0 && !coming) break;
      const outcome = (await next.next()).value!;
      if ("stopped" in outcome) continue;
      if ("failed" in outcome) {
        source.took(true);
        // Nothing more is wanted of it: what ended the drawing is what there is to tell.
        if (exhausted || stop.aborted) continue;
        throw outcome.failed;
      }
      if ("arrived" in outcome) {
        source.took(outcome.arrived.done === true);
        const goesOn = !exhausted && !stop.aborted;
        if (goesOn && outcome.arrived.done !== true) start(outcome.arrived.value);
        continue;
      }
      running.delete(outcome.id);
      if ("error" in outcome) {
        // What fails after the signal is asked for again by whoever goes on.
        if (stop.aborted) continue;
        if (!(outcome.error instanceof BudgetError)) throw outcome.error;
        exhausted ??= outcome.error;
      } else if (outcome.result !== undefined) yield outcome.result;
    }
    if (signal?.aborted) throw new InterruptedError("Drawing from the server was interrupted.");
    if (exhausted) throw exhausted;
  } finally {
    stop.removeEventListener("abort", stopped);
    abort.abort();
    await Promise.all(running.values());
    source.close();
  }
}

/**
 * Draws requests as `inParallel` does: each may be ended by a signal of its own, and its watcher is told of its end, or of its failure,
 * which is nobody else's.
 */
export function drawInParallel(
  requests: Source<SampleRequest>,
  width: number,
  drawOne: (request: SampleRequest, signals: Signals) => Promise<Response | undefined>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Response> {
  const draw = async (request: SampleRequest, signals: Signals): Promise<Response | undefined> => {
    const { signal: own, watcher } = request.options ?? {};
    let response: Response | undefined;
    try {
      if (!own?.aborted) response = await drawOne(request, withOwn(signals, own));
    } catch (error) {
      if (signals.stop.aborted || error instanceof BudgetError) throw error;
      if (!own?.aborted) {
        failOf(request, error);
        return undefined;
      }
    }
    watcher?.ended?.(response);
    return response;
  };
  return inParallel(requests, width, draw, signal);
}

/** The signals of a piece of work that a signal of its own may end too, at once. */
function withOwn(signals: Signals, own: AbortSignal | undefined): Signals {
  if (own === undefined) return signals;
  const { stop, abort } = signals;
  return { stop: AbortSignal.any([stop, own]), abort: AbortSignal.any([abort, own]), whole: stop };
}

/** A source, pulled at once or waited for. @param happened where items that come in time arrive. */
function pulled<T>(
  items: Source<T>,
  happened: Pick<
    Inbox<{ readonly arrived: IteratorResult<T, unknown> } | { readonly failed: unknown }>,
    "push"
  >,
): {
  /** Starts the next item that is there; false where none is, or they come in time. */
  now(start: (item: T) => void): boolean;
  /** Asks for the next item that comes in time, one after the other. @returns whether one is on its way, or has arrived and lies there. */
  later(): boolean;
  /** What has arrived was taken. @param last whether nothing comes any more. */
  took(last: boolean): void;
  close(): void;
} {
  if (!isAsync(items)) {
    const iterator = items[Symbol.iterator]();
    return {
      now: (start) => {
        const next = iterator.next();
        if (next.done !== true) start(next.value);
        return next.done !== true;
      },
      later: () => false,
      took: () => undefined,
      close: () => void iterator.return?.(),
    };
  }
  const iterator = items[Symbol.asyncIterator]();
  let [coming, ended] = [false, false];
  return {
    now: () => false,
    later: () => {
      if (ended || coming) return !ended;
      coming = true;
      iterator.next().then(
        (arrived) => happened.push({ arrived }),
        (failed: unknown) => happened.push({ failed }),
      );
      return true;
    },
    took: (last) => {
      coming = false;
      ended = last;
    },
    // Not waited for: an item may be under way that never comes.
    close: () => void iterator.return?.().catch(() => undefined),
  };
}
