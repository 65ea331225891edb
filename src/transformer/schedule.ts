/** What a schedule needs to know of a request. */
export interface Scheduled {
  readonly prompt: readonly number[];
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
export class Schedule<R extends Scheduled> {
  private readonly iterator: Iterator<R>;
  private readonly ahead: R[] = [];
  private lanes: Lane<R>[] = [];

  constructor(requests: Iterable<R>) {
    this.iterator = requests[Symbol.iterator]();
  }

  /** The first request's run of equal prompts and the number of requests, both counted up to `limit`. */
  look(limit: number): { readonly run: number; readonly total: number } {
    let total = 0;
    let run = 0;
    for (let next = this.peek(0); next && total < limit; next = this.peek(total)) {
      if (total === run && samePrompt(next.prompt, this.ahead[0]!.prompt)) run++;
      total++;
    }
    return { run, total };
  }

  /** Sets the number of groups, all idle. */
  open(groups: number): void {
    this.lanes = Array.from({ length: groups }, () => ({ prompt: [], backlog: [] }));
  }

  /** The next request for a group whose prompt stays as it is; undefined when its prompt has none left. */
  next(group: number): R | undefined {
    return this.lanes[group]!.backlog.shift();
  }

  /** Gives an idle group a prompt, from the source or from the longest backlog; undefined when there is no work. */
  reopen(group: number): readonly number[] | undefined {
    const lane = this.lanes[group]!;
    const first = this.peek(0);
    if (first) {
      lane.prompt = first.prompt;
      for (let next = this.peek(0); next && samePrompt(next.prompt, lane.prompt); next = this.peek(0)) {
        lane.backlog.push(this.ahead.shift()!);
      }
      return lane.prompt;
    }
    const longest = this.lanes.reduce((best, other) =>
      other.backlog.length > best.backlog.length ? other : best,
    );
    if (longest.backlog.length === 0) return undefined;
    lane.prompt = longest.prompt;
    lane.backlog.push(...longest.backlog.splice(Math.floor(longest.backlog.length / 2)));
    return lane.prompt;
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

function samePrompt(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((token, i) => token === b[i]));
}
