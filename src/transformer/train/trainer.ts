import { ModelError, UsageError } from "../../core/errors.js";
import {
  Graph,
  adamWState,
  adamWStep,
  clipGradientNorm,
  gradients,
  mul,
  neg,
  reduceSum,
  type AdamWOptions,
  type AdamWState,
  type BufferFeed,
  type Engine,
  type ResidentBuffer,
  type Session,
  type Tensor,
} from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import { adapterTensors } from "./adapter-tensors.js";
import { readCheckpoint, writeCheckpoint, type Trained, type TrainingState } from "./checkpoint.js";
import { multiply, withWeights, type Multiple } from "./multiples.js";
import type { LoraAdapter } from "../format/peft.js";
import {
  adaptedParameters,
  lengthBatches,
  packSequences,
  sequencePass,
  trainableParameters,
  type TokenPair,
  type Weights,
} from "../decoder/sequence-pass.js";

export interface TrainerOptions extends AdamWOptions {
  /** The longest sequence, prompt and response, in tokens. */
  readonly maxLength: number;
  /** Joint gradient norm at most this; Infinity for none. Default Infinity. */
  readonly clipNorm?: number;
  /** Padded tokens a pass; larger batches are accumulated over several passes. Default 2048. */
  readonly maxTokensPerPass?: number;
}

/**
 * Frozen weights up to this size, in bytes, are packed for training. A weight is used by a product and by its transpose:
 * packed, it is held twice more, for steps that take 7 % less time.
 */
const PACK_UP_TO = 2 ** 30;

export interface StepResult {
  /** −Σ weight · log π over the batch's tokens. */
  readonly loss: number;
  /** Joint Euclidean norm before clipping. */
  readonly gradientNorm: number;
}

/** Weight of each response token of a pair in −Σ weight · log π; one number for all. */
export type PairWeight = number | readonly number[];

/**
 * Trains a decoder on weighted token log-probabilities with AdamW: all weights, or a LoRA adapter over frozen ones.
 * Logits are computed at response positions only; a batch is cut into passes by length and the gradients are added, so
 * that the result does not depend on the cut (but for rounding).
 */
export class Trainer {
  private readonly state: AdamWState;
  private gathered: { loss: number; readonly gradients: Float32Array[] } | undefined;

  private constructor(
    private readonly session: Session,
    private readonly trained: readonly Trained[],
    private readonly buffers: readonly ResidentBuffer[],
    private readonly fixedFeeds: Readonly<Record<string, Tensor>>,
    private readonly options: TrainerOptions,
    private readonly multiples: readonly Multiple[],
  ) {
    this.state = adamWState(trained.map(({ data }) => data));
  }

  /** Trains every weight; the arrays of `weights` are updated in place. */
  static async full(
    engine: Engine,
    config: ModelConfig,
    weights: Weights,
    options: TrainerOptions,
  ): Promise<Trainer> {
    const graph = new Graph();
    const { parameter, inputs } = trainableParameters(graph, weights);
    const pass = sequencePass(graph, config, { parameter, maxLength: options.maxLength });
    addLoss(graph, pass.logProbs, inputs);
    const trained = inputs.map(({ name }) => ({
      name,
      shape: weights.get(name)!.shape,
      data: weights.get(name)!.data,
    }));
    return Trainer.start(engine, graph, trained, {}, options);
  }

  /** Trains an adapter over frozen weights, but for its own `frozen` parts; the adapter's arrays are updated in place. */
  static async lora(
    engine: Engine,
    config: ModelConfig,
    weights: Weights,
    adapter: LoraAdapter,
    options: TrainerOptions,
  ): Promise<Trainer> {
    const graph = new Graph();
    const names = [...(adapter.replaced?.keys() ?? [])];
    const adapted = adaptedParameters(graph, config, weights, names, adapter.scaled);
    const pass = sequencePass(graph, config, {
      parameter: adapted.parameter,
      loraModules: adapter.targetModules,
      replaced: names,
      maxLength: options.maxLength,
    });
    const { inputs, trained, fixed, multiples } = adapterTensors(
      config,
      adapter,
      pass.loraInputs,
      adapted.inputs,
    );
    addLoss(graph, pass.logProbs, inputs);
    const scaling: Tensor = {
      type: "float32",
      dims: [],
      data: Float32Array.of(adapter.alpha / adapter.rank),
    };
    return Trainer.start(engine, graph, trained, { "lora.scaling": scaling, ...fixed }, options, multiples);
  }

