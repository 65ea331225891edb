import { UsageError } from "../../core/errors.js";
import { requireAbility, type Capabilities } from "../capabilities.js";
import type { Source } from "../../core/source.js";
import { optionsOf } from "../request-options.js";
import type {
  FirstToken,
  GreedyOptions,
  Policy,
  Prompt,
  RequestWatcher,
  Response,
  SampleRequest,
  SamplingOptions,
  ScoreRequest,
  Served,
} from "../policy.js";
import { abilities, settingsOf, summaryOf } from "./facts.js";
import { greedyAsk, identityOf, sampleAsk, toResponse } from "./asks.js";
import { connectServers, type Server, type Servers, type ServersOptions } from "./connect.js";
import type { Connection, StopRule } from "./connection.js";
import type { Ask, Asked } from "./dialects/dialect.js";
import { atOnce, drawInParallel, inParallel, type Signals } from "./in-parallel.js";
import type { ServerFacts } from "./probe.js";
import { readReply, type Reply } from "./reply.js";
import { piecesFrom } from "../pieces.js";
import { droppedAt, type SeenRule } from "./seen-rule.js";
import { checkLimits, narrows } from "../sampling-limits.js";
import { Scorer } from "./scorer.js";
import type { ServerUsage } from "./usage.js";

/** The most that servers tell of one position. */
const FIRST_TOKENS = 20;
/** Draws of a first token, until one is not the end. */
const EMPTY_TRIES = 8;
const END_TOKEN = /^<.*>$/s;
/** Below what twenty log-probabilities' rounding leaves. */
const LEAST_LEFT = 1e-6;

/**
 * A model behind one or several OpenAI-compatible servers. One request a sample, each with a seed of its own: what is
 * drawn is drawn once, whatever fails or is interrupted in between.
 *
 * A response has token ids where every server tells them, else none; never certainties, since no server shows the whole
 * distribution. Whether a sample is a function of its seed is the server's affair: `facts.seeds` tells.
 */
export class RemotePolicy implements Policy {
  readonly name: string;
  readonly digest: string;
  readonly can: Capabilities;
  /** What the probe found out about the servers; where they differ, the weaker. */
  readonly facts: ServerFacts;
  /** The name of the protocol. */
  readonly api: string;
  readonly #options: ServersOptions;
  readonly #servers: Servers;
  readonly #scorer: Scorer;
  /** log π of an empty response, by what it goes on from: asked for once. */
  readonly #ends = new Map<string, number>();
  /** The tokens of responses as texts, and the likeliest at each position, as long as somebody has the response. */
  readonly #told = new WeakMap<Response, Pick<Reply, "pieces" | "top">>();
  #disposed = false;

  private constructor(options: ServersOptions, servers: Servers) {
    const { dialect } = servers;
    ({ name: this.name, digest: this.digest } = identityOf(options.model, dialect));
    this.api = dialect.name;
    this.facts = servers.facts;
    this.can = abilities(servers.facts, dialect, options.render !== undefined);
    this.#options = options;
    this.#servers = servers;
    this.#scorer = new Scorer(dialect, (what, ask, read, signals) => this.#send(what, ask, read, signals));
  }

  /**
   * Connects and probes. Servers that are down are left for later as long as one is up.
   * @throws ServerError where none is up, one does not have the model or lacks log-probabilities, or two differ in weights.
   */
  static async connect(options: ServersOptions): Promise<RemotePolicy> {
    return new RemotePolicy(options, await connectServers(options));
  }

  /** What has been asked of the servers so far. */
  get usage(): ServerUsage {
    return this.#servers.tally;
  }

  get served(): Served {
    const { name, facts, usage } = this;
    const { dialect } = this.#servers;
    return { settings: settingsOf(dialect, facts), summary: `${name}: ${summaryOf(dialect, facts)}`, usage };
  }

