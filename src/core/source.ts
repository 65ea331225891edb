/** Values that are there already, or that come in time. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;

/** Whether the values of a source come in time: it can be waited for. */
export function isAsync<T>(source: Source<T>): source is AsyncIterable<T> {
  return Symbol.asyncIterator in source;
}

/**
 * The values of a source, changed; pulled one by one as they are asked for, and those that become undefined left out. A source
 * that comes in time stays one, and is told at once when no more is wanted, even while a value is being waited for.
 */
export function mapSource<A, B>(source: Source<A>, change: (value: A) => B | undefined): Source<B> {
  return isAsync(source) ? changeLater(source, change) : changeNow(source, change);
}

/** The same for a change that takes time; of a source that comes in time. */
export function mapLater<A, B>(
  source: AsyncIterable<A>,
  change: (value: A) => Promise<B | undefined>,
): AsyncIterable<B> {
  return changeLater(source, change);
}

function* changeNow<A, B>(source: Iterable<A>, change: (value: A) => B | undefined): Generator<B> {
  for (const value of source) {
    const changed = change(value);
    if (changed !== undefined) yield changed;
  }
}

// No generator: its return() would wait for the value that is under way.
function changeLater<A, B>(
  source: AsyncIterable<A>,
  change: (value: A) => B | undefined | Promise<B | undefined>,
): AsyncIterable<B> {
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = source[Symbol.asyncIterator]();
      const next = async (): Promise<IteratorResult<B, undefined>> => {
        for (;;) {
          const next = await iterator.next();
          if (next.done === true) return { done: true, value: undefined };
          const changed = await change(next.value);
          if (changed !== undefined) return { done: false, value: changed };
        }
      };
      const end = async (): Promise<IteratorResult<B, undefined>> => {
        await iterator.return?.();
        return { done: true, value: undefined };
      };
      return { next, return: end };
    },
  };
}

/** The values of a source as they come; ends when the signal fires, even while one is being waited for. */
export async function* arriving<T>(source: Source<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  if (!isAsync(source)) {
    yield* source;
    return;
  }
  const iterator = source[Symbol.asyncIterator]();
  let stop = (): void => undefined;
  const stopped = new Promise<undefined>((resolve) => (stop = () => resolve(undefined)));
  signal?.addEventListener("abort", stop);
  try {
    while (!signal?.aborted) {
      const next = await Promise.race([iterator.next(), stopped]);
      if (next === undefined || next.done === true) return;
      yield next.value;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    // Not waited for: a value may be under way that never comes.
    iterator.return?.().catch(() => undefined);
  }
}
