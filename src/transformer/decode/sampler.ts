import { InterruptedError } from "../../core/errors.js";
import { tokenUniform } from "../../core/random.js";
import type { Session, Tensor } from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import type { AdapterFeeds } from "../decoder/adapter-feeds.js";
import { chooseLayout, remainder, type CacheLayout } from "./batch-layout.js";
import type { KeyValueCache } from "./key-value-cache.js";
import { Schedule } from "./schedule.js";

/** One response to draw. */
export interface DrawRequest<T> {
  /** Whatever the caller wants back with the response. */
  readonly tag: T;
  /** At least one token. Requests of one prompt that follow each other share its keys and values. */
  readonly prompt: readonly number[];
  /** Counter words that, with the seed and the position, fix every token. */
  readonly promptKey: number;
  readonly index: number;
  /**
   * How many tokens at the end of `prompt` belong to the response already: its positions and `maxTokens` count them.
   * Less than `maxTokens`. Default 0.
   */
  readonly given?: number;
}

/** A finished response. */
export interface Draw<T> {
  readonly tag: T;
  /** The end token included when `finish` is `stop`. */
  readonly tokens: readonly number[];
  /** log π of each token at temperature 1, in nats. */
  readonly logProbs: readonly number[];
  /** KL(uniform ‖ p) at each token at temperature 1, in nats. */
  readonly certainties: readonly number[];
  readonly finish: "stop" | "length";
}

export interface DrawOptions<T> {
  /** > 0; ignored when greedy. */
  readonly temperature: number;
  readonly maxTokens: number;
  readonly seed: number;
  readonly greedy?: boolean;
  /** Rows decoded at once. Default 64. */
  readonly rows?: number;
  /** At most this many rows share one copy of a prompt's keys and values. Default 16; with `abandon` 8, for short prompts 2. */
  readonly rowsPerGroup?: number;
  /** Asked after each token of an unfinished response, given ones not counted; true drops it. */
  readonly abandon?: (tag: T, length: number, logProb: number) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A row of the batch while it is at work on a response. */
interface Row<T> {
  readonly request: DrawRequest<T>;
  readonly tokens: number[];
  readonly logProbs: number[];
  readonly certainties: number[];
  logProb: number;
}

interface Group<T> {
  prompt: readonly number[];
  readonly rows: (Row<T> | undefined)[];
}

/**
 * Continuous batching over prompts: g groups of r rows; a group's rows share its prompt's keys and values. A row that
 * has finished takes the next request of the same prompt, a group whose rows have all finished takes the next prompt; when
 * there is none, the batch shrinks with the rows that are left. What is drawn depends on (seed, prompt key, index) alone, to the bit, never on what else is in the batch.
 */
export async function* draw<T>(
  sessions: SamplerSessions,
  config: ModelConfig,
  requests: Iterable<DrawRequest<T>>,
  options: DrawOptions<T>,
): AsyncGenerator<Draw<T>> {
  const schedule = new Schedule(requests);
  let batch: Batch<T> | undefined;
  try {
    const { rows = 64, rowsPerGroup: widest, abandon } = options;
    const layout = chooseLayout(schedule, { rows, widest, canDrop: abandon !== undefined });
    if (!layout) return;
    schedule.open(layout.groups);
    batch = new Batch<T>(sessions, config, layout, options);
    while (await batch.admit(schedule)) {
      options.signal?.throwIfAborted();
      if (schedule.isExhausted) await batch.shrink();
      yield* await batch.step();
    }
  } catch (error) {
    if (options.signal?.aborted) throw new InterruptedError("Sampling was stopped.", { cause: error });
    throw error;
  } finally {
    schedule.close();
    await batch?.dispose();
  }
}

/** Compiled graphs of one model, and the adapter to run them with. */
export interface SamplerSessions {
  /** The decoding step for temperature 1 (or greedy), and for any other. */
  decode(plain: boolean): Promise<Session>;
  prefix(): Promise<Session>;
  readonly adapter: AdapterFeeds | undefined;
  readonly cacheFactory: (layout: CacheLayout) => KeyValueCache;
}

/** The rows at work, their cache, and the step that extends each by one token. */
class Batch<T> {
  private groups: Group<T>[];
  private readonly cache: KeyValueCache;

  constructor(
    private readonly sessions: SamplerSessions,
    private readonly config: ModelConfig,
    private layout: CacheLayout,
    private readonly options: DrawOptions<T>,
  ) {
    this.groups = Array.from({ length: layout.groups }, () => ({
      prompt: [],
      rows: Array.from({ length: layout.rows }, () => undefined),
    }));
    this.cache = sessions.cacheFactory(layout);
  }

  /** Gives free rows their next requests. @returns whether any row is at work. */
  async admit(schedule: Schedule<DrawRequest<T>>): Promise<boolean> {
    const opened: number[] = [];
    let busy = false;
    this.groups.forEach((group, g) => {
      let working = this.fill(group, () => schedule.next(g));
      if (!working) {
        const prompt = schedule.reopen(g);
        if (prompt) {
          group.prompt = prompt;
          opened.push(g);
          working = this.fill(group, () => schedule.next(g));
        }
      }
      busy ||= working;
    });
    if (opened.length > 0) await this.openGroups(opened);
    return busy;
  }