  async *sample(requests: Source<SampleRequest>, options: SamplingOptions): AsyncGenerator<Response> {
    this.#check();
    const { temperature: t } = options;
    if (t !== 1) requireAbility(this, "temperatures", `Drawing at temperature ${t}`);
    checkLimits(options);
    const draw = (request: SampleRequest, signals: Signals): Promise<Response | undefined> =>
      this.#drawOne(request, options, signals);
    yield* drawInParallel(requests, this.#servers.pool.width, draw, options.signal);
  }

  /** A response, or undefined if it was dropped. */
  async #drawOne(
    request: SampleRequest,
    options: SamplingOptions,
    signals: Signals,
  ): Promise<Response | undefined> {
    const { prompt, index, prefix = [] } = request;
    const own = optionsOf(request, options);
    const { temperature, abandon, greedy, watcher } = own;
    checkLimits(own);
    if (narrows(own)) requireAbility(this, "temperatures", "Drawing from the likeliest tokens alone");
    if (prefix.length > 0) requireAbility(this, "continues", "A given beginning");
    if (greedy) {
      requireAbility(this, "greedy", "The greedy response");
      return this.#drawGreedily(prompt, index, own, signals, watcher);
    }
    if (temperature !== 1) requireAbility(this, "temperatures", `Drawing at temperature ${temperature}`);
    const promptId = prompt.id;
    const asked = await this.#asked(prompt);
    const ask = sampleAsk(asked, { promptId, index }, own);
    // A reply that comes whole has nothing to show before its end.
    const shown = this.#options.stream === true ? watcher : undefined;
    const seen: SeenRule | undefined =
      abandon || shown?.drawn
        ? (soFar) => {
            shown?.drawn?.({ promptId, index, ...soFar });
            return abandon?.({ promptId, index, length: soFar.length, logProb: soFar.logProb }) ?? false;
          }
        : undefined;
    const reply = await this.#reply(nameOf(prompt), ask, signals, { seen, watcher });
    return reply && this.#asResponse(promptId, index, await this.#withEnd(asked, reply, signals));
  }

