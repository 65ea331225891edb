import { Engine, type Graph, type Session } from "../graph/index.js";
import { adapterFeeds, checkAdapter, zeroAdapter, type AdapterFeeds } from "./decoder/adapter-feeds.js";
import {
  beamGraph,
  decodeGraph,
  entropyGraph,
  likeliestGraph,
  prefixGraph,
  scoreGraph,
  type PolicyGraphOptions,
} from "./decode/decode-graph.js";
import { extendGraph } from "./decode/extend-graph.js";
import { windowHides } from "./decoder/attention.js";
import { inBlocks } from "./decode/long-prompt.js";
import type { PrefixPasses } from "./decode/prefix-passes.js";
import { PrefixStore, type PrefixCounts } from "./decode/prefix-store.js";
import type { KvCacheType } from "./decode/cache-inputs.js";
import { KeyValueCache } from "./decode/key-value-cache.js";
import type { LikelyToken } from "./decode/likeliest.js";
import { passOver } from "./decode/pass-over.js";
import { wholeGraph } from "./decode/whole-graph.js";
import { wholeSessions, type Runs, type WholeSessions } from "./decode/whole-session.js";
import { makeBytesExact } from "./decoder/exact-bytes.js";
import type { HeldWeights } from "./decoder/hold.js";
import type { RoundedMatrix } from "./decoder/quantize.js";
import { openRows, type FileRows } from "./format/gguf/rows.js";
import type { Model } from "./model.js";
import type { LoraAdapter } from "./format/peft.js";
import { ordinaryLength } from "./decoder/rotary.js";
import type { RuntimeOptions } from "./runtime-options.js";
import { UsageError } from "../core/errors.js";
import { memoryLeft } from "../core/free-memory.js";
import type { Source } from "../core/source.js";
import type { SamplerSessions, StepNeeds } from "./decode/batch.js";
import type { Narrowed } from "./decode/narrowed.js";
import type { Draw, DrawOptions, DrawRequest } from "./decode/draw-request.js";
import { beamSearch, type BeamOptions } from "./decode/beam.js";
import { draw } from "./decode/sampler.js";
import type { TokenPair } from "./decoder/packing.js";

const NOT_NARROWED: Narrowed = { topP: false, minP: false };
/** The longest rotary table that is made when a model would allow for more. */
const LONGEST = 8192;
/** Beams up to this width share a graph: each graph has the weights packed anew. */
const NARROW = 8;
/** Graphs whose values are small: compiling them is most of what comes before a first token. */
const UNPLANNED = /^(?:decode|prefix|extend)/;

/** Scores of one response: log π and KL(uniform ‖ p) of each of its tokens, at temperature 1, in nats. */
export interface ScoredTokens {
  readonly logProbs: Float32Array;
  readonly certainties: Float32Array;
}

/** Of the likeliest tokens at a position, how many are looked for. */
export const MOST_LIKELY = 20;

/**
 * A model with its engine. Graphs are compiled when they are first needed, once without adapters and once for each set
 * of target modules; that second set serves the base (B = 0) and all adapters.
 */
export class Runtime {
  readonly engine: Engine;
  /** The longest sequence, prompt and response, in tokens. */
  readonly maxLength: number;
  private readonly sessions = new Map<string, Promise<Session>>();
  /** The model's, as this processor multiplies with them. */
  private readonly quantized: Map<string, RoundedMatrix>;
  private exact: Promise<void> | undefined;
  private embeddings: FileRows | undefined;
  private readonly lone: boolean;
  private readonly kvCache: KvCacheType;
  private readonly notice: RuntimeOptions["notice"];
  /** What trainers of the model are told of memory. */
  readonly forTraining: Pick<RuntimeOptions, "memory" | "checkpointing">;
  /** Prompts' keys and values that are kept, of the model without adapters. */
  private readonly prefixes: PrefixStore | undefined;

  /** @throws UsageError if `maxLength` is beyond what the model takes. */
  constructor(
    readonly model: Model,
    {
      maxLength,
      memory,
      checkpointing,
      prefixBytes: maxBytes = 0,
      loneRow = false,
      kvCache = "float32",
      notice,
      ...options
    }: RuntimeOptions = {},
  ) {
    const { maxPositions } = model.config;
    this.quantized = new Map(model.quantized);
    if (maxLength !== undefined && maxLength > maxPositions)
      throw new UsageError(
        `sequences of ${maxLength} tokens are asked for, and ${model.name} takes at most ${maxPositions}`,
      );
    this.maxLength = maxLength ?? ordinaryLength(model.config, LONGEST);
    this.forTraining = { memory, checkpointing };
    this.lone = loneRow;
    this.kvCache = kvCache;
    this.notice = notice;
    this.engine = new Engine(options);
    if (maxBytes > 0)
      this.prefixes = new PrefixStore(
        this.engine,
        model.config,
        { maxLength: this.maxLength, maxBytes },
        kvCache,
      );
  }

