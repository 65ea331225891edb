import { sha256 } from "../../core/files.js";
import { UsageError } from "../../core/errors.js";
import type { Source } from "../../core/source.js";
import { capabilities, requireAbility, type Capabilities } from "../capabilities.js";
import { optionsOf } from "../request-options.js";
import type {
  GreedyOptions,
  Policy,
  Prompt,
  Response,
  SampleRequest,
  SamplingOptions,
  ScoreRequest,
} from "../policy.js";
import { drawInParallel, inParallel, type Signals } from "../remote/in-parallel.js";
import { sampleSeed } from "../remote/sample-seed.js";
import { droppedAt } from "../remote/seen-rule.js";
import { checkLimits, cutAtStop } from "../sampling-limits.js";
import type { BaseText } from "./base-text.js";
import { drawSample, type SampleAsk } from "./sample.js";
import type { TinkerModel } from "./session.js";
import type { WireSample } from "./wire.js";

/** Samples that are asked for at once: the server draws them together. */
const WIDTH = 64;

/** An adapter on a trainer, or its base, as a policy: it draws there, and scores there. Its `dispose()` frees it on the server. */
export class TinkerPolicy implements Policy {
  readonly digest: string;
  readonly can: Capabilities;
  #disposed = false;

  /** @param path what `TinkerModel.saveForSampler` gave for this model as it is. */
  constructor(
    readonly name: string,
    private readonly model: TinkerModel,
    private readonly path: string,
    private readonly base: BaseText,
  ) {
    this.digest = sha256(JSON.stringify([name, model.session.base, path]));
    this.can = capabilities({
      scores: true,
      encodes: true,
      greedy: true,
      // Of other servers it is not known what their log-probabilities are at other temperatures.
      temperatures: model.session.told.own,
      messages: base.messages,
      longest: base.config.maxPositions,
    });
  }

  async *sample(requests: Source<SampleRequest>, options: SamplingOptions): AsyncGenerator<Response> {
    this.#check();
    checkLimits(options);
    this.#checkTemperature(options);
    const draw = (request: SampleRequest, { abort }: Signals): Promise<Response | undefined> =>
      this.#drawOne(request, options, abort);
    yield* drawInParallel(requests, WIDTH, draw, options.signal);
  }

  /** A response, or undefined where its own rule drops it: the server draws it whole, so that it is asked about afterwards. */
  async #drawOne(
    request: SampleRequest,
    options: SamplingOptions,
    signal: AbortSignal,
  ): Promise<Response | undefined> {
    const { prompt, index, prefix = [] } = request;
    const own = optionsOf(request, options);
    const { temperature, maxTokens, seed, topP = 1, stop = [], abandon, greedy = false } = own;
    checkLimits(own);
    if (prefix.length > 0) requireAbility(this, "continues", "A given beginning");
    if (!greedy) this.#checkTemperature(own);
    const ask = greedy
      ? { seed: 0, temperature: 0, maxTokens, topP: 1 }
      : { seed: sampleSeed(seed, prompt.id, index), temperature, maxTokens, topP };
    const response = await this.#draw(prompt, index, ask, stop, signal);
    const dropped = droppedAt(
      ({ length, logProb }) => abandon?.({ promptId: prompt.id, index, length, logProb }) ?? false,
    );
    return dropped(response.logProbs, response.text) ? undefined : response;
  }

  /** @throws UsageError for what the log-probabilities at temperature 1 are not known of, or what no trainer draws with. */
  #checkTemperature(limits: Pick<SamplingOptions, "temperature" | "topP" | "minP">): void {
    if (limits.temperature !== 1 || (limits.topP ?? 1) < 1)
      requireAbility(this, "temperatures", `Drawing at temperature ${limits.temperature}`);
    if ((limits.minP ?? 0) > 0) throw new UsageError("A trainer draws without minP; leave it out.");
  }

  async *greedy(prompts: Iterable<Prompt>, { maxTokens, signal }: GreedyOptions): AsyncGenerator<Response> {
    this.#check();
    const ask = { seed: 0, temperature: 0, maxTokens, topP: 1 };
    yield* inParallel(prompts, WIDTH, (prompt) => this.#draw(prompt, -1, ask, []), signal);
  }

  async logProb(examples: readonly ScoreRequest[]): Promise<Float64Array[]> {
    this.#check();
    return (await scoreOn(this.model, this.base, examples)).map((row) => Float64Array.from(row));
  }

  encode(text: string): readonly number[] {
    return this.base.encode(text);
  }

  promptTokens(prompt: Prompt): Promise<readonly number[]> {
    return this.base.promptTokens(prompt);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.model.unload();
  }

  #check(): void {
    if (this.#disposed) throw new UsageError(`policy ${this.name} is used after dispose(); make a new one`);
  }

  async #draw(
    prompt: Prompt,
    index: number,
    ask: Omit<SampleAsk, "prompt" | "stop">,
    stop: readonly string[],
    signal?: AbortSignal,
  ): Promise<Response> {
    const tokens = await this.promptTokens(prompt);
    const ends = this.base.config.eosTokenIds;
    const whole = { ...ask, prompt: tokens, stop: ends };
    const sample = await drawSample(this.model.session, this.path, whole, signal);
    return { promptId: prompt.id, index, ...this.#read(sample, stop) };
  }

  /** A sample as a response: cut where a text that ends it first occurs. */
  #read(
    { tokens, logProbs, finish }: WireSample,
    stop: readonly string[],
  ): Omit<Response, "promptId" | "index"> {
    const { tokenizer, config } = this.base;
    const ended = config.eosTokenIds.includes(tokens.at(-1)!);
    const text = tokenizer.decode(ended ? tokens.slice(0, -1) : tokens);
    const cut = cutAtStop(text, stop);
    if (cut === undefined) return { text, tokens, logProbs, finish: ended ? "stop" : finish };
    let length = 1;
    while (cutAtStop(tokenizer.decode(tokens.slice(0, length)), stop) === undefined) length++;
    return {
      text: cut,
      tokens: tokens.slice(0, length),
      logProbs: logProbs.slice(0, length),
      finish: "stop",
    };
  }
}

/** log π of each token of given responses under a model as it is. */
export async function scoreOn(
  model: TinkerModel,
  base: BaseText,
  examples: readonly ScoreRequest[],
): Promise<number[][]> {
  return model.pass(await base.sequences(examples), { forwardOnly: true });
}