  async #drawGreedily(
    prompt: Prompt,
    index: number,
    limits: Pick<SamplingOptions, "maxTokens" | "stop">,
    signals: Signals,
    watcher?: RequestWatcher,
  ): Promise<Response> {
    const asked = await this.#asked(prompt);
    const reply = (await this.#reply(nameOf(prompt), greedyAsk(asked, limits), signals, { watcher }))!;
    const response = this.#asResponse(prompt.id, index, await this.#withEnd(asked, reply, signals));
    if (this.facts.greedyRaw) return response;
    const scored = await this.#score({ prompt, tokens: response.tokens }, atOnce(signals.abort));
    const raw = { ...response, logProbs: Array.from(scored) };
    this.#told.set(raw, reply);
    return raw;
  }

  async *greedy(prompts: Iterable<Prompt>, { maxTokens, signal }: GreedyOptions): AsyncGenerator<Response> {
    this.#check();
    requireAbility(this, "greedy", "The greedy response");
    const draw = (prompt: Prompt, inner: Signals): Promise<Response> =>
      this.#drawGreedily(prompt, -1, { maxTokens }, inner);
    yield* inParallel(prompts, this.#servers.pool.width, draw, signal);
  }

  /** Where every server echoes prompts with the right log-probabilities and tells token ids; @throws UsageError elsewhere. */
  async logProb(examples: readonly ScoreRequest[]): Promise<Float64Array[]> {
    this.#check();
    requireAbility(this, "scores", "Scoring a given response");
    const scored: Float64Array[] = [];
    const work = async (
      [at, example]: [number, ScoreRequest],
      signals: Signals,
    ): Promise<[number, Float64Array]> => [at, await this.#score(example, signals)];
    for await (const [at, logProbs] of inParallel(
      examples.entries(),
      this.#servers.pool.width,
      work,
      undefined,
    ))
      scored[at] = logProbs;
    return scored;
  }

  async firstTokens(prompt: Prompt): Promise<readonly FirstToken[]> {
    this.#check();
    const asked = await this.#asked(prompt);
    const ask = { prompt: asked, maxTokens: 1, temperature: 1, seed: 0, top: FIRST_TOKENS };
    const { signal } = this.#options;
    const reply = await this.#reply(nameOf(prompt), ask, signal && atOnce(signal));
    return reply?.top[0] ?? [];
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#servers.close();
  }

  #check(): void {
    if (this.#disposed) throw new UsageError(`policy ${this.name} is used after dispose(); make a new one`);
  }

  /** What a prompt is to the servers' protocol. @throws UsageError for a conversation where it takes text, and there is no template. */
  async #asked(prompt: Prompt): Promise<Asked> {
    const { text, messages } = prompt;
    if (messages === undefined) return { text };
    requireAbility(this, "messages", `The conversation of ${nameOf(prompt)}`);
    if (this.#servers.dialect.takes === "messages") return { messages };
    return { text: await this.#options.render!(messages) };
  }

  async #score({ prompt, tokens }: ScoreRequest, signals: Signals): Promise<Float64Array> {
    const asked = await this.#asked(prompt);
    return this.#scorer.score(nameOf(prompt), "text" in asked ? asked.text : prompt.text, tokens, signals);
  }

  #asResponse(promptId: string, index: number, reply: Reply): Response {
    const response = toResponse(promptId, index, reply);
    this.#told.set(response, reply);
    return response;
  }

  pieces(response: Response): readonly string[] | undefined {
    const told = this.#told.get(response);
    return told && piecesFrom(response.text, told.pieces);
  }

  async likeliest(
    _prompt: Prompt,
    response: Response,
    count: number,
  ): Promise<readonly (readonly FirstToken[])[] | undefined> {
    return this.#told.get(response)?.top.map((likeliest) => likeliest.slice(0, count));
  }

  /** A whole response, or undefined if it was dropped. */
  #reply(
    what: string,
    ask: Ask,
    signals: Signals | undefined,
    {
      seen,
      watcher,
    }: { readonly seen?: SeenRule | undefined; readonly watcher?: RequestWatcher | undefined } = {},
  ): Promise<Reply | undefined> {
    const { stream = false } = this.#options;
    const expected = { maxTokens: ask.maxTokens, ids: this.facts.tokenIds ? "required" : "none" } as const;
    const rule = (): StopRule => (seen ? droppedAt(seen) : () => false);
    const { dialect } = this.#servers;
    const read = (body: unknown, models: ServerFacts["models"]): Reply | undefined => {
      const reply = readReply(dialect, body, { ...expected, models });
      // A stream has been asked about already, piece by piece.
      return !stream && rule()(reply.logProbs, reply.text) ? undefined : reply;
    };
    return this.#send(what, ask, read, signals, { stop: stream ? rule : undefined, watcher });
  }

  /**
   * An empty response of a server that does not report end tokens gets the most that its end token's probability can be: what the
   * likeliest first tokens leave. Without it, log-likelihood would hold it for certain.
   */
  async #withEnd(prompt: Asked, reply: Reply, { abort }: Signals): Promise<Reply> {
    if (reply.logProbs.length > 0) return reply;
    const key = JSON.stringify(prompt);
    const logProb = this.#ends.get(key) ?? (await this.#endOf(prompt, abort));
    this.#ends.set(key, logProb);
    return { ...reply, logProbs: [logProb] };
  }

  async #endOf(prompt: Asked, signal: AbortSignal): Promise<number> {
    for (let seed = 0; seed < EMPTY_TRIES; seed++) {
      const ask = { prompt, maxTokens: 1, temperature: 1, seed, top: FIRST_TOKENS };
      const first = await this.#reply("the end of an empty response", ask, atOnce(signal));
      const shown = first?.top[0]?.filter(({ text }) => text !== "" && !END_TOKEN.test(text)) ?? [];
      if (shown.length === 0) continue;
      const left = 1 - shown.reduce((sum, { logProb }) => sum + Math.exp(logProb), 0);
      return Math.log(Math.max(left, LEAST_LEFT));
    }
    return 0;
  }

  async #send<R>(
    what: string,
    ask: Ask,
    read: (body: unknown, models: ServerFacts["models"]) => R | undefined,
    signals: Signals | undefined,
    {
      stop,
      watcher,
    }: {
      readonly stop?: (() => StopRule) | undefined;
      readonly watcher?: RequestWatcher | undefined;
    } = {},
  ): Promise<R | undefined> {
    const { pool, budget, tally, dialect, factsOf } = this.#servers;
    const work = async (connection: Connection, server: Server): Promise<R | undefined> => {
      const { kind, models } = await factsOf(connection, server, signals?.stop);
      if (ask.minP !== undefined && kind.neutral["min_p"] === undefined) {
        const who = kind.name === "unknown" ? "A server of a kind that we do not know" : kind.name;
        throw new UsageError(`${who} is not known to take minP (${connection.url}); leave it out.`);
      }
      const body = dialect.body(this.#options.model, kind, ask);
      const release = budget.spend(connection.url, ask.maxTokens);
      try {
        const reply = await connection.draw({ dialect, body, stop: stop?.(), signal: signals?.abort });
        const used = dialect.tokensUsed(reply.body);
        tally.reply(used);
        watcher?.used?.(used);
        return reply.stopped ? undefined : read(reply.body, models);
      } finally {
        release();
      }
    };
    return pool.run(what, work, signals?.stop, undefined, signals?.whole);
  }
}

/**
 * A model behind servers, as a policy: connects, and finds out with some eight small requests what they do.
 * @example
 * const policy = await remotePolicy({ model: "phi", baseUrls: ["http://localhost:8000/v1"], api: "chat" });
 * @throws as `RemotePolicy.connect`.
 */
export function remotePolicy(options: ServersOptions): Promise<RemotePolicy> {
  return RemotePolicy.connect(options);
}

function nameOf({ id }: Prompt): string {
  return `the prompt "${id}"`;
}
