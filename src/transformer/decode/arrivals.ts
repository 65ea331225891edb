import type { Lookahead } from "./batch-layout.js";
import type { Work } from "./batch.js";
import { isCancelled, type DrawRequest } from "./draw-request.js";
import { heldBack } from "./growth.js";
import { samePrompt } from "./schedule.js";

/**
 * Requests that come in time, dealt to groups: an idle group takes the prompt that has waited longest, and a group's free rows
 * take what waits for its prompt, unless another prompt has no group at all and this one has more than its share of them. The
 * source is pulled only as far as there is room, so that whoever makes it decides then who is next.
 */
export class Arrivals<T> implements Lookahead, Work<T> {
  private readonly iterator: AsyncIterator<DrawRequest<T>>;
  private waiting: DrawRequest<T>[] = [];
  private pulling: Promise<void> | undefined;
  private ended = false;
  private failure: { readonly error: unknown } | undefined;
  private held = new Set<number>();

  constructor(
    requests: AsyncIterable<DrawRequest<T>>,
    /** Whether all requests are to be laid out as if their prompts had several. */
    private readonly several: boolean,
    private readonly dropped: (request: DrawRequest<T>) => void,
  ) {
    this.iterator = requests[Symbol.asyncIterator]();
  }

  /** Requests that wait for a row. */
  get size(): number {
    return this.waiting.length;
  }

  /** Waits for a request. @returns false once there will be none. @throws what the source throws, and when the signal fires. */
  async wait(signal: AbortSignal | undefined): Promise<boolean> {
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (stop = () => resolve()));
    signal?.addEventListener("abort", stop);
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (this.failure) throw this.failure.error;
        if (this.waiting.length > 0) return true;
        if (this.ended) return false;
        await Promise.race([this.pull(), stopped]);
      }
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Takes in what has come by now, up to so many requests that wait. @throws what the source throws. */
  async gather(limit: number): Promise<void> {
    this.purge();
    if (this.ended || this.waiting.length >= limit) return;
    // What is there already comes without the event loop turning; what is on its way is waited for at the next step.
    let turned = false;
    const turn = new Promise<void>((resolve) =>
      setImmediate(() => {
        turned = true;
        resolve();
      }),
    );
    while (!turned && !this.ended && this.waiting.length < limit) await Promise.race([this.pull(), turn]);
    if (this.failure) throw this.failure.error;
  }

  private pull(): Promise<void> {
    this.pulling ??= this.iterator.next().then(
      ({ done, value }) => {
        this.pulling = undefined;
        if (done === true) this.ended = true;
        else this.waiting.push(value);
      },
      (error: unknown) => {
        this.ended = true;
        this.failure = { error };
      },
    );
    return this.pulling;
  }

  /** Lets go of requests that were cancelled while they waited. */
  private purge(): void {
    const cancelled = this.waiting.filter(isCancelled);
    if (cancelled.length === 0) return;
    this.waiting = this.waiting.filter((request) => !isCancelled(request));
    for (const request of cancelled) this.dropped(request);
  }

  look(limit: number): ReturnType<Lookahead["look"]> {
    const seen = this.waiting.slice(0, limit);
    const [first] = seen;
    const run = first ? seen.filter(({ prompt }) => samePrompt(prompt, first.prompt)).length : 0;
    const several = this.several || seen.some(({ index }) => index > 0);
    return { run, total: seen.length, length: first?.prompt.length ?? 0, several, alone: false };
  }

  /** Whether any request that waits goes on from others, or is gone on from. */
  get replays(): boolean {
    return this.waiting.some(({ replay }) => replay !== undefined);
  }

  /**
   * The most tokens that any of the first so many is to have.
   * @param otherwise of those that do not say, and at least of those that are gone on from.
   */
  mostTokens(limit: number, otherwise: number): number {
    return Math.max(
      1,
      ...this.waiting
        .slice(0, limit)
        .map(({ settings, replay }) => Math.max(settings?.maxTokens ?? otherwise, replay ? otherwise : 0)),
    );
  }

  /** Whether any request that waits can be dropped on account of others. */
  get canDrop(): boolean {
    return this.waiting.some(({ settings }) => settings?.abandon !== undefined);
  }

  /** How many requests wait, by prompt, in the order in which their first came. */
  runs(): number[] {
    return this.prompts().map(({ count }) => count);
  }

  private prompts(): { readonly prompt: readonly number[]; count: number }[] {
    const runs: { readonly prompt: readonly number[]; count: number }[] = [];
    for (const { prompt } of this.waiting) {
      const known = runs.find((run) => samePrompt(run.prompt, prompt));
      if (known) known.count++;
      else runs.push({ prompt, count: 1 });
    }
    return runs;
  }

  /** To be told before requests are dealt: by group, the prompt that is at work there. */
  survey(groups: readonly (readonly number[] | undefined)[]): void {
    const without = this.prompts().filter(
      ({ prompt }) => !groups.some((held) => held !== undefined && samePrompt(held, prompt)),
    );
    this.held = heldBack(groups, without.length, samePrompt);
  }

  next(group: number, prompt: readonly number[]): DrawRequest<T> | undefined {
    if (this.held.has(group)) return undefined;
    const at = this.waiting.findIndex((request) => samePrompt(request.prompt, prompt));
    return at < 0 ? undefined : this.waiting.splice(at, 1)[0];
  }

  reopen(group: number): readonly number[] | undefined {
    this.held.delete(group);
    return this.waiting[0]?.prompt;
  }

  /** Tells the source that no more will be asked for; not waited for, since a value may be under way that never comes. */
  close(): void {
    this.iterator.return?.().catch(() => undefined);
  }
}
