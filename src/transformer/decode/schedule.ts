import type { Lookahead } from "./batch-layout.js";

/** What a schedule needs to know of a request. */
export interface Scheduled {
  readonly prompt: readonly number[];
  /** Among the responses to its prompt. Default 0. */
  readonly index?: number;
}

/** Work of one group: rows that share a prompt take its requests one after the other. */
interface Lane<R> {
  prompt: readonly number[];
  readonly backlog: R[];
}

/**
 * Deals requests to groups. A group takes all requests of a prompt that follow each other, so that later ones can be dropped
 * on account of earlier ones; once no prompt is left, idle groups take over half of the longest backlog, so that none
 * waits while there is work. The source is pulled only as groups become free.
 */
export class Schedule<R extends Scheduled> implements Lookahead {
  private readonly iterator: Iterator<R>;
  private readonly ahead: R[] = [];
  private lanes: Lane<R>[] = [];
  /** Requests in all backlogs. */
  private waiting = 0;

  constructor(requests: Iterable<R>) {
    this.iterator = requests[Symbol.iterator]();
  }

  look(limit: number): ReturnType<Lookahead["look"]> {
    let total = 0;
    let run = 0;
    for (let next = this.peek(0); next && total < limit; next = this.peek(total)) {
      if (total === run && samePrompt(next.prompt, this.ahead[0]!.prompt)) run++;
      total++;
    }
    const several = this.ahead.slice(0, total).some(({ index = 0 }) => index > 0);
    const alone = this.ahead
      .slice(1, total)
      .every(({ prompt }, before) => !samePrompt(prompt, this.ahead[before]!.prompt));
    return { run, total, length: this.peek(0)?.prompt.length ?? 0, several, alone };
  }

  /** Sets the number of groups, all idle. */
  open(groups: number): void {
    this.lanes = Array.from({ length: groups }, () => ({ prompt: [], backlog: [] }));
  }

  /**
   * The next request for a group whose prompt stays as it is: its own, or, once no prompt is left, one of the same prompt
   * that waits for another group. Undefined when there is none.
   */
  next(group: number): R | undefined {
    // A batch that has shrunk may have more groups than before, of fewer rows.
    if (this.isExhausted) return undefined;
    const lane = this.lanes[group]!;
    if (lane.backlog.length === 0 && this.peek(0)) return undefined;
    const from =
      lane.backlog.length > 0 ? lane : this.longest(({ prompt }) => samePrompt(prompt, lane.prompt));
    const request = from?.backlog.shift();
    if (request) this.waiting--;
    return request;
  }

  /** Of the lanes chosen, the one with the longest backlog; undefined where all are empty. */
  private longest(choose: (lane: Lane<R>) => boolean): Lane<R> | undefined {
    let best: Lane<R> | undefined;
    for (const lane of this.lanes)
      if (lane.backlog.length > (best?.backlog.length ?? 0) && choose(lane)) best = lane;
    return best;
  }

  /** Gives an idle group a prompt, from the source or from the longest backlog; undefined when there is no work. */
  reopen(group: number): readonly number[] | undefined {
    if (this.isExhausted) return undefined;
    const lane = this.lanes[group]!;
    const first = this.peek(0);
    if (first) {
      lane.prompt = first.prompt;
      for (let next = this.peek(0); next && samePrompt(next.prompt, lane.prompt); next = this.peek(0)) {
        lane.backlog.push(this.ahead.shift()!);
        this.waiting++;
      }
      return lane.prompt;
    }
    const longest = this.longest(() => true)!;
    lane.prompt = longest.prompt;
    lane.backlog.push(...longest.backlog.splice(Math.floor(longest.backlog.length / 2)));
    return lane.prompt;
  }

  /** Whether every request is in some row. */
  get isExhausted(): boolean {
    return this.waiting === 0 && this.peek(0) === undefined;
  }

  private peek(offset: number): R | undefined {
    while (this.ahead.length <= offset) {
      const next = this.iterator.next();
      if (next.done) return undefined;
      this.ahead.push(next.value);
    }
    return this.ahead[offset];
  }

  /** Tells the source that no more will be asked for. */
  close(): void {
    this.iterator.return?.();
  }
}

/** Whether two prompts are the same tokens. */
export function samePrompt(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((token, i) => token === b[i]));
}
