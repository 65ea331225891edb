import { UsageError } from "../core/errors.js";
import { hash32 } from "../core/random.js";
import { mapSource } from "../core/source.js";
import type { WebEngine } from "../graph/web-engine.js";
import { capabilities } from "../policy/capabilities.js";
import { asked, settingsOf, tokenizedOnce, toResponse } from "../policy/local-draws.js";
import type { Policy, Prompt, Response, SampleRequest, SamplingOptions } from "../policy/policy.js";
import { KeyValueCache } from "../transformer/decode/key-value-cache.js";
import type { DrawRequest } from "../transformer/decode/draw-request.js";
import { draw } from "../transformer/decode/sampler.js";
import type { Runs } from "../transformer/decode/whole-session.js";
import type { ModelConfig } from "../transformer/families/model-config.js";
import type { Tokenizer } from "../transformer/text/tokenizer.js";

/** A model whose graphs are compiled, in a page. */
export interface DemoModel {
  readonly name: string;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly engine: WebEngine;
  /** The steps of drawing, at temperature 1 and at any; and the pass over a prompt. */
  readonly graphs: { readonly decode: Runs; readonly tempered: Runs; readonly prefix: Runs };
  /** The longest sequence, prompt and response, in tokens. */
  readonly longest: number;
}

const REFUSED = "The model in a page draws, and does nothing else.";

/** The policy of a model in a page: it draws as a local one does, by the same sampler, without limits on tokens. */
export class DemoPolicy implements Policy {
  readonly name: string;
  readonly digest = "";
  readonly can;

  constructor(private readonly model: DemoModel) {
    this.name = model.name;
    const { longest } = model;
    this.can = capabilities({ certainties: true, temperatures: true, encodes: true, longest });
  }

  async *sample(requests: Iterable<SampleRequest>, options: SamplingOptions): AsyncGenerator<Response> {
    const { model } = this;
    const { temperature, maxTokens, seed, abandon, signal } = options;
    const { decode, tempered, prefix } = model.graphs;
    const tokensOf = tokenizedOnce((prompt) => this.encodePrompt(prompt));
    const draws = draw(
      {
        decode: (needs) => Promise.resolve(needs.temperature ? tempered : decode),
        prefix: () => Promise.resolve(prefix),
        extend: () => Promise.reject(new UsageError(REFUSED)),
        adapter: undefined,
        cacheFactory: (layout) => new KeyValueCache(model.engine, model.config, layout),
      },
      model.config,
      mapSource(requests, (request) => this.drawRequest(request, tokensOf(request.prompt), options)),
      { temperature, maxTokens, seed, signal, ...(abandon && { abandon: asked(abandon) }) },
    );
    for await (const drawn of draws) yield toResponse(model, drawn);
  }

  private drawRequest(
    tag: SampleRequest,
    tokens: readonly number[],
    { maxTokens }: SamplingOptions,
  ): DrawRequest<SampleRequest> {
    const { prompt, index, options } = tag;
    if (tokens.length === 0) throw new UsageError("The prompt is empty; give it some text.");
    if (tokens.length + (options?.maxTokens ?? maxTokens) > this.model.longest)
      throw new UsageError(
        `The prompt has ${tokens.length} tokens; with the answer it is longer than the ${this.model.longest} that ${this.name} can hold; shorten it.`,
      );
    return {
      ...{ tag, prompt: tokens, promptKey: hash32(prompt.id), index },
      ...(options && { settings: settingsOf(this.model, options, {}) }),
    };
  }

  encode(text: string): readonly number[] {
    return this.model.tokenizer.encode(text, { addSpecialTokens: false });
  }

  private encodePrompt({ text }: Prompt): readonly number[] {
    return this.model.tokenizer.encode(text, { addSpecialTokens: true });
  }

  promptTokens(prompt: Prompt): Promise<readonly number[]> {
    return Promise.resolve(this.encodePrompt(prompt));
  }

  // eslint-disable-next-line require-yield
  async *greedy(): AsyncGenerator<Response> {
    await Promise.reject(new UsageError(REFUSED));
  }

  logProb(): Promise<Float64Array[]> {
    return Promise.reject(new UsageError(REFUSED));
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}
