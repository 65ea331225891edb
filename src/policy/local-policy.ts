import { createHash } from "node:crypto";
import { UsageError } from "../core/errors.js";
import { hash32 } from "../core/random.js";
import type { AdapterFeeds } from "../transformer/decoder/adapter-feeds.js";
import { loadModel, type LoadOptions, type Model } from "../transformer/model.js";
import type { LoraAdapter } from "../transformer/format/peft.js";
import { MOST_LIKELY, Runtime, type ScoredTokens } from "../transformer/runtime.js";
import { isAsync, mapLater, mapSource, type Source } from "../core/source.js";
import type { DrawRequest } from "../transformer/decode/draw-request.js";
import type { PrefixCounts } from "../transformer/decode/prefix-store.js";
import type { TokenPair } from "../transformer/decoder/packing.js";
import { capabilities, requireAbility, type Capabilities } from "./capabilities.js";
import { Conversations } from "./conversations.js";
import { checkNumbers } from "./device-trial.js";
import { failOf } from "./request-options.js";
import {
  asGreedy,
  asked,
  checkGiven,
  likeliestOf,
  limitsOf,
  piecesOf,
  settingsOf,
  tokenizedOnce,
  TO_TRAIN,
  toResponse,
  type Limits,
} from "./local-draws.js";
import { unroundedOptions, type LocalPolicyOptions } from "./local-options.js";
import { checkLimits, checkWidth } from "./sampling-limits.js";
import type {
  BeamSearchOptions,
  FirstToken,
  GreedyOptions,
  Policy,
  Prompt,
  Response,
  SampleRequest,
  SamplingOptions,
  ScoreRequest,
} from "./policy.js";

export type { LocalPolicyOptions };

/** A transformer on this machine, with or without an adapter. Calls after `dispose()` throw a UsageError. */
export class LocalPolicy implements Policy {
  readonly can: Capabilities;
  private disposed = false;

  private constructor(
    readonly name: string,
    readonly digest: string,
    /** The model and its compiled graphs, shared with the policies made by `withAdapter`. */
    readonly runtime: Runtime,
    private readonly adapter: AdapterFeeds | undefined,
    private readonly rows: number,
    private readonly owner: boolean,
    private readonly conversations: Conversations,
    readonly unrounded?: LocalPolicyOptions["unrounded"],
  ) {
    const { quantization } = runtime.model;
    const trains = quantization === undefined || quantization === "keep";
    const unheld = runtime.model.held === undefined;
    this.can = capabilities({
      continues: true,
      certainties: true,
      entropies: unheld,
      beams: unheld,
      scores: true,
      encodes: true,
      trains,
      greedy: true,
      temperatures: true,
      proposals: true,
      messages: conversations.possible,
      longest: runtime.maxLength,
      likeliest: unheld ? MOST_LIKELY : 0,
      ...(quantization !== undefined && {
        quantization,
        ...(!trains && { remedies: { trains: TO_TRAIN } }),
      }),
    });
  }

  /**
   * Loads a model folder of Hugging Face layout, or a .gguf file.
   * @throws ModelError when it is missing or malformed; UsageError when sequences are asked for that are too long for it; DeviceError
   * for a device that is not there, or computes other numbers than the CPU.
   */
  static async load(folder: string, options: LocalPolicyOptions & LoadOptions = {}): Promise<LocalPolicy> {
    const model = await loadModel(folder, options);
    const unrounded = options.exactChoice ? await LocalPolicy.unrounded(folder, options) : undefined;
    const policy = LocalPolicy.of(model, { ...options, unrounded });
    try {
      if (policy.runtime.engine.device.name !== "cpu") await checkNumbers(policy.runtime, options);
    } catch (error) {
      await policy.dispose();
      throw error;
    }
    return policy;
  }

  /** The model beside a rounded one. Its graph is compiled at once, so that whoever sizes a batch by the memory that is free finds it taken. */
  private static async unrounded(
    folder: string,
    given: LocalPolicyOptions & LoadOptions,
  ): Promise<LocalPolicy> {
    const policy = await LocalPolicy.load(folder, unroundedOptions(given));
    await policy.runtime.score([{ prompt: [0], response: [0] }]);
    return policy;
  }

  /** The policy of a model that is in memory. @throws UsageError when sequences are asked for that are too long for it. */
  static of(model: Model, options: LocalPolicyOptions = {}): LocalPolicy {
    const rows = options.rows ?? Math.max(48, Math.min(512, Math.floor(65536 / model.config.hiddenSize)));
    return new LocalPolicy(
      options.name ?? model.name,
      model.digest,
      new Runtime(model, options),
      undefined,
      rows,
      true,
      new Conversations(model.tokenizer, options.name ?? model.name),
      options.unrounded,
    );
  }