  private static async start(
    engine: Engine,
    graph: Graph,
    trained: readonly Trained[],
    fixedFeeds: Readonly<Record<string, Tensor>>,
    options: TrainerOptions,
    multiples: readonly Multiple[] = [],
  ): Promise<Trainer> {
    const bytes = graph.initializers.reduce((sum, { data }) => sum + data.byteLength, 0);
    const session = await engine.session(graph, { constants: bytes <= PACK_UP_TO ? "packed" : "shared" });
    const buffers = await Promise.all(trained.map(({ data }) => engine.buffer("float32", data.length)));
    const trainer = new Trainer(session, trained, buffers, fixedFeeds, options, multiples);
    await trainer.upload();
    return trainer;
  }

  /** Names of the trained tensors: of weights as in the model, of an adapter `<module>.lora_A` and `.lora_B`. */
  get names(): readonly string[] {
    return this.trained.map(({ name }) => name);
  }

  /** Steps taken so far, those before a resume included. */
  get steps(): number {
    return this.state.step;
  }

  /** The trained tensors as they now are, and what goes with them: feeds of any graph of this engine that takes an adapter. */
  get parameterFeeds(): Readonly<Record<string, Tensor | BufferFeed>> {
    return withWeights(this.ownFeeds, this.multiples);
  }

  private get ownFeeds(): Record<string, Tensor | BufferFeed> {
    const trained = this.trained.map(({ name, shape }, i) => [
      name,
      { buffer: this.buffers[i]!, dims: shape },
    ]);
    return { ...this.fixedFeeds, ...(Object.fromEntries(trained) as Record<string, BufferFeed>) };
  }

  private async upload(): Promise<void> {
    multiply(this.multiples);
    await Promise.all(this.buffers.map((buffer, i) => buffer.write(this.trained[i]!.data)));
  }

  private feeds(
    pairs: readonly TokenPair[],
    weights: readonly PairWeight[],
  ): Record<string, Tensor | BufferFeed> {
    const { feeds } = packSequences(pairs);
    const tokenWeights = Float32Array.from(
      pairs.flatMap(({ response }, i) => {
        const weight = weights[i]!;
        return typeof weight === "number" ? response.map(() => weight) : [...weight];
      }),
    );
    return {
      ...feeds,
      ...this.ownFeeds,
      weights: { type: "float32", dims: [tokenWeights.length], data: tokenWeights },
    };
  }

  /** Loss and gradients of −Σ weight · log π, in the order of `names`, without a step. */
  async gradients(
    pairs: readonly TokenPair[],
    weights: readonly PairWeight[],
  ): Promise<{ readonly loss: number; readonly gradients: Float32Array[] }> {
    let loss = 0;
    let total: Float32Array[] | undefined;
    for (const batch of lengthBatches(pairs, this.options.maxTokensPerPass ?? 2048)) {
      const result = await this.session.run(
        this.feeds(
          batch.map((i) => pairs[i]!),
          batch.map((i) => weights[i]!),
        ),
        { fetch: ["loss", ...this.trained.map((_, i) => `gradient.${i}`)] },
      );
      loss += result["loss"]!.data[0] as number;
      const parts = this.trained.map((_, i) => result[`gradient.${i}`]!.data as Float32Array);
      if (total === undefined) total = parts;
      else total.forEach((sum, i) => addInto(sum, parts[i]!));
    }
    return { loss, gradients: total ?? this.trained.map(({ data }) => new Float32Array(data.length)) };
  }

  /** One optimizer step on a batch; as `forwardBackward` and `optimStep`. */
  async step(
    pairs: readonly TokenPair[],
    weights: readonly PairWeight[],
    learningRate: number,
  ): Promise<StepResult> {
    const loss = await this.forwardBackward(pairs, weights);
    return { loss, ...(await this.optimStep(learningRate)) };
  }

