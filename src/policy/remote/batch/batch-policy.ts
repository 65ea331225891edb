import { DataError, InterruptedError, UsageError } from "../../../core/errors.js";
import type { Source } from "../../../core/source.js";
import { capabilities, requireAbility, type Capabilities } from "../../capabilities.js";
import { optionsOf } from "../../request-options.js";
import type {
  GreedyOptions,
  Policy,
  Prompt,
  Response,
  SampleRequest,
  SamplingOptions,
  Served,
} from "../../policy.js";
import { checkLimits, narrows } from "../../sampling-limits.js";
import { greedyAsk, identityOf, sampleAsk, toResponse } from "../asks.js";
import { dialectOf } from "../dialects/index.js";
import type { Ask, Asked, Dialect } from "../dialects/dialect.js";
import { ServerFault } from "../fault.js";
import { readReply } from "../reply.js";
import { serverKind, type ServerKind } from "../server-kinds.js";
import { Tally } from "../usage.js";
import type { BatchKind } from "./kinds.js";
import { readResults, resultFiles } from "./results.js";
import { Shards, type ShardOptions } from "./shards.js";

/** A model that is asked by files. */
export interface BatchOptions {
  /** The model's name, as the server lists it. */
  readonly model: string;
  /** Default `vllm`. */
  readonly kind?: BatchKind | undefined;
  /** As `ServersOptions.api`. */
  readonly api?: string | Dialect | undefined;
  /** Where to write the requests of what has no result; absent: it is only counted. */
  readonly requests?: ShardOptions | undefined;
  /** A file or folder of results; absent: there are none yet. */
  readonly results?: string | undefined;
}

/** What came of a batch so far. */
export interface BatchCounts {
  /** Responses that were taken. */
  taken: number;
  /** Results of a request that had one before, in the same files; the first is taken. */
  duplicates: number;
  /** Responses that have no result. */
  missing: number;
  /** Of these: results that were no response, by the reason. */
  readonly failed: Record<string, number>;
}

/** Tokens of greedy responses that are enough to tell. */
const TELLING = 8;

/** A request that is wanted, and how its response is made. */
interface Wanted {
  readonly promptId: string;
  readonly index: number;
  readonly ask: Ask;
}

/**
 * A model behind batch files, as a policy: what has a result is a response, what has none becomes a line of requests. Each
 * request is the one that `RemotePolicy` sends, with the same seed, so that what is drawn is what would be drawn online.
 *
 * Nothing is probed: log-probabilities are taken to be those at temperature 1 (vLLM's default, `raw_logprobs`), and only
 * temperature 1 is drawn at, where it makes no difference.
 */
export class BatchPolicy implements Policy {
  readonly name: string;
  readonly digest: string;
  readonly can: Capabilities;
  readonly counts: BatchCounts = { taken: 0, duplicates: 0, missing: 0, failed: {} };
  readonly #options: BatchOptions;
  readonly #dialect: Dialect;
  readonly #kind: ServerKind;
  readonly #tally = new Tally();
  readonly #shards: Shards | undefined;