  /**
   * The same model with an adapter; shares this policy's engine. Its `dispose()` frees the adapter alone; this policy's
   * ends both.
   */
  async withAdapter(adapter: LoraAdapter, name = "adapter"): Promise<LocalPolicy> {
    const feeds = await this.runtime.adapter(adapter);
    const digest = createHash("sha256").update(this.digest).update(`${adapter.rank} ${adapter.alpha}`);
    for (const [module, { a, b }] of adapter.weights) digest.update(module).update(bytes(a)).update(bytes(b));
    for (const [name, { data }] of adapter.replaced ?? []) digest.update(name).update(bytes(data));
    return new LocalPolicy(
      `${this.name} + ${name}`,
      digest.digest("hex"),
      this.runtime,
      feeds,
      this.rows,
      false,
      this.conversations,
    );
  }

  /** What was found of prompts that begin alike; undefined where nothing is kept. */
  get prefixCounts(): PrefixCounts | undefined {
    return this.runtime.prefixCounts;
  }

  private check(): void {
    if (this.disposed) throw new UsageError(`policy ${this.name} is used after dispose(); make a new one`);
  }

  async *sample(requests: Source<SampleRequest>, options: SamplingOptions): AsyncGenerator<Response> {
    this.check();
    checkLimits(options);
    const { temperature, maxTokens, seed, abandon, signal } = options;
    const { model } = this.runtime;
    const limits = limitsOf(model, options);
    const begin = (): void => this.runtime.prepare(limits, this.adapter);
    const draws = this.runtime.draw(
      this.drawRequests(await this.ready(requests, begin), options),
      {
        ...{ temperature, maxTokens, seed, signal, rows: this.rows },
        ...(abandon && { abandon: asked(abandon) }),
        ...limits,
        dropped: ({ options: own }) => own?.watcher?.ended?.(undefined),
      },
      this.adapter,
    );
    for await (const drawn of draws) {
      const response = toResponse(model, drawn, drawn.tag.options?.stop ?? options.stop);
      drawn.tag.options?.watcher?.ended?.(response);
      yield response;
    }
  }

  async *greedy(prompts: Iterable<Prompt>, { maxTokens, signal }: GreedyOptions): AsyncGenerator<Response> {
    this.check();
    const all = [...prompts];
    await this.conversations.prepare(all);
    const requests = this.drawRequests(asGreedy(all), { maxTokens });
    const options = { temperature: 1, maxTokens, seed: 0, greedy: true, rows: this.rows, signal };
    for await (const drawn of this.runtime.draw(requests, options, this.adapter))
      yield toResponse(this.runtime.model, drawn);
  }

  async *beam(prompts: Iterable<Prompt>, { width, ...own }: BeamSearchOptions): AsyncGenerator<Response> {
    this.check();
    requireAbility(this, "beams", "Beam search");
    checkWidth(width);
    const all = [...prompts];
    await this.conversations.prepare(all);
    const requests: DrawRequest<SampleRequest>[] = [];
    for await (const request of this.drawRequests(asGreedy(all), own)) requests.push(request);
    for await (const drawn of this.runtime.beam(requests, { ...own, width, rows: this.rows }, this.adapter))
      yield toResponse(this.runtime.model, drawn);
  }

  async logProb(examples: readonly ScoreRequest[]): Promise<Float64Array[]> {
    return (await this.score(examples)).map(({ logProbs }) => Float64Array.from(logProbs));
  }

  async score(examples: readonly ScoreRequest[]): Promise<ScoredTokens[]> {
    this.check();
    return this.runtime.score(await this.pairsOf(examples), this.adapter);
  }

  async entropies(examples: readonly ScoreRequest[]): Promise<Float64Array[]> {
    this.check();
    const rows = await this.runtime.entropies(await this.pairsOf(examples), this.adapter);
    return rows.map((row) => Float64Array.from(row));
  }

  /** The token ids that prompts and responses' ids make for scoring and training. */
  async pairsOf(examples: readonly ScoreRequest[]): Promise<TokenPair[]> {
    await this.conversations.prepare(examples.map(({ prompt }) => prompt));
    return examples.map(({ prompt, tokens }) => ({
      prompt: this.fittingTokens(prompt, tokens.length),
      response: tokens,
    }));
  }

