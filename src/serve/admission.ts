import { ApiError, shuttingDown } from "./api-error.js";

/** How many requests are answered at once, and how many more may wait. */
export interface AdmissionLimits {
  readonly slots: number;
  readonly queue: number;
}

/** A request that was let in. */
export interface Ticket {
  /** Resolves once there is room to answer it. @throws the signal's reason. */
  enter(signal: AbortSignal): Promise<void>;
  /** To be called once, answered or not. */
  leave(): void;
}

/** Tickets for several parts of one request, which enter with the first of them and leave with the last. */
export function shared(ticket: Ticket, parts: number): Ticket[] {
  let entered: Promise<void> | undefined;
  let inside = parts;
  return Array.from({ length: parts }, () => {
    let left = false;
    return {
      enter: (signal: AbortSignal) => (entered ??= ticket.enter(signal)),
      leave: () => {
        if (left) return;
        left = true;
        inside--;
        if (inside === 0) ticket.leave();
      },
    };
  });
}

/** Lets requests in, a fixed number at once and the others in the order in which they came. */
export class Admission {
  private readonly waiting: (() => void)[] = [];
  private answering = 0;
  private inside = 0;
  private readonly empty: (() => void)[] = [];
  /** Whether no more requests are let in: the server is about to end. */
  draining = false;

  constructor(private readonly limits: AdmissionLimits) {}

  /** Requests that are being answered, and that wait. */
  get standing(): { readonly answering: number; readonly waiting: number } {
    return { answering: this.answering, waiting: this.inside - this.answering };
  }

  /** @throws ApiError 429 where too many wait already, 503 while the server ends. */
  take(): Ticket {
    const { slots, queue } = this.limits;
    if (this.draining) throw shuttingDown();
    if (this.inside >= slots + queue)
      throw new ApiError(429, `${queue} requests wait already; ask again in a moment.`, {
        type: "rate_limit_error",
        code: "queue_full",
        headers: { "retry-after": "1" },
      });
    this.inside++;
    let holds = false;
    let left = false;
    return {
      enter: async (signal) => {
        signal.throwIfAborted();
        if (this.answering < slots) this.answering++;
        else await this.handedOver(signal);
        holds = true;
      },
      leave: () => {
        if (left) return;
        left = true;
        this.inside--;
        const next = holds ? this.waiting.shift() : undefined;
        if (next) next();
        else if (holds) this.answering--;
        if (this.inside === 0) for (const tell of this.empty.splice(0)) tell();
      },
    };
  }

  /** Resolves once somebody who leaves hands a slot over. */
  private handedOver(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.waiting.splice(this.waiting.indexOf(enter), 1);
        reject(signal.reason as Error);
      };
      this.waiting.push(enter);
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  /** Lets nobody else in, and resolves once all that were let in have left. */
  async drain(): Promise<void> {
    this.draining = true;
    if (this.inside > 0) await new Promise<void>((resolve) => this.empty.push(resolve));
  }
}
