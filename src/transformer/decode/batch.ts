import { tokenUniform } from "../../core/random.js";
import { joinRecords } from "../../core/join-records.js";
import type { BufferFeed, Tensor } from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import { placesAtWork, remainder, type CacheLayout, type Relayout } from "./batch-layout.js";
import {
  isCancelled,
  type Draw,
  type DrawOptions,
  type DrawRequest,
  type DrawSettings,
} from "./draw-request.js";
import { drawOf, newRow, stepToken, type Finished, type Row } from "./batch-row.js";
import { KeptRows } from "./kept-rows.js";
import type { KeyValueCache } from "./key-value-cache.js";
import { leastLog } from "./least-log.js";
import type { Narrowed } from "./narrowed.js";
import type { PrefixPasses } from "./prefix-passes.js";
import { samePrompt } from "./schedule.js";
import type { Runs } from "./whole-session.js";

/** Compiled graphs of one model, and the adapter to run them with. */
export interface SamplerSessions extends PrefixPasses {
  /** The decoding step for rows that need no more than this. */
  decode(needs: StepNeeds): Promise<Runs>;
  readonly cacheFactory: (layout: CacheLayout) => KeyValueCache;
}

/**
 * What the rows of a step need beyond the model's own distribution: a temperature other than 1 (with which the step also tells under what
 * probability tokens were drawn), limits on the tokens.
 */
export interface StepNeeds extends Narrowed {
  readonly temperature: boolean;
}

/** Where a batch gets its work from. */
export interface Work<T> {
  /** The next request for a group whose prompt stays as it is; undefined when there is none. */
  next(group: number, prompt: readonly number[]): DrawRequest<T> | undefined;
  /** Gives an idle group a prompt; undefined when there is no work for it. */
  reopen(group: number): readonly number[] | undefined;
}

/** Responses of full length that may be kept for each row that draws one, and bytes that may be kept in any case. */
const KEPT_PER_ROW = 4;
const KEPT_BYTES = 2 ** 28;

interface Group<T> {
  prompt: readonly number[];
  readonly rows: (Row<T> | undefined)[];
}

/** The rows at work, their cache, and the step that extends each by one token. */
export class Batch<T> {
  private groups: Group<T>[];
  private readonly cache: KeyValueCache;
  private readonly kept = new KeptRows();
  /** The most rows that were at work on responses which others go on from, and the most tokens that these were to have. */
  private readonly branching = { rows: 0, tokens: 0 };

  /** @param keptBytes what may be kept at most of rows that others go on from. */
  constructor(
    private readonly sessions: SamplerSessions,
    private readonly config: ModelConfig,
    private shape: CacheLayout,
    private readonly options: DrawOptions<T>,
    private readonly keptBytes = Infinity,
  ) {
    this.groups = Array.from({ length: shape.groups }, () => ({
      prompt: [],
      rows: Array.from({ length: shape.rows }, () => undefined),
    }));
    this.cache = sessions.cacheFactory(shape);
  }

  get layout(): CacheLayout {
    return this.shape;
  }

  /** By group and row, which are at work. */
  get busy(): boolean[][] {
    return this.groups.map(({ rows }) => rows.map((row) => row !== undefined));
  }

  /** How many rows are at work. */
  get atWork(): number {
    return this.busy.flat().filter(Boolean).length;
  }

  /** By group, the prompt that its rows are at work on; undefined where none is. */
  get prompts(): (readonly number[] | undefined)[] {
    return this.groups.map(({ prompt, rows }) =>
      rows.some((row) => row !== undefined) ? prompt : undefined,
    );
  }

  /** Frees the rows of requests that were cancelled, then gives free rows their next ones. @returns whether any row is at work. */
  async admit(work: Work<T>): Promise<boolean> {
    this.forEachRow(({ request, settings }, _, free) => {
      if (!isCancelled(request)) return;
      free();
      settings.dropped?.(request.tag);
    });
    const opened: number[] = [];
    let busy = false;
    this.groups.forEach((group, g) => {
      let working = this.fill(group, () => work.next(g, group.prompt));
      for (let prompt; !working && (prompt = work.reopen(g));) {
        group.prompt = prompt;
        working = this.fill(group, () => work.next(g, group.prompt));
        if (working) opened.push(g);
      }
      busy ||= working;
    });
    if (opened.length > 0) await this.openGroups(opened);
    await this.restore();
    return busy;
  }

