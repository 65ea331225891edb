import { InterruptedError } from "../../core/errors.js";
import { joinRecords } from "../../core/join-records.js";
import type { BufferFeed, Tensor } from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import { exactLayout, type CacheLayout } from "./batch-layout.js";
import type { SamplerSessions } from "./batch.js";
import type { Draw, DrawRequest } from "./draw-request.js";
import { EMPTY_BEAM, extendBeam, found, type Continuations, type Hypothesis } from "./hypotheses.js";
import type { KvCacheType } from "./cache-inputs.js";
import type { KeyValueCache } from "./key-value-cache.js";
import { rowsThatFit } from "./rows-that-fit.js";
import type { Runs } from "./whole-session.js";

/** Compiled graphs of one model, and the adapter to run them with. */
export interface BeamSessions extends Omit<SamplerSessions, "decode"> {
  /** The step that names each row's likeliest tokens (`beamGraph`). */
  step(): Promise<Runs>;
}

/** What all searches of a call have in common. */
export interface BeamOptions {
  /** Hypotheses kept of each prompt, at least 1. */
  readonly width: number;
  readonly maxTokens: number;
  /** Rows decoded at once; fewer where `bytes` do not hold their caches. */
  readonly rows: number;
  readonly bytes?: () => number;
  /** How they are held, for that. Default: float32. */
  readonly kvCache?: KvCacheType | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The search for one prompt: a group of rows. */
interface Search<T> {
  readonly request: BeamRequest<T>;
  beam: readonly Hypothesis[];
  /** By row, the place in the beam of the unfinished hypothesis that it extends. */
  rows: readonly number[];
}

type BeamRequest<T> = Pick<DrawRequest<T>, "tag" | "prompt">;

/**
 * Beam search (`extendBeam`) over prompts, many at once: each prompt's hypotheses are the rows of a group, which share its keys and
 * values; a group whose search is over takes the next prompt. Width 1 is what `draw` gives as greedy, to the bit: the rows are laid out
 * alike. Yields the likeliest hypothesis of each prompt, in order of completion.
 * @throws InterruptedError when the signal fires.
 */
export async function* beamSearch<T>(
  sessions: BeamSessions,
  config: ModelConfig,
  requests: readonly BeamRequest<T>[],
  options: BeamOptions,
): AsyncGenerator<Draw<T>> {
  if (requests.length === 0) return;
  const layout = layoutOf(config, requests, options);
  const batch = new BeamBatch(sessions, config, layout, [...requests], options);
  try {
    while (await batch.admit()) {
      options.signal?.throwIfAborted();
      yield* await batch.step();
    }
  } catch (error) {
    if (options.signal?.aborted) throw new InterruptedError("Beam search was stopped.", { cause: error });
    throw error;
  } finally {
    await batch.dispose();
  }
}

function layoutOf<T>(
  config: ModelConfig,
  requests: readonly BeamRequest<T>[],
  { width, maxTokens, rows, bytes, kvCache }: BeamOptions,
): CacheLayout {
  const prompt = Math.max(...requests.map((request) => request.prompt.length));
  const lengths = { prompt, sharing: width, response: maxTokens, kvCache };
  const fitting = bytes === undefined ? rows : rowsThatFit(config, rows, lengths, bytes());
  const groups = Math.max(1, Math.min(requests.length, Math.floor(fitting / width)));
  return exactLayout(groups, width);
}

/** The searches that are under way, and their cache. */
class BeamBatch<T> {
  private readonly searches: (Search<T> | undefined)[];
  private readonly cache: KeyValueCache;

  constructor(
    private readonly sessions: BeamSessions,
    private readonly config: ModelConfig,
    private readonly layout: CacheLayout,
    private readonly waiting: BeamRequest<T>[],
    private readonly options: BeamOptions,
  ) {
    this.searches = Array.from({ length: layout.groups }, () => undefined);
    this.cache = sessions.cacheFactory(layout);
  }

  /** Gives idle groups the next prompts. @returns whether any search is under way. */
  async admit(): Promise<boolean> {
    const opened = this.searches.flatMap((search, group) => {
      const request = search === undefined ? this.waiting.shift() : undefined;
      if (request === undefined) return [];
      this.searches[group] = { request, beam: EMPTY_BEAM, rows: [0] };
      return [{ group, tokens: request.prompt.slice(0, -1) }];
    });
    if (opened.length > 0) await this.cache.fillPrefixes(opened, this.sessions);
    return this.searches.some((search) => search !== undefined);
  }