  private constructor(options: BatchOptions, shards: Shards | undefined) {
    this.#dialect = dialectOf(options.api);
    this.#kind = serverKind(options.kind ?? "vllm");
    ({ name: this.name, digest: this.digest } = identityOf(options.model, this.#dialect));
    this.can = capabilities({
      greedy: true,
      messages: this.#dialect.takes === "messages",
      remedies: {
        temperatures: "draw at temperature 1, or from a server (baseUrls)",
        messages: "use the chat route, or give the prompt as plain text",
      },
    });
    this.#options = options;
    this.#shards = shards;
  }

  /** @throws RunError where the folder for requests cannot be used; DataError where there are no results. */
  static async open(options: BatchOptions): Promise<BatchPolicy> {
    if (options.results !== undefined) await resultFiles(options.results);
    return new BatchPolicy(options, options.requests && (await Shards.open(options.requests)));
  }

  /** Requests that were written, and the files that hold them. */
  get written(): { readonly requests: number; readonly files: readonly string[] } {
    return { requests: this.#shards?.requests ?? 0, files: this.#shards?.files ?? [] };
  }

  get served(): Served {
    const settings = { api: this.#dialect.name, kind: this.#kind.name, batch: true };
    const summary = `${this.name}: ${this.#kind.name}, ${this.#dialect.name}, by batch files; nothing was probed.`;
    return { settings, summary, usage: this.#tally };
  }

  async *sample(requests: Source<SampleRequest>, options: SamplingOptions): AsyncGenerator<Response> {
    checkLimits(options);
    const wanted: Wanted[] = [];
    for await (const request of requests) {
      const { prompt, index, prefix = [] } = request;
      const settings = optionsOf(request, options);
      const { temperature, greedy } = settings;
      checkLimits(settings);
      if (narrows(settings)) requireAbility(this, "temperatures", "Drawing from the likeliest tokens alone");
      if (prefix.length > 0) requireAbility(this, "continues", "A given beginning");
      if (temperature !== 1 && greedy !== true)
        requireAbility(this, "temperatures", `Drawing at temperature ${temperature}`);
      const asked = this.#asked(prompt);
      const own = { promptId: prompt.id, index };
      wanted.push({
        ...own,
        ask: greedy ? greedyAsk(asked, settings) : sampleAsk(asked, own, settings),
      });
    }
    yield* this.#take(wanted, options.signal);
  }

  async *greedy(prompts: Iterable<Prompt>, { maxTokens, signal }: GreedyOptions): AsyncGenerator<Response> {
    const wanted = Array.from(prompts, (prompt) => ({
      promptId: prompt.id,
      index: -1,
      ask: greedyAsk(this.#asked(prompt), { maxTokens }),
    }));
    // Held back until they are seen to be whole: what is 0 throughout was told after the temperature.
    const taken: Response[] = [];
    for await (const response of this.#take(wanted, signal)) taken.push(response);
    const tokens = taken.flatMap(({ logProbs }) => logProbs);
    if (tokens.length >= TELLING && tokens.every((logProb) => logProb === 0)) {
      throw new DataError(
        `The log-probabilities of all greedy responses in ${this.#options.results!} are 0: they were told after the temperature; ` +
          `draw again with ${this.#kind.name === "vLLM" ? "`vllm run-batch --logprobs-mode raw_logprobs`" : "a server that tells them before it"}.`,
      );
    }
    yield* taken;
  }

  /** Files give no prompts back. @throws UsageError always. */
  logProb(): Promise<Float64Array[]> {
    requireAbility(this, "scores", "Scoring a given response");
    throw new UsageError("Batch files score nothing.");
  }

  async dispose(): Promise<void> {
    await this.#shards?.flush();
  }

  #asked(prompt: Prompt): Asked {
    const { text, messages } = prompt;
    if (messages === undefined) return { text };
    requireAbility(this, "messages", `The conversation of the prompt "${prompt.id}"`);
    return { messages };
  }

  async *#take(all: readonly Wanted[], signal: AbortSignal | undefined): AsyncGenerator<Response> {
    const wanted = new Map(all.map((one) => [`${one.promptId}:${one.index}`, one]));
    const names = new Set(wanted.keys());
    const failed = new Map<string, string>();
    const { results } = this.#options;
    for (const file of results === undefined ? [] : await resultFiles(results)) {
      for await (const { customId, body, fault } of readResults(file)) {
        if (signal?.aborted) throw new InterruptedError("Taking the results of a batch was interrupted.");
        const one = wanted.get(customId);
        if (one === undefined) {
          if (names.has(customId)) this.counts.duplicates += 1;
          continue;
        }
        const response = fault ?? this.#responseOf(one, body);
        if (typeof response === "string") {
          failed.set(customId, response);
          continue;
        }
        wanted.delete(customId);
        failed.delete(customId);
        this.counts.taken += 1;
        yield response;
      }
    }
    for (const reason of failed.values()) this.counts.failed[reason] = (this.counts.failed[reason] ?? 0) + 1;
    this.counts.missing += wanted.size;
    for (const [name, { ask }] of this.#shards ? wanted : []) {
      if (signal?.aborted) throw new InterruptedError("Writing the requests of a batch was interrupted.");
      const body = this.#dialect.body(this.#options.model, this.#kind, ask);
      await this.#shards!.add({ custom_id: name, method: "POST", url: `/v1${this.#dialect.path}`, body });
    }
  }

  /** A response, or what is wrong with the reply. */
  #responseOf({ promptId, index, ask }: Wanted, body: unknown): Response | string {
    try {
      const models = this.#kind.name === "vLLM" ? [this.#options.model] : undefined;
      const reply = readReply(this.#dialect, body, { maxTokens: ask.maxTokens, models, ids: "optional" });
      if (reply.logProbs.length === 0) return "an empty response whose end has no log-probability";
      this.#tally.reply(this.#dialect.tokensUsed(body));
      return toResponse(promptId, index, reply);
    } catch (error) {
      if (error instanceof ServerFault) return error.message;
      throw error;
    }
  }
}