  /** What prompts' keys and values that are kept have done; undefined where none are. */
  get prefixCounts(): PrefixCounts | undefined {
    return this.prefixes?.counts;
  }

  private session(
    kind: string,
    adapter: Pick<AdapterFeeds, "targetModules" | "replaced"> | undefined,
    build: () => Graph,
  ): Promise<Session> {
    const key = [kind, adapter?.targetModules, adapter?.replaced].join(":");
    const known = this.sessions.get(key);
    if (known) return known;
    // A decoding step has few rows, and products of few rows need packed weights; those of whole sequences gain little.
    const constants = kind.startsWith("decode") ? "packed" : "shared";
    const planned = !UNPLANNED.test(kind);
    const made = (this.exact ??= makeBytesExact(this.engine, this.quantized, this.notice)).then(() =>
      this.engine.session(build(), { constants, planned }),
    );
    this.sessions.set(key, made);
    // What failed once (for want of memory, say) may be tried again.
    made.catch(() => this.sessions.delete(key));
    return made;
  }

  /**
   * Uploads an adapter; several can be resident.
   * @throws ModelError when it does not fit the model.
   */
  async adapter(adapter: LoraAdapter): Promise<AdapterFeeds> {
    checkAdapter(this.model.config, adapter);
    return adapterFeeds(this.engine, adapter);
  }

  /** Uploads the adapter that changes nothing. */
  zeroAdapter(targetModules: readonly string[]): Promise<AdapterFeeds> {
    return this.adapter(zeroAdapter(this.model.config, targetModules));
  }

  /** The session of a model whose weights are held once, as the three that others have. */
  private async whole(
    held: HeldWeights,
    adapter: AdapterFeeds | undefined,
    narrowing: Narrowed = NOT_NARROWED,
  ): Promise<WholeSessions> {
    const { config } = this.model;
    const { quantized } = held;
    const options = { ...this.graphOptions(adapter), quantized, narrowing };
    const session = await this.session(`decode all${nameOf(narrowing)}`, adapter, () =>
      wholeGraph(config, held.weights, options),
    );
    this.embeddings ??= openRows(held.embeddings);
    const { maxLength, kvCache } = this;
    return wholeSessions(session, config, this.embeddings, { maxLength, narrowing, kvCache });
  }

  /**
   * Begins to compile what a draw needs first, so that what it waits for besides (its prompts' tokens, for which the tokenizer is built at
   * its first use) is done meanwhile. What goes wrong is thrown by the draw, which tries again.
   */
  prepare({ narrowing }: Pick<DrawOptions<unknown>, "narrowing">, adapter?: AdapterFeeds): void {
    const passes = this.forPrompts(adapter, limitedBy(narrowing));
    void (this.prefixes ? passes.extend() : passes.prefix()).catch(() => undefined);
  }

  /** Draws responses; see `draw`. `adapter` absent: the base, by graphs without adapters. */
  draw<T>(
    requests: Source<DrawRequest<T>>,
    options: DrawOptions<T>,
    adapter?: AdapterFeeds,
  ): AsyncGenerator<Draw<T>> {
    const { config, weights, held } = this.model;
    const graphOptions = this.graphOptions(adapter);
    // Weights that are held once are so by one session, as far as all requests are known to be drawn alike.
    const all = limitedBy(options.narrowing);
    const decode = async (needs: StepNeeds): Promise<Runs> => {
      if (held) {
        const both = { topP: needs.topP || all.topP, minP: needs.minP || all.minP };
        return (await this.whole(held, adapter, both)).decode;
      }
      const kind = `${needs.temperature ? "decode at a temperature" : "decode"}${nameOf(needs)}`;
      return this.session(kind, adapter, () =>
        decodeGraph(config, weights, { ...graphOptions, narrowing: needs }, !needs.temperature),
      );
    };
    return draw({ decode, ...this.forPrompts(adapter, all) }, config, requests, {
      bytes: () => this.bytesForCaches(),
      kvCache: this.kvCache,
      lone: this.lone,
      ...options,
    });
  }

  /** Searches for likely responses; see `beamSearch`. Not of a model whose weights are held as they came. */
  beam<T>(
    requests: readonly DrawRequest<T>[],
    options: BeamOptions,
    adapter?: AdapterFeeds,
  ): AsyncGenerator<Draw<T>> {
    const { config, weights } = this.model;
    const count = Math.min(Math.max(options.width, NARROW), config.vocabSize);
    const step = (): Promise<Session> =>
      this.session(`decode beam ${count}`, adapter, () =>
        beamGraph(config, weights, this.graphOptions(adapter), count),
      );
    return beamSearch({ step, ...this.forPrompts(adapter) }, config, requests, {
      bytes: () => this.bytesForCaches(),
      kvCache: this.kvCache,
      ...options,
    });
  }

