import { InterruptedError, UsageError } from "../core/errors.js";
import { Inbox } from "../core/inbox.js";
import { isAsync, type Source } from "../core/source.js";
import { optionalMethods } from "../policy/optional-methods.js";
import { optionsOf } from "../policy/request-options.js";
import type {
  Policy,
  RequestOptions,
  RequestWatcher,
  Response,
  SampleRequest,
  SamplingOptions,
} from "../policy/policy.js";

/** Requests of one caller that are taken in a row: as many as share a group of rows. */
const TAKEN_AT_ONCE = 4;

/**
 * One policy for several callers at once: what they draw is drawn by one call of its `sample`, so that a local model has one
 * batch for all and servers one pool. Whoever has the fewest responses under way is next, so that many requests of one caller do
 * not keep another waiting. A caller that stops reading, or whose signal fires, has its rows freed at the next step. What each
 * gets is what it would get alone.
 */
export class SharedPolicy {
  private readonly lines: Line[] = [];
  private wake: (() => void) | undefined;
  private pump: Promise<void> | undefined;
  private last: Line | undefined;
  private taken = 0;
  private closed = false;

  constructor(private readonly policy: Policy) {}

  /** Responses that are being drawn, and callers that are at it. */
  get standing(): { readonly responses: number; readonly callers: number } {
    return {
      responses: this.lines.reduce((sum, { underWay }) => sum + underWay, 0),
      callers: this.lines.length,
    };
  }

  /**
   * The policy as one caller has it.
   * @param own options that all its requests have besides.
   */
  caller(own: RequestOptions = {}): Policy {
    const { policy } = this;
    const { name, digest, can } = policy;
    return {
      ...{ name, digest, can },
      ...(policy.served && { served: policy.served }),
      ...(policy.unrounded && { unrounded: policy.unrounded }),
      sample: (requests, options) => this.draw(requests, options, own),
      greedy: (prompts, options) => policy.greedy(prompts, options),
      logProb: (examples) => policy.logProb(examples),
      ...optionalMethods(policy),
      dispose: async () => undefined,
    };
  }

  /** Ends what is being drawn; the policy stays its owner's. */
  async close(): Promise<void> {
    this.closed = true;
    for (const line of [...this.lines]) line.fail(new UsageError("The policy is closed; make a new one."));
    this.wake?.();
    await this.pump;
  }

  private async *draw(
    requests: Source<SampleRequest>,
    options: SamplingOptions,
    own: RequestOptions,
  ): AsyncGenerator<Response> {
    if (this.closed) throw new UsageError("The policy is closed; make a new one.");
    const { signal } = options;
    const stopped = (): InterruptedError => new InterruptedError("Drawing was stopped.");
    if (signal?.aborted) throw stopped();
    const line = new Line(requests, options, own, () => this.wake?.());
    const stop = (): void => line.fail(stopped());
    signal?.addEventListener("abort", stop);
    this.lines.push(line);
    this.pump ??= this.run();
    this.wake?.();
    try {
      for await (const response of line.drawn) yield response;
    } finally {
      signal?.removeEventListener("abort", stop);
      this.lines.splice(this.lines.indexOf(line), 1);
      line.leave();
    }
  }

  private async run(): Promise<void> {
    // Not before the caller holds the promise of it, which is given up at the end.
    await Promise.resolve();
    try {
      // Each request brings options of its own: these are nobody's.
      const all = this.policy.sample(this.requests(), { temperature: 1, maxTokens: 1, seed: 0 });
      for await (const _ of all);
    } catch (error) {
      for (const line of [...this.lines]) line.fail(error);
    } finally {
      this.pump = undefined;
    }
  }