  /** Gives new rows what was kept of the responses that they go on from. */
  private async restore(): Promise<void> {
    const found: { readonly row: Row<T>; readonly i: number }[] = [];
    let branching = 0;
    this.forEachRow((row, i) => {
      if (!row.request.replay) return;
      this.branching.rows = Math.max(this.branching.rows, ++branching);
      const asked = Math.max(row.settings.maxTokens, this.options.maxTokens);
      this.branching.tokens = Math.max(this.branching.tokens, asked);
      if (row.behind === 0 && row.tokens.length === 0 && row.request.replay.length > 0)
        found.push({ row, i });
    });
    for (const { row, i } of found) {
      const { prompt, promptKey, replay = [] } = row.request;
      const kept = this.kept.find(promptKey, prompt, replay);
      if (!kept) continue;
      // What the longest row has is there after this as before.
      await this.cache.reserve(Math.max(this.longest(), kept.steps - 1), this.options.maxTokens);
      await this.cache.copyIn(Math.floor(i / this.shape.rows), i % this.shape.rows, kept.entry, kept.steps);
      row.behind = kept.steps;
    }
  }

  /** Bytes that may be kept: of what is known to go on, its like that may come in its place, and some that will not be asked for. */
  private keepable(): number {
    const { layers, kvHeads, headDim } = this.config;
    const { rows, tokens } = this.branching;
    const wanted = KEPT_PER_ROW * rows * tokens * 2 * layers * kvHeads * headDim * 4;
    return Math.min(this.keptBytes, Math.max(KEPT_BYTES, wanted));
  }

  /** Keeps what a row that has finished has computed, for requests that go on from it. */
  private async keep(row: Row<T>, i: number): Promise<void> {
    const { prompt, promptKey, replay } = row.request;
    if (!replay) return;
    const { rows } = this.shape;
    const copy = await this.cache.copyOut(Math.floor(i / rows), i % rows, row.behind);
    await this.kept.add(promptKey, prompt, [...replay, ...row.tokens], copy, this.keepable());
  }

  /** Puts requests on a group's free rows. @returns whether any of its rows is at work. */
  private fill({ rows }: Group<T>, next: () => DrawRequest<T> | undefined): boolean {
    let working = false;
    for (let r = 0; r < rows.length; r++) {
      if (rows[r] === undefined) {
        let request = next();
        for (; request && isCancelled(request); request = next())
          this.settingsOf(request).dropped?.(request.tag);
        if (request) {
          const settings = this.settingsOf(request);
          rows[r] = newRow(request, settings);
        }
      }
      working ||= rows[r] !== undefined;
    }
    return working;
  }

  private settingsOf({ settings }: DrawRequest<T>): DrawSettings<T> {
    return settings ? { ...this.options, ...settings } : this.options;
  }

  /** Computes the keys and values of new prompts; the last token is left for the first step, which needs its output. */
  private async openGroups(opened: readonly number[]): Promise<void> {
    const prefixes = opened.map((group) => ({ group, tokens: this.groups[group]!.prompt.slice(0, -1) }));
    await this.cache.fillPrefixes(prefixes, this.sessions);
  }

  /** Lays the rows that are at work together, where that makes the batch half as large or smaller. @returns whether it did. */
  async shrink(): Promise<boolean> {
    // Groups of one prompt go by the first of them.
    const prompts = this.groups.map(({ prompt }) =>
      this.groups.findIndex((group) => samePrompt(group.prompt, prompt)),
    );
    const left = remainder(this.shape, this.busy, prompts);
    if (left) await this.relay(left);
    return left !== undefined;
  }

  /** Shortens the caches where half their length would do: a long prompt or response may have come and gone. @returns whether it did. */
  async shorten(): Promise<boolean> {
    if (!this.cache.isTooLong(this.longest(), this.longestPrefix())) return false;
    const rows = placesAtWork(this.busy);
    await this.relay({ layout: this.shape, groups: this.groups.map((_, g) => g), rows });
    return true;
  }

  /** Puts the rows that are at work into another layout. */
  async relay(next: Relayout): Promise<void> {
    await this.cache.relay(next, this.longest(), this.longestPrefix());
    const old = this.groups.flatMap(({ rows }) => rows);
    this.shape = next.layout;
    this.groups = Array.from({ length: next.layout.groups }, (_, g) => {
      const from = this.groups[next.groups[g] ?? -1];
      const places = next.rows[g] ?? [];
      const rows = Array.from({ length: next.layout.rows }, (__, r) => old[places[r] ?? -1]);
      // What an idle group holds of its last prompt may have been cut off.
      return { prompt: from && places.length > 0 ? from.prompt : [], rows };
    });
  }

  /** Tokens behind the longest row. */
  private longest(): number {
    return Math.max(...this.groups.flatMap(({ rows }) => rows.map((row) => row?.behind ?? 0)));
  }

  private longestPrefix(): number {
    return Math.max(0, ...this.prompts.map((prompt) => (prompt?.length ?? 1) - 1));
  }

