import { InterruptedError, ServerError } from "../../core/errors.js";
import type { RandomStream } from "../../core/random.js";
import type { Connection } from "./connection.js";
import { ServerFault } from "./fault.js";
import type { Tally } from "./usage.js";

export interface PoolOptions {
  /** Requests at once to one server. */
  readonly concurrency: number;
  /** Tries of one request, the first included. */
  readonly tries: number;
  /** Waits; for tests. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Spreads the waits. */
  readonly jitter: RandomStream;
  readonly tally: Tally;
}

/** A server, and how it fares. */
interface Member<T> {
  readonly connection: Connection;
  readonly server: T;
  outstanding: number;
  /** Left alone for now. */
  resting: boolean;
  /** Faults that made it rest, since its last success; while there are any, it gets one request at a time. */
  failures: number;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

/**
 * Several servers as one. A request goes to the server with the fewest outstanding; one that fails as a whole is left
 * alone for a while, longer each time, and then tried with a single request. A request that failed goes to another server
 * if there is one, or waits: 0.5 s, 1 s, 2 s, …, each with jitter, or as long as the server asked for.
 */
export class Pool<T> {
  readonly #members: Member<T>[];
  readonly #options: PoolOptions;
  readonly #waiting = new Set<() => void>();

  constructor(
    servers: readonly { readonly connection: Connection; readonly server: T }[],
    options: PoolOptions,
  ) {
    this.#members = servers.map((server) => ({ ...server, outstanding: 0, resting: false, failures: 0 }));
    this.#options = options;
  }

  /** Requests that may run at once. */
  get width(): number {
    return this.#members.length * this.#options.concurrency;
  }

  /**
   * Does a piece of work on one server after the other until it succeeds.
   * @param what names the work in the error. @param whole ends all work, where `signal` may end this piece alone.
   * @throws ServerError after the last try, or at once for a fault that no retry mends; InterruptedError.
   */
  async run<R>(
    what: string,
    work: (connection: Connection, server: T) => Promise<R>,
    signal?: AbortSignal,
    tries = this.#options.tries,
    whole = signal,
  ): Promise<R> {
    const { tally } = this.#options;
    let avoided: Member<T> | undefined;
    for (let attempt = 1; ; attempt++) {
      const member = await this.#acquire(avoided, signal);
      try {
        const result = await work(member.connection, member.server);
        member.failures = 0;
        return result;
      } catch (error) {
        if (!(error instanceof ServerFault)) throw error;
        tally.fault(error.fault);
        const { url } = member.connection;
        if (!error.retry)
          throw new ServerError(`The server ${url} did not accept ${what}: ${withoutStop(error.message)}.`);
        if (attempt >= tries) {
          throw new ServerError(
            `No usable reply to ${what} in ${tries} ${tries === 1 ? "try" : "tries, the last"} from ${url}: ${withoutStop(error.message)}.`,
          );
        }
        tally.retries++;
        avoided = member;
        const wait = this.#waitAfter(error, error.rest ? member.failures : attempt - 1);
        if (error.rest) this.#rest(member, wait, whole);
        else await this.#options.sleep(wait, signal);
      } finally {
        member.outstanding--;
        this.#wake();
      }
    }
  }

  #waitAfter({ retryAfterMs }: ServerFault, earlier: number): number {
    const wait =
      Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** earlier) * (0.5 + this.#options.jitter.next() / 2);
    return Math.max(wait, retryAfterMs ?? 0);
  }

  /** Leaves a server alone; its other requests that fail meanwhile do not add to that. */
  #rest(member: Member<T>, wait: number, signal: AbortSignal | undefined): void {
    if (member.resting) return;
    member.resting = true;
    member.failures++;
    const rise = (): void => {
      member.resting = false;
      this.#wake();
    };
    // Interrupted or not, the server may be asked again: whoever waits is ended by the same signal.
    this.#options.sleep(wait, signal).then(rise, rise);
  }

  #free(avoided: Member<T> | undefined): Member<T> | undefined {
    const { concurrency } = this.#options;
    const free = this.#members.filter(
      ({ resting, failures, outstanding }) => !resting && outstanding < (failures > 0 ? 1 : concurrency),
    );
    const others = free.filter((member) => member !== avoided);
    // A retry waits for a healthy server that is busy rather than spend its tries on the one that has just failed it.
    const healthy = this.#members.some(
      (member) => member !== avoided && !member.resting && member.failures === 0,
    );
    const candidates = others.length > 0 || (avoided !== undefined && healthy) ? others : free;
    return candidates.reduce<Member<T> | undefined>(
      (best, member) => (best === undefined || member.outstanding < best.outstanding ? member : best),
      undefined,
    );
  }

  async #acquire(avoided: Member<T> | undefined, signal: AbortSignal | undefined): Promise<Member<T>> {
    for (;;) {
      if (signal?.aborted) throw new InterruptedError("Drawing from the server was interrupted.");
      const member = this.#free(avoided);
      if (member) {
        member.outstanding++;
        return member;
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal?.addEventListener("abort", wake);
      });
    }
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** A server's own words may end with a full stop; the sentence that they stand in has one of its own. */
function withoutStop(words: string): string {
  return words.replace(/\.{1,3}$/, "");
}
