/** The longest batch. */
const LONGEST = 4096;

/**
 * Values in batches, each of what has come since the one before, no two of them closer than so many milliseconds. Nothing is held
 * back longer than that. Whoever stops reading ends the values.
 */
export async function* inBatches<T>(values: AsyncGenerator<T>, ms: number): AsyncGenerator<readonly T[]> {
  let next = values.next();
  try {
    for (;;) {
      const batch: T[] = [];
      const first = await next;
      if (first.done === true) return;
      batch.push(first.value);
      next = values.next();
      const due = after(ms);
      // Values that are all there at once would never let the time pass.
      while (batch.length < LONGEST) {
        // An error is thrown where it is read first, once what came before it has been passed on.
        const result = await Promise.race([next.catch(() => undefined), due]);
        if (result === undefined || result.done === true) break;
        batch.push(result.value);
        next = values.next();
      }
      yield batch;
    }
  } finally {
    next.catch(() => undefined);
    await values.return(undefined);
  }
}

const after = (ms: number): Promise<undefined> =>
  new Promise((resolve) => setTimeout(resolve, ms, undefined));