  private requests(): AsyncIterable<SampleRequest> {
    let over = false;
    const next = async (): Promise<IteratorResult<SampleRequest, undefined>> => {
      while (!over && !this.closed) {
        const request = this.takeNext();
        if (request) return { done: false, value: request };
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
      return { done: true, value: undefined };
    };
    const end = async (): Promise<IteratorResult<SampleRequest, undefined>> => {
      over = true;
      this.wake?.();
      return { done: true, value: undefined };
    };
    return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
  }

  /** The next request of whoever's turn it is; undefined where none is there. */
  private takeNext(): SampleRequest | undefined {
    const ready = this.lines.filter((line) => line.ready);
    while (ready.length > 0) {
      const goesOn = this.last !== undefined && this.taken < TAKEN_AT_ONCE && ready.includes(this.last);
      const line = goesOn ? this.last! : ready.reduce((a, b) => (b.underWay < a.underWay ? b : a));
      if (line !== this.last || !goesOn) this.taken = 0;
      this.last = line;
      this.taken++;
      const request = line.take();
      if (request) return request;
      ready.splice(ready.indexOf(line), 1);
    }
    return undefined;
  }
}

/** Nobody is told it; one for all, since to make an error takes longer than to fire a signal. */
const GONE = new InterruptedError("Nobody waits for this any more.");

/** The requests of one call, and what came of them. */
class Line {
  readonly drawn = new Inbox<Response>();
  /** Requests that were taken and are not over. */
  underWay = 0;
  private over = false;
  private readonly gone = new AbortController();
  private readonly now: Iterator<SampleRequest> | undefined;
  private readonly later: AsyncIterator<SampleRequest> | undefined;
  /** Of requests that come in time: the one that has come. */
  private next: SampleRequest | undefined;
  private waiting = false;

  constructor(
    requests: Source<SampleRequest>,
    private readonly options: SamplingOptions,
    private readonly own: RequestOptions,
    private readonly wake: () => void,
  ) {
    if (isAsync(requests)) this.later = requests[Symbol.asyncIterator]();
    else this.now = requests[Symbol.iterator]();
  }

  /** Whether a request may be there to be taken. */
  get ready(): boolean {
    if (this.over) return false;
    if (this.now || this.next) return true;
    this.wait();
    return false;
  }

  /** The next request, as its own; undefined if there is none after all. */
  take(): SampleRequest | undefined {
    try {
      const next = this.now ? this.now.next() : { done: false, value: this.next! };
      this.next = undefined;
      if (next.done !== true) return this.wrapped(next.value);
      this.end();
    } catch (error) {
      this.fail(error);
    }
    return undefined;
  }

  /** The caller gets this error, and nothing more is drawn for it. */
  fail(error: unknown): void {
    this.over = true;
    this.drawn.fail(error);
    this.gone.abort(GONE);
  }

  /** Nobody reads any more. */
  leave(): void {
    this.over = true;
    this.gone.abort(GONE);
    this.now?.return?.();
    this.later?.return?.()?.catch(() => undefined);
  }

  private wait(): void {
    if (this.waiting) return;
    this.waiting = true;
    this.later!.next().then(
      ({ done, value }) => {
        this.waiting = false;
        if (done === true) this.end();
        else this.next = value;
        this.wake();
      },
      (error: unknown) => this.fail(error),
    );
  }

  private end(): void {
    this.over = true;
    if (this.underWay === 0) this.drawn.end();
  }

  private settle(response: Response | undefined): void {
    this.underWay--;
    if (response) this.drawn.push(response);
    if (this.over && this.underWay === 0) this.drawn.end();
  }

  private wrapped(request: SampleRequest): SampleRequest {
    const { signal: ours, watcher: ourWatcher, ...common } = this.own;
    const { signal, watcher, ...settings } = optionsOf(request, this.options);
    const signals = [this.gone.signal, ...[signal, ours].flatMap((each) => each ?? [])];
    this.underWay++;
    return {
      ...request,
      options: {
        ...common,
        ...settings,
        signal: signals.length === 1 ? this.gone.signal : AbortSignal.any(signals),
        watcher: this.watched([watcher, ourWatcher].flatMap((each) => each ?? [])),
      },
    };
  }

  private watched(watchers: readonly RequestWatcher[]): RequestWatcher {
    const seers = watchers.flatMap((watcher) => watcher.drawn?.bind(watcher) ?? []);
    const counters = watchers.flatMap((watcher) => watcher.used?.bind(watcher) ?? []);
    return {
      ...(counters.length > 0 && { used: (tokens) => counters.forEach((tell) => tell(tokens)) }),
      ...(seers.length > 0 && { drawn: (soFar) => seers.forEach((see) => see(soFar)) }),
      ended: (response) => {
        for (const watcher of watchers) watcher.ended?.(response);
        this.settle(response);
      },
      failed: (error) => {
        const takes = watchers.flatMap((watcher) => watcher.failed?.bind(watcher) ?? []);
        if (takes.length === 0) this.fail(error);
        for (const take of takes) take(error);
        this.settle(undefined);
      },
    };
  }
}