  /** Puts requests on a group's free rows. @returns whether any of its rows is at work. */
  private fill({ rows }: Group<T>, next: () => DrawRequest<T> | undefined): boolean {
    let working = false;
    for (let r = 0; r < rows.length; r++) {
      if (rows[r] === undefined) {
        const request = next();
        if (request) rows[r] = { request, tokens: [], logProbs: [], certainties: [], logProb: 0 };
      }
      working ||= rows[r] !== undefined;
    }
    return working;
  }

  /** Computes the keys and values of new prompts; the last token is left for the first step, which needs its output. */
  private async openGroups(opened: readonly number[]): Promise<void> {
    const prefixes = opened.map((group) => ({ group, tokens: this.groups[group]!.prompt.slice(0, -1) }));
    await this.cache.fillPrefixes(prefixes, await this.sessions.prefix(), this.sessions.adapter);
  }

  /** Lays the rows that are at work together, where that makes the batch half as large or smaller. */
  async shrink(): Promise<void> {
    const left = remainder(
      this.layout,
      this.groups.map(({ rows }) => rows.map((row) => row !== undefined)),
    );
    if (left === undefined) return;
    await this.cache.keep(left, this.longest());
    this.layout = left.layout;
    this.groups = Array.from({ length: left.layout.groups }, (_, g) => {
      const from = this.groups[left.groups[g] ?? -1];
      const places = left.rows[g] ?? [];
      const rows = Array.from({ length: left.layout.rows }, (__, r) => from?.rows[places[r] ?? -1]);
      return { prompt: from?.prompt ?? [], rows };
    });
  }

  /** Tokens behind the longest row. */
  private longest(): number {
    return Math.max(...this.groups.flatMap(({ rows }) => rows.map((row) => row?.tokens.length ?? 0)));
  }

  /** Extends every row by one token. @returns the responses that are finished with it. */
  async step(): Promise<Draw<T>[]> {
    const { temperature, greedy = false } = this.options;
    const plain = greedy || temperature === 1;
    await this.cache.reserve(this.longest());
    const steps = this.groups.map(({ rows }) => rows.map((row) => row?.tokens.length));
    const session = await this.sessions.decode(plain);
    const output = await session.run(
      {
        ...this.rowFeeds(),
        ...(plain ? {} : { temperature: { type: "float32", dims: [], data: Float32Array.of(temperature) } }),
        ...this.cache.feeds(
          this.groups.map(({ prompt }) => prompt.length - 1),
          steps,
        ),
        ...this.sessions.adapter?.feeds,
      },
      { fetch: ["token", "logProb", "certainty"], stores: this.cache.stores(steps) },
    );
    return this.advance(output);
  }

  private rowFeeds(): Record<string, Tensor> {
    const { groups, rows } = this.layout;
    const ids = new Int32Array(groups * rows);
    const positions = new Int32Array(groups * rows);
    const uniforms = new Float32Array(groups * rows);
    this.forEachRow((row, i) => {
      const { prompt, promptKey, index, given = 0 } = row.request;
      const done = row.tokens.length;
      ids[i] = done === 0 ? prompt[prompt.length - 1]! : row.tokens[done - 1]!;
      positions[i] = prompt.length - 1 + done;
      uniforms[i] = this.options.greedy
        ? -1
        : tokenUniform(this.options.seed, promptKey, index, given + done);
    });
    const dims = [groups, rows];
    return {
      ids: { type: "int32", dims, data: ids },
      positions: { type: "int32", dims, data: positions },
      uniforms: { type: "float32", dims, data: uniforms },
    };
  }

  private advance(output: Record<string, Tensor>): Draw<T>[] {
    const tokens = output["token"]!.data as Int32Array;
    const logProbs = output["logProb"]!.data as Float32Array;
    const certainties = output["certainty"]!.data as Float32Array;
    const finished: Draw<T>[] = [];
    this.forEachRow((row, i, free) => {
      const token = tokens[i]!;
      row.tokens.push(token);
      row.logProbs.push(logProbs[i]!);
      row.certainties.push(certainties[i]!);
      row.logProb += logProbs[i]!;
      const { tag, given = 0 } = row.request;
      const stop = this.config.eosTokenIds.includes(token);
      if (stop || given + row.tokens.length >= this.options.maxTokens) {
        finished.push({ ...row, tag, finish: stop ? "stop" : "length" });
        free();
      } else if (this.options.abandon?.(tag, row.tokens.length, row.logProb)) free();
    });
    return finished.map(({ tag, tokens: ids, logProbs: scores, certainties: spreads, finish }) => ({
      tag,
      tokens: ids,
      logProbs: scores,
      certainties: spreads,
      finish,
    }));
  }

  private forEachRow(visit: (row: Row<T>, i: number, free: () => void) => void): void {
    this.groups.forEach(({ rows }, g) => {
      rows.forEach((row, r) => {
        if (row) visit(row, g * this.layout.rows + r, () => (rows[r] = undefined));
      });
    });
  }

  async dispose(): Promise<void> {
    await this.cache.dispose();
  }
}
