/**
 * A source that is filled from outside: one reader takes what was pushed, in order, and waits where there is nothing. What was
 * pushed before the end, or before an error, is still read.
 */
export class Inbox<T> implements AsyncIterable<T> {
  private readonly items: T[] = [];
  private over: { readonly error?: unknown } | undefined;
  private wake: (() => void) | undefined;
  /** Whether the reader has gone away. */
  closed = false;

  /** How many wait to be read. */
  get size(): number {
    return this.items.length;
  }

  push(item: T): void {
    this.items.push(item);
    this.wake?.();
  }

  /** No more will come. */
  end(): void {
    this.over ??= {};
    this.wake?.();
  }

  /** No more will come, for this reason, which the reader gets as an error. */
  fail(error: unknown): void {
    this.over ??= { error };
    this.wake?.();
  }

  private async next(): Promise<IteratorResult<T, undefined>> {
    while (this.items.length === 0 && this.over === undefined && !this.closed)
      await new Promise<void>((resolve) => (this.wake = resolve));
    if (this.closed) return { done: true, value: undefined };
    if (this.items.length > 0) return { done: false, value: this.items.shift()! };
    if (this.over && "error" in this.over) throw this.over.error;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: () => this.next(),
      return: () => {
        this.closed = true;
        this.wake?.();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}