  /** Extends every row by one token. @returns the responses that are finished with it. */
  async step(): Promise<Draw<T>[]> {
    await this.cache.reserve(this.longest(), this.options.maxTokens);
    const { needs, feeds } = this.rowFeeds();
    const steps = this.groups.map(({ rows }) => rows.map((row) => row?.behind));
    const session = await this.sessions.decode(needs);
    const output = await session.run(
      joinRecords<Tensor | BufferFeed>(
        feeds,
        this.cache.feeds(
          this.groups.map(({ prompt }) => prompt.length - 1),
          steps,
        ),
        this.sessions.adapter?.feeds,
      ),
      {
        fetch: ["token", "logProb", "certainty", ...(needs.temperature ? ["drawnLogProb"] : [])],
        stores: this.cache.stores(steps),
      },
    );
    const finished = this.advance(output);
    for (const { row, i } of finished) await this.keep(row, i);
    return finished.map(({ draw }) => draw);
  }

  /** What a step is told of each row. */
  private rowFeeds(): { readonly needs: StepNeeds; readonly feeds: Record<string, Tensor> } {
    const { groups, rows } = this.shape;
    const count = groups * rows;
    const ids = new Int32Array(count);
    const positions = new Int32Array(count);
    const uniforms = new Float32Array(count);
    const temperatures = new Float32Array(count).fill(1);
    const topPs = new Float32Array(count).fill(1);
    const leastLogs = new Float32Array(count).fill(leastLog(1, this.config.vocabSize));
    const minPs = new Float32Array(count);
    const needs = { temperature: false, topP: false, minP: false };
    this.forEachRow((row, i) => {
      const { prompt, promptKey, index, given = 0 } = row.request;
      const { settings, behind } = row;
      const { greedy = false, seed, temperature, narrowing: { topP = 1, minP = 0 } = {} } = settings;
      ids[i] = behind === 0 ? prompt[prompt.length - 1]! : stepToken(row, behind - 1);
      positions[i] = prompt.length - 1 + behind;
      uniforms[i] = greedy ? -1 : tokenUniform(seed, promptKey, index, given + behind);
      if (greedy) return;
      temperatures[i] = temperature;
      needs.temperature ||= temperature !== 1;
      topPs[i] = topP;
      leastLogs[i] = leastLog(topP, this.config.vocabSize);
      needs.topP ||= topP < 1;
      minPs[i] = minP;
      needs.minP ||= minP > 0;
    });
    const dims = [groups, rows];
    const floats = (data: Float32Array): Tensor => ({ type: "float32", dims, data });
    const feeds: Record<string, Tensor> = {
      ids: { type: "int32", dims, data: ids },
      positions: { type: "int32", dims, data: positions },
      uniforms: floats(uniforms),
      ...(needs.temperature && { temperature: floats(temperatures) }),
      ...(needs.topP && { topP: floats(topPs), leastLog: floats(leastLogs) }),
      ...(needs.minP && { minP: floats(minPs) }),
    };
    return { needs, feeds };
  }

  private advance(output: Record<string, Tensor>): Finished<T>[] {
    const tokens = output["token"]!.data as Int32Array;
    const logProbs = output["logProb"]!.data as Float32Array;
    const certainties = output["certainty"]!.data as Float32Array;
    const drawn = output["drawnLogProb"]?.data as Float32Array | undefined;
    const finished: Finished<T>[] = [];
    this.forEachRow((row, i, free) => {
      const { tag, given = 0, replay = [] } = row.request;
      // What comes of a step over a token that is replayed is known.
      if (++row.behind <= replay.length) return;
      const token = tokens[i]!;
      row.tokens.push(token);
      row.logProbs.push(logProbs[i]!);
      row.certainties.push(certainties[i]!);
      row.logProb += logProbs[i]!;
      row.drawnLogProbs?.push(drawn![i]!);
      row.drawnLogProb += row.drawnLogProbs ? drawn![i]! : logProbs[i]!;
      const { maxTokens, abandon, ends, watch, dropped } = row.settings;
      const stop = this.config.eosTokenIds.includes(token) || ends?.(tag, row) === true;
      if (stop || given + row.behind >= maxTokens) {
        finished.push({ row, i, draw: drawOf(row, stop ? "stop" : "length") });
        free();
        return;
      }
      watch?.(tag, row);
      if (!abandon?.(tag, row.tokens.length, row.logProb, row.drawnLogProb)) return;
      free();
      dropped?.(tag);
    });
    return finished;
  }

  private forEachRow(visit: (row: Row<T>, i: number, free: () => void) => void): void {
    this.groups.forEach(({ rows }, g) => {
      rows.forEach((row, r) => {
        if (row) visit(row, g * this.shape.rows + r, () => (rows[r] = undefined));
      });
    });
  }

  async dispose(): Promise<void> {
    await this.kept.dispose();
    await this.cache.dispose();
  }
}
