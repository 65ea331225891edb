import type { DrawnSoFar } from "../policy/policy.js";
import type { AnswerEvent, DrawnEvent } from "./answer-events.js";

/**
 * Events between a sampler and whoever reads them, in order. Of a response that gains tokens faster than they are read, only the
 * latest state waits: nothing piles up, and its text is decoded once.
 */
export class EventQueue {
  private readonly waiting: (AnswerEvent | DrawnSoFar)[] = [];
  /** Tokens of each unfinished response that were told. */
  private readonly told = new Map<string, number>();
  private wake: (() => void) | undefined;

  /** An unfinished response as it is now. */
  drawn(soFar: DrawnSoFar): void {
    const at = this.placeOf(soFar);
    if (at < 0) this.waiting.push(soFar);
    else this.waiting[at] = soFar;
    this.wake?.();
  }

  /** An event; a response that is over by it has nothing else to tell. */
  push(event: AnswerEvent): void {
    if (event.kind === "dropped" || event.kind === "finished") {
      const of = event.kind === "dropped" ? event : event.response;
      const at = this.placeOf(of);
      if (at >= 0) this.waiting.splice(at, 1);
      this.told.delete(keyOf(of));
    }
    this.waiting.push(event);
    this.wake?.();
  }

  private placeOf({ promptId, index }: { readonly promptId: string; readonly index: number }): number {
    return this.waiting.findIndex(
      (other) => !("kind" in other) && other.promptId === promptId && other.index === index,
    );
  }

  /** Resolves once there is something to take. */
  filled(): Promise<void> {
    return this.waiting.length > 0
      ? Promise.resolve()
      : new Promise<void>((resolve) => {
          this.wake = resolve;
        });
  }

  /** Takes what waits, one by one. */
  *take(): Generator<AnswerEvent> {
    for (let next = this.waiting.shift(); next; next = this.waiting.shift())
      yield "kind" in next ? next : this.eventOf(next);
  }

  private eventOf({ promptId, index, length, logProb, logProbs, text }: DrawnSoFar): DrawnEvent {
    const key = keyOf({ promptId, index });
    const since = logProbs.slice(this.told.get(key) ?? 0, length);
    this.told.set(key, length);
    return { kind: "drawn", promptId, index, length, logProb, logProbs: since, text };
  }
}

function keyOf({ promptId, index }: { readonly promptId: string; readonly index: number }): string {
  return `${index} ${promptId}`;
}