  /** Extends every hypothesis by one token. @returns what is found with it. */
  async step(): Promise<Draw<T>[]> {
    const steps = this.searches.map((search) =>
      Array.from({ length: this.layout.rows }, (_, r) => tokensOf(search, r)?.length),
    );
    await this.cache.reserve(longestOf(steps), this.options.maxTokens);
    const session = await this.sessions.step();
    const output = await session.run(
      joinRecords<Tensor | BufferFeed>(
        this.rowFeeds(),
        this.cache.feeds(
          this.searches.map((search) => (search?.request.prompt.length ?? 0) - 1),
          steps,
        ),
        this.sessions.adapter?.feeds,
      ),
      { fetch: ["tokens", "logProbs", "certainty"], stores: this.cache.stores(steps) },
    );
    const { drawn, from } = this.advance(output);
    await this.cache.replace(from, longestOf(steps) + 1);
    return drawn;
  }

  private rowFeeds(): Record<string, Tensor> {
    const { groups, rows } = this.layout;
    const ids = new Int32Array(groups * rows);
    const positions = new Int32Array(groups * rows);
    this.searches.forEach((search, g) =>
      search?.rows.forEach((_, r) => {
        const { prompt } = search.request;
        const tokens = tokensOf(search, r)!;
        ids[g * rows + r] = tokens.at(-1) ?? prompt.at(-1)!;
        positions[g * rows + r] = prompt.length - 1 + tokens.length;
      }),
    );
    const dims = [groups, rows];
    return { ids: { type: "int32", dims, data: ids }, positions: { type: "int32", dims, data: positions } };
  }

  /** @returns also, by group and row, which row of before each row goes on from. */
  private advance(output: Readonly<Record<string, Tensor>>): {
    readonly drawn: Draw<T>[];
    readonly from: number[][];
  } {
    const drawn: Draw<T>[] = [];
    const { rows } = this.layout;
    const ends = (tokens: readonly number[]): boolean => this.config.eosTokenIds.includes(tokens.at(-1)!);
    const from = this.searches.map((search, g): number[] => {
      if (search === undefined) return [];
      const extended = extendBeam(
        search.beam,
        (place) => continuationsAt(output, g * rows + search.rows.indexOf(place)),
        { ...this.options, ends },
      );
      const beam = extended.map(({ hypothesis }) => hypothesis);
      const best = found(beam);
      if (best) {
        const { tokens, logProbs, certainties, finish } = best;
        drawn.push({ tag: search.request.tag, tokens, logProbs, certainties, finish: finish! });
        this.searches[g] = undefined;
        return [];
      }
      const open = beam.flatMap(({ finish }, place) => (finish ? [] : [place]));
      const { places, from } = seated(open, (place) => search.rows.indexOf(extended[place]!.parent));
      search.beam = beam;
      search.rows = places;
      return from;
    });
    return { drawn, from };
  }

  async dispose(): Promise<void> {
    await this.cache.dispose();
  }
}

/**
 * Gives hypotheses rows, as many as they are: each row that others go on from to one of these, so that it need not be copied.
 * @param open their places in the beam. @param parentOf the row that one goes on from.
 * @returns by row, whose it is, and the row that it goes on from: itself, or one that goes on itself or is idle from now on.
 */
function seated(
  open: readonly number[],
  parentOf: (place: number) => number,
): { readonly places: number[]; readonly from: number[] } {
  const waiting = new Set(open);
  const rows = open.map((_, row) => {
    const place = open.find((own) => waiting.has(own) && parentOf(own) === row);
    if (place !== undefined) waiting.delete(place);
    return place;
  });
  const others = waiting.values();
  const places = rows.map((place) => place ?? others.next().value!);
  return { places, from: places.map(parentOf) };
}

/** What a row has behind it; undefined where it is idle. */
function tokensOf<T>(search: Search<T> | undefined, row: number): readonly number[] | undefined {
  const place = search?.rows[row];
  return place === undefined ? undefined : search!.beam[place]!.tokens;
}

function longestOf(steps: readonly (readonly (number | undefined)[])[]): number {
  return Math.max(0, ...steps.flatMap((group) => group.map((behind) => behind ?? 0)));
}

/** What a step says of one of its rows. */
function continuationsAt(output: Readonly<Record<string, Tensor>>, row: number): Continuations {
  const { tokens, logProbs, certainty } = output as Record<"tokens" | "logProbs" | "certainty", Tensor>;
  const count = tokens.dims.at(-1)!;
  return {
    next: Array.from({ length: count }, (_, k) => ({
      token: (tokens.data as Int32Array)[row * count + k]!,
      logProb: (logProbs.data as Float32Array)[row * count + k]!,
    })),
    certainty: (certainty.data as Float32Array)[row]!,
  };
}