  /** What computes the keys and values of prompts, and keeps them. @param all how all requests are known to be drawn. */
  private forPrompts(
    adapter: AdapterFeeds | undefined,
    all: Narrowed = NOT_NARROWED,
  ): Omit<SamplerSessions, "decode"> {
    const { config, weights, held } = this.model;
    const options = this.graphOptions(adapter);
    const pass = async (kind: "prefix" | "extend", graphOf: () => Graph): Promise<Runs> =>
      held ? (await this.whole(held, adapter, all))[kind] : this.session(kind, adapter, graphOf);
    const passes: PrefixPasses = {
      prefix: () => pass("prefix", () => prefixGraph(config, weights, options)),
      extend: () => pass("extend", () => extendGraph(config, weights, options)),
      adapter,
    };
    const { engine, kvCache } = this;
    const hides = windowHides(config, this.maxLength);
    return {
      ...passes,
      // Tried on the CPU alone.
      inBlocks: engine.keepsBuffers ? undefined : inBlocks(passes, { engine, config, kvCache, hides }),
      cacheFactory: (layout) =>
        new KeyValueCache(this.engine, config, layout, adapter ? undefined : this.prefixes, this.kvCache),
    };
  }

  /** What memory is left beside the weights, and the graphs that are still to be compiled of them. */
  private bytesForCaches(): number {
    const { weights, held } = this.model;
    const left = memoryLeft(this.forTraining.memory);
    if ([...this.sessions.keys()].some((kind) => kind.startsWith("decode"))) return left;
    let inMemory = held?.bytes ?? 0;
    for (const { data } of weights.values()) inMemory += 2 * data.byteLength;
    for (const matrix of this.quantized.values())
      inMemory += 2 * ("bytes" in matrix ? matrix.bytes : matrix.packed).byteLength;
    return left - inMemory;
  }

  private graphOptions(adapter: AdapterFeeds | undefined): PolicyGraphOptions {
    const { quantized } = this;
    const { targetModules, replaced } = adapter ?? {};
    const { maxLength, kvCache } = this;
    const inPlace = this.engine.readsInPlace;
    return { loraModules: targetModules, replaced, quantized, maxLength, kvCache, inPlace };
  }

  /** Scores given responses, in the order given. */
  async score(pairs: readonly TokenPair[], adapter?: AdapterFeeds): Promise<ScoredTokens[]> {
    const { config, weights, held } = this.model;
    const session: Runs = held
      ? (await this.whole(held, adapter)).score
      : await this.session("score", adapter, () => scoreGraph(config, weights, this.graphOptions(adapter)));
    const [logProbs, certainties] = await passOver(session, pairs, {
      outputs: ["logProbs", "certainties"],
      config,
      adapter,
    });
    return pairs.map((_, i) => ({ logProbs: logProbs![i]!, certainties: certainties![i]! }));
  }

  /**
   * The entropy of the distribution that each token of given responses was drawn from, at temperature 1, in nats, in the order given. Not
   * of a model whose weights are held as they came, whose one graph has no such output.
   */
  async entropies(pairs: readonly TokenPair[], adapter?: AdapterFeeds): Promise<Float32Array[]> {
    const { config, weights } = this.model;
    const session = await this.session("entropies", adapter, () =>
      entropyGraph(config, weights, this.graphOptions(adapter)),
    );
    return (await passOver(session, pairs, { outputs: ["entropies"], config, adapter }))[0]!;
  }

  /**
   * The likeliest tokens at each position of given responses, the likeliest first: `MOST_LIKELY`, or as many as the vocabulary has. Not of
   * a model whose weights are held as they came, as `entropies`.
   */
  async likeliest(pairs: readonly TokenPair[], adapter?: AdapterFeeds): Promise<LikelyToken[][][]> {
    const { config, weights } = this.model;
    const count = Math.min(MOST_LIKELY, config.vocabSize);
    const session = await this.session("likeliest", adapter, () =>
      likeliestGraph(config, weights, this.graphOptions(adapter), count),
    );
    const [values, ids] = await passOver(session, pairs, {
      outputs: ["likeliest", "likeliestIds"],
      config,
      adapter,
      each: count,
    });
    return pairs.map(({ response }, i) =>
      response.map((_, at) =>
        Array.from({ length: count }, (_, rank) => ({
          token: ids![i]![at * count + rank]!,
          logProb: values![i]![at * count + rank]!,
        })),
      ),
    );
  }

  /** Ends the engine and frees every session and buffer. */
  async dispose(): Promise<void> {
    this.embeddings?.close();
    this.embeddings = undefined;
    await this.engine.dispose();
  }
}

/** Which limits all rows of a draw may have. */
const limitedBy = ({ topP = 1, minP = 0 }: DrawOptions<unknown>["narrowing"] = {}): Narrowed => ({
  topP: topP < 1,
  minP: minP > 0,
});

/** What the kind of a graph is called besides, whose rows have limits on the tokens that may be drawn. */
function nameOf({ topP, minP }: Narrowed): string {
  return `${topP ? " by topP" : ""}${minP ? " by minP" : ""}`;
}
