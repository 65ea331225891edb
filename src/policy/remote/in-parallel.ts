import { InterruptedError } from "../../core/errors.js";
import { BudgetError } from "./budget.js";

/** What ends a piece of work from outside. */
export interface Signals {
  /** Begin nothing more: no further request, and no other try of one that failed. */
  readonly stop: AbortSignal;
  /** Break off what is under way. */
  readonly abort: AbortSignal;
}

/** Both at once. */
export function atOnce(signal: AbortSignal): Signals {
  return { stop: signal, abort: signal };
}

/**
 * Does work on items, `width` at once, pulled lazily; yields what is not undefined in order of completion. When an item fails, or the
 * consumer stops early, the others are aborted. A budget that is used up, or the signal, lets them come to their end
 * first: what was paid for is kept.
 * @throws what the work throws; InterruptedError once the signal has fired and what was under way has ended.
 */
export async function* inParallel<T, R>(
  items: Iterable<T>,
  width: number,
  work: (item: T, signals: Signals) => Promise<R | undefined>,
  signal: AbortSignal | undefined,
): AsyncGenerator<R> {
  const abort = new AbortController();
  const stop = signal ? AbortSignal.any([signal, abort.signal]) : abort.signal;
  const iterator = items[Symbol.iterator]();
  const running = new Map<
    number,
    Promise<{ readonly id: number; readonly result?: R | undefined; readonly error?: unknown }>
  >();
  let started = 0;
  let exhausted: BudgetError | undefined;
  const start = (): boolean => {
    const next = exhausted || stop.aborted ? undefined : iterator.next();
    if (next === undefined || next.done === true) return false;
    const id = started++;
    const ended = work(next.value, { stop, abort: abort.signal }).then(
      (result) => ({ id, result }),
      (error: unknown) => ({ id, error }),
    );
    running.set(id, ended);
    return true;
  };
  try {
    for (;;) {
      while (running.size < width && start());
      if (running.size === 0) break;
      const outcome = await Promise.race(running.values());
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
    abort.abort();
    await Promise.all(running.values());
    iterator.return?.();
  }
}
