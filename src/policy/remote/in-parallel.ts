import { InterruptedError } from "../../core/errors.js";
import { BudgetError } from "./budget.js";

/**
 * Does work on items, `width` at once, pulled lazily; yields what is not undefined in order of completion. When an item fails, or the
 * consumer stops early, the others are aborted; a budget that is used up lets them come to their end first.
 * @throws what the work throws; InterruptedError when the signal has fired.
 */
export async function* inParallel<T, R>(
  items: Iterable<T>,
  width: number,
  work: (item: T, signal: AbortSignal) => Promise<R | undefined>,
  signal: AbortSignal | undefined,
): AsyncGenerator<R> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  signal?.addEventListener("abort", stop);
  const iterator = items[Symbol.iterator]();
  const running = new Map<
    number,
    Promise<{ readonly id: number; readonly result?: R | undefined; readonly error?: unknown }>
  >();
  let started = 0;
  let exhausted: BudgetError | undefined;
  const start = (): boolean => {
    const next = exhausted ? undefined : iterator.next();
    if (next === undefined || next.done === true) return false;
    const id = started++;
    const ended = work(next.value, abort.signal).then(
      (result) => ({ id, result }),
      (error: unknown) => ({ id, error }),
    );
    running.set(id, ended);
    return true;
  };
  const check = (): void => {
    if (signal?.aborted) throw new InterruptedError("Drawing from the server was interrupted.");
  };
  try {
    for (;;) {
      check();
      while (running.size < width && start());
      if (running.size === 0) break;
      const outcome = await Promise.race(running.values());
      running.delete(outcome.id);
      check();
      if ("error" in outcome) {
        if (!(outcome.error instanceof BudgetError)) throw outcome.error;
        exhausted ??= outcome.error;
      } else if (outcome.result !== undefined) yield outcome.result;
    }
    if (exhausted) throw exhausted;
  } finally {
    signal?.removeEventListener("abort", stop);
    abort.abort();
    await Promise.all(running.values());
    iterator.return?.();
  }
}