  async promptTokens(prompt: Prompt): Promise<readonly number[]> {
    this.check();
    await this.conversations.prepare([prompt]);
    return this.encodePrompt(prompt);
  }

  /**
   * The requests, so that each one's prompt can be had as tokens without waiting when it is pulled.
   * @param begin called as soon as it is known that there is something to draw.
   */
  private async ready(requests: Source<SampleRequest>, begin: () => void): Promise<Source<SampleRequest>> {
    if (isAsync(requests)) {
      return mapLater(requests, async (request) => {
        begin();
        try {
          await this.conversations.prepare([request.prompt]);
          return request;
        } catch (error) {
          failOf(request, error);
          return undefined;
        }
      });
    }
    // A list that is made as it is read must not be read ahead: what is asked for may depend on what has been drawn.
    if (Array.isArray(requests)) {
      if (requests.length > 0) begin();
      await this.conversations.prepare((requests as readonly SampleRequest[]).map(({ prompt }) => prompt));
    }
    return requests;
  }

  pieces(response: Response): readonly string[] | undefined {
    return piecesOf(this.runtime.model, response);
  }

  async likeliest(prompt: Prompt, response: Response, count: number): Promise<readonly FirstToken[][]> {
    this.check();
    const [found] = await this.runtime.likeliest(
      await this.pairsOf([{ prompt, tokens: response.tokens }]),
      this.adapter,
    );
    return likeliestOf(this.runtime.model, response, found!, count);
  }

  /** The token ids of a text, without special tokens. */
  encode(text: string): number[] {
    return this.runtime.model.tokenizer.encode(text, { addSpecialTokens: false });
  }

  private fittingTokens(prompt: Prompt, responseLength: number): readonly number[] {
    const tokens = this.encodePrompt(prompt);
    this.checkLength(prompt, tokens, responseLength);
    return tokens;
  }

  private encodePrompt(prompt: Prompt): readonly number[] {
    const tokens = this.runtime.model.tokenizer.encode(this.conversations.textOf(prompt), {
      addSpecialTokens: true,
    });
    if (tokens.length === 0)
      throw new UsageError(
        `The prompt "${prompt.id}" is empty, and the model has no start token; give it some text.`,
      );
    const { vocabSize } = this.runtime.model.config;
    const unknown = tokens.find((token) => token >= vocabSize);
    if (unknown !== undefined) {
      throw new UsageError(
        `The prompt "${prompt.id}" has the token ${unknown}, but ${this.name} has only ${vocabSize} of them: its ` +
          `tokenizer knows more tokens than the model. Reword the prompt.`,
      );
    }
    return tokens;
  }

  private checkLength(prompt: Prompt, tokens: readonly number[], responseLength: number): void {
    if (tokens.length + responseLength > this.runtime.maxLength) {
      throw new UsageError(
        `The prompt "${prompt.id}" has ${tokens.length} tokens; with ${responseLength} more it is longer than the ` +
          `${this.runtime.maxLength} that ${this.name} can hold`,
        { reason: "prompt-too-long", where: prompt.id, remedy: "shorten it or lower `maxTokens`" },
      );
    }
  }

  private drawRequests(
    requests: Source<SampleRequest>,
    call: Limits & Pick<SamplingOptions, "maxTokens">,
  ): Source<DrawRequest<SampleRequest>> {
    const { model } = this.runtime;
    const tokensOf = tokenizedOnce((prompt) => this.encodePrompt(prompt));
    return mapSource(requests, (request): DrawRequest<SampleRequest> | undefined => {
      try {
        const { prompt, index, prefix = [], options } = request;
        const tokens = tokensOf(prompt);
        const maxTokens = options?.maxTokens ?? call.maxTokens;
        if (options) checkLimits(options);
        this.checkLength(prompt, tokens, maxTokens);
        checkGiven(this, this.runtime.model, request, maxTokens);
        return {
          ...{ tag: request, promptKey: hash32(prompt.id), index },
          ...(options?.branches
            ? { prompt: tokens, replay: prefix }
            : { prompt: prefix.length === 0 ? tokens : [...tokens, ...prefix], given: prefix.length }),
          ...(options && { settings: settingsOf(model, options, call) }),
        };
      } catch (error) {
        failOf(request, error);
        return undefined;
      }
    });
  }

  async dispose(): Promise<void> {
    if (this.disposed) return;
    this.disposed = true;
    await this.unrounded?.dispose();
    if (this.owner) await this.runtime.dispose();
    else await this.adapter?.dispose();
  }
}

function bytes(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