  /** Adds a batch's gradients to those that the next step takes. @returns its −Σ weight · log π. */
  async forwardBackward(pairs: readonly TokenPair[], weights: readonly PairWeight[]): Promise<number> {
    const { loss, gradients: parts } = await this.gradients(pairs, weights);
    if (this.gathered === undefined) this.gathered = { loss, gradients: parts };
    else {
      this.gathered.loss += loss;
      this.gathered.gradients.forEach((sum, i) => addInto(sum, parts[i]!));
    }
    return loss;
  }

  /**
   * One optimizer step along what was gathered since the last one.
   * @throws ModelError when the loss is not finite: the parameters are left as they were, and what was gathered is dropped;
   * UsageError when nothing was gathered.
   */
  async optimStep(learningRate: number): Promise<Pick<StepResult, "gradientNorm">> {
    const { gathered } = this;
    if (gathered === undefined)
      throw new UsageError("There is no gradient to step along; give a batch first.");
    this.gathered = undefined;
    const gradientNorm = clipGradientNorm(gathered.gradients, this.options.clipNorm ?? Infinity);
    if (!Number.isFinite(gathered.loss) || !Number.isFinite(gradientNorm)) {
      throw new ModelError(
        `Training diverged at step ${this.state.step + 1} (loss ${gathered.loss}); use a lower learning rate.`,
      );
    }
    adamWStep(
      this.trained.map(({ data }) => data),
      gathered.gradients,
      this.state,
      learningRate,
      this.options,
    );
    await this.upload();
    return { gradientNorm };
  }

  /** Per-token log π of given responses under the parameters as they are, in the order given. */
  async logProbs(pairs: readonly TokenPair[]): Promise<Float32Array[]> {
    const results: Float32Array[] = pairs.map(() => new Float32Array());
    for (const batch of lengthBatches(pairs, this.options.maxTokensPerPass ?? 2048)) {
      const chosen = batch.map((i) => pairs[i]!);
      const output = await this.session.run(
        this.feeds(
          chosen,
          chosen.map(() => 0),
        ),
        { fetch: ["logProbs"] },
      );
      let at = 0;
      for (const i of batch) {
        const count = pairs[i]!.response.length;
        results[i] = (output["logProbs"]!.data as Float32Array).slice(at, at + count);
        at += count;
      }
    }
    return results;
  }

  private get trainingState(): TrainingState {
    const constants = new Map(
      Object.entries(this.fixedFeeds).map(([name, { dims, data }]) => [
        name,
        { shape: dims, data: data as Float32Array },
      ]),
    );
    return { trained: this.trained, moments: this.state, constants };
  }

  /** Writes parameters, moments and the step to a safetensors file (temporary file, then rename). */
  async saveCheckpoint(path: string, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
    await writeCheckpoint(path, this.trainingState, metadata);
  }

  /**
   * Continues from a checkpoint: the steps that follow are those of an uninterrupted training.
   * @returns the metadata that it was saved with.
   * @throws ModelError when it is of another model or adapter; nothing is changed then.
   */
  async loadCheckpoint(path: string): Promise<ReadonlyMap<string, string>> {
    const metadata = await readCheckpoint(path, this.trainingState);
    this.gathered = undefined;
    await this.upload();
    return metadata;
  }

  /** Frees the session and its buffers. */
  async dispose(): Promise<void> {
    await Promise.all(this.buffers.map((buffer) => buffer.free()));
    await this.session.dispose();
  }
}

function addLoss(
  graph: Graph,
  logProbs: ReturnType<typeof neg>,
  wrt: readonly ReturnType<typeof neg>[],
): void {
  const weights = graph.input("weights", "float32", ["k"]);
  const loss = neg(reduceSum(mul(logProbs, weights)));
  const parts = gradients(loss, wrt);
  graph.output("loss", loss);
  graph.output("logProbs", logProbs);
  parts.forEach((part, i) => graph.output(`gradient.${i}`, part));
}

function addInto(sum: Float32Array, part: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
}
