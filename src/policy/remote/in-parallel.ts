import { InterruptedError } from "../../core/errors.js";
import { isAsync, type Source } from "../../core/source.js";
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

/** The signals of a piece of work that a signal of its own may end too, at once. */
export function withOwn(signals: Signals, own: AbortSignal | undefined): Signals {
  if (own === undefined) return signals;
  const { stop, abort } = signals;
  return { stop: AbortSignal.any([stop, own]), abort: AbortSignal.any([abort, own]), whole: stop };
}

/** Both at once. */
export function atOnce(signal: AbortSignal): Signals {
  return { stop: signal, abort: signal };
}

/** What a wait ended with: a piece of work, an item that came, or the signal. */
type Outcome<T, R> =
  | { readonly id: number; readonly result?: R | undefined; readonly error?: unknown }
  | { readonly arrived: IteratorResult<T, unknown> }
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
  const source = pulled(items);
  const running = new Map<number, Promise<Outcome<T, R>>>();
  let started = 0;
  let exhausted: BudgetError | undefined;
  const start = (item: T): void => {
    const id = started++;
    const ended = work(item, { stop, abort: abort.signal }).then(
      (result) => ({ id, result }),
      (error: unknown) => ({ id, error }),
    );
    running.set(id, ended);
  };
  const stopped = new Promise<Outcome<T, R>>((resolve) =>
    stop.addEventListener("abort", () => resolve({ stopped: true }), { once: true }),
  );
  try {
    for (;;) {
      const more = !exhausted && !stop.aborted;
      while (more && running.size < width && source.now(start));
      const coming = more && running.size < width ? source.later() : undefined;
      if (running.size === 0 && coming === undefined) break;
      const outcome = await Promise.race([...running.values(), ...(coming ? [coming, stopped] : [])]);
      if ("stopped" in outcome) continue;
      if ("arrived" in outcome) {
        source.taken();
        if (outcome.arrived.done !== true) start(outcome.arrived.value);
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
    abort.abort();
    await Promise.all(running.values());
    source.close();
  }
}

/** A source, pulled at once or waited for. */
function pulled<T>(items: Source<T>): {
  /** Starts the next item that is there; false where none is, or they come in time. */
  now(start: (item: T) => void): boolean;
  /** The next item that comes in time, the same one until it is taken; undefined after the last. */
  later(): Promise<{ readonly arrived: IteratorResult<T, unknown> }> | undefined;
  taken(): void;
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
      later: () => undefined,
      taken: () => undefined,
      close: () => void iterator.return?.(),
    };
  }
  const iterator = items[Symbol.asyncIterator]();
  let coming: Promise<{ readonly arrived: IteratorResult<T, unknown> }> | undefined;
  let ended = false;
  return {
    now: () => false,
    later: () => {
      if (ended) return undefined;
      coming ??= iterator.next().then((arrived) => {
        ended = arrived.done === true;
        return { arrived };
      });
      // It may come, or fail, when nobody waits any more.
      coming.catch(() => undefined);
      return coming;
    },
    taken: () => (coming = undefined),
    // Not waited for: an item may be under way that never comes.
    close: () => void iterator.return?.().catch(() => undefined),
  };
}
