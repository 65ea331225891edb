import { InterruptedError } from "../../core/errors.js";
import type { Policy, SampleRequest } from "../../policy/policy.js";
import { joined, requestOf, type Continuation, type Continue } from "./continuation.js";

/** What is common to all that is drawn. */
export interface SideBySideOptions {
  /** The most tokens that any response will have. */
  readonly maxTokens: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs tasks that draw, each waiting for its own draws alone, so that a policy always has those of many at work: one call of its
 * `sample` draws for all of them. A task is begun when the policy has room and none that has begun asks for anything.
 * @throws what the policy or a task throws; InterruptedError when the signal fires.
 */
export async function sideBySide(
  policy: Policy,
  tasks: readonly ((draw: Continue) => Promise<void>)[],
  { maxTokens, seed, signal }: SideBySideOptions,
): Promise<void> {
  const desk = new Desk(tasks);
  const call = { temperature: 1, maxTokens, seed, ...(signal && { signal }) };
  try {
    for await (const _ of policy.sample(desk, call));
    desk.rethrow();
  } finally {
    await desk.close();
  }
}

/** Takes what tasks want to have drawn, and gives each its response. */
class Desk implements AsyncIterable<SampleRequest> {
  private readonly asked: SampleRequest[] = [];
  private readonly waiting = new Set<(error: unknown) => void>();
  private readonly running = new Set<Promise<void>>();
  private begun = 0;
  private failure: { readonly error: unknown } | undefined;
  private over = false;
  private wake: (() => void) | undefined;

  constructor(private readonly tasks: readonly ((draw: Continue) => Promise<void>)[]) {}

  [Symbol.asyncIterator](): AsyncIterator<SampleRequest, undefined> {
    const end = (): Promise<IteratorResult<SampleRequest, undefined>> => {
      this.over = true;
      this.wake?.();
      return Promise.resolve({ done: true, value: undefined });
    };
    return { next: () => this.next(), return: end };
  }

  private async next(): Promise<IteratorResult<SampleRequest, undefined>> {
    while (!this.over && this.failure === undefined) {
      const request = this.asked.shift();
      if (request) return { done: false, value: request };
      if (this.begun < this.tasks.length) this.begin(this.tasks[this.begun++]!);
      else if (this.running.size === 0) break;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
    return { done: true, value: undefined };
  }

  private begin(task: (draw: Continue) => Promise<void>): void {
    const run = task((continuation) => this.draw(continuation))
      .catch((error: unknown) => {
        this.failure ??= { error };
      })
      .finally(() => {
        this.running.delete(run);
        this.wake?.();
      });
    this.running.add(run);
  }

  private draw(continuation: Continuation): ReturnType<Continue> {
    return new Promise((resolve, reject) => {
      this.waiting.add(reject);
      const request = requestOf(continuation, (end) => {
        this.waiting.delete(reject);
        resolve(end && joined(continuation, end));
      });
      this.asked.push(request);
      this.wake?.();
    });
  }

  /** @throws what a task threw. */
  rethrow(): void {
    if (this.failure) throw this.failure.error;
  }

  /** Ends the tasks that wait for what is not drawn any more. */
  async close(): Promise<void> {
    for (const reject of this.waiting) reject(new InterruptedError("Sampling was stopped."));
    await Promise.all(this.running);
  }
}
