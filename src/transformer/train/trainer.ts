import { ModelError, UsageError } from "../../core/errors.js";
import {
  adamWState,
  adamWStep,
  clipGradientNorm,
  type AdamWState,
  type BufferFeed,
  type Engine,
  type ResidentBuffer,
  type Session,
  type Tensor,
} from "../../graph/index.js";
import type { HeldWeights } from "../decoder/hold.js";
import { byPair, type SequenceBatch, type TokenPair } from "../decoder/packing.js";
import type { Weights } from "../decoder/sequence-pass.js";
import type { ModelConfig } from "../families/config.js";
import { openRows, type FileRows } from "../format/gguf/rows.js";
import type { LoraAdapter } from "../format/peft.js";
import { readCheckpoint, writeCheckpoint, type Trained, type TrainingState } from "./checkpoint.js";
import { ResidentSteps, type StepOptions } from "./resident-steps.js";
import { multiply, withScaled, withWeights, type Multiple } from "./multiples.js";
import { fullTrainingGraph, isHeld, loraTrainingGraph, type TrainingGraph } from "./training-graph.js";
import { TrainingSession, type PassOptions } from "./training-session.js";

export interface TrainerOptions extends StepOptions, PassOptions {
  /** The longest sequence, prompt and response, in tokens. */
  readonly maxLength: number;
}

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
 * Logits are computed at response positions only, and what sequences begin with alike once (`packBatches`); a batch is cut into passes by
 * length and the gradients are added, so that the result does not depend on the cut (but for rounding).
 */
export class Trainer {
  /** The moments of steps that are taken here; those of steps on a device are there. */
  private readonly state: AdamWState;
  private gathered: { loss: number; readonly gradients: Float32Array[] } | undefined;

  private readonly trained: readonly Trained[];
  private readonly fixedFeeds: Readonly<Record<string, Tensor>>;
  private readonly multiples: readonly Multiple[];

  private constructor(
    private readonly config: ModelConfig,
    { trained, fixed, multiples }: TrainingGraph,
    private readonly session: TrainingSession,
    private readonly buffers: readonly ResidentBuffer[],
    /** Where the embeddings' rows are read from; absent where they are in the graph. */
    private readonly rows: FileRows | undefined,
    private readonly options: TrainerOptions,
    /** Takes the steps where parameters are in a device's memory. */
    private readonly resident: ResidentSteps | undefined,
  ) {
    this.trained = trained;
    this.fixedFeeds = fixed;
    this.multiples = multiples;
    this.state = adamWState(resident ? [] : trained.map(({ data }) => data));
  }

  /** Trains every weight; the arrays of `weights` are updated in place, on a device with memory of its own by `settle`. */
  static full(
    engine: Engine,
    config: ModelConfig,
    weights: Weights,
    options: TrainerOptions,
  ): Promise<Trainer> {
    const { maxLength } = options;
    const graphOf = (recompute: boolean): TrainingGraph =>
      fullTrainingGraph(config, weights, { maxLength, recompute });
    return Trainer.start(engine, config, graphOf, undefined, options);
  }

  /**
   * Trains an adapter over frozen weights, but for its own `frozen` parts; the adapter's arrays are updated in place, on a device by `settle`.
   * @param weights in memory, or held once: each matrix that is held in fewer bits is then in float32 for its products alone.
   */
  static lora(
    engine: Engine,
    config: ModelConfig,
    weights: Weights | HeldWeights,
    adapter: LoraAdapter,
    options: TrainerOptions,
  ): Promise<Trainer> {
    const { maxLength } = options;
    const over = withScaled(weights, adapter);
    const graphOf = (recompute: boolean): TrainingGraph =>
      loraTrainingGraph(config, over, adapter, { maxLength, recompute });
    const rows = isHeld(weights) ? openRows(weights.embeddings) : undefined;
    return Trainer.start(engine, config, graphOf, rows, options);
  }

  private static async start(
    engine: Engine,
    config: ModelConfig,
    graphOf: (recompute: boolean) => TrainingGraph,
    rows: FileRows | undefined,
    options: TrainerOptions,
  ): Promise<Trainer> {
    const session = new TrainingSession(engine, config, graphOf, options);
    const graph = await session.begin();
    const buffers = await Promise.all(graph.trained.map(({ data }) => engine.buffer("float32", data.length)));
    const resident = engine.keepsBuffers
      ? await ResidentSteps.start(engine, graph.trained, buffers, options)
      : undefined;
    const trainer = new Trainer(config, graph, session, buffers, rows, options, resident);
    await trainer.upload();
    return trainer;
  }

  /** Names of the trained tensors: of weights as in the model, of an adapter `<module>.lora_A` and `.lora_B`. */
  get names(): readonly string[] {
    return this.trained.map(({ name }) => name);
  }

  /** Steps taken so far, those before a resume included. */
  get steps(): number {
    return this.resident?.steps ?? this.state.step;
  }

  /** Brings the trained tensors' arrays up to date, where steps are taken on a device; elsewhere they are. */
  async settle(): Promise<void> {
    if (this.resident === undefined) return;
    await this.resident.readParameters();
    multiply(this.multiples);
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

  /** @param weightsOf the weights of a pair's response tokens. */
  private feeds(
    { feeds: { ids, ...feeds }, order, size: { k } }: SequenceBatch,
    weightsOf: (pair: number) => readonly number[],
  ): Record<string, Tensor | BufferFeed> {
    return {
      ...feeds,
      ...(this.rows ? { embedded: this.embed(this.rows, ids!) } : { ids: ids! }),
      ...this.ownFeeds,
      weights: { type: "float32", dims: [k], data: Float32Array.from(order.flatMap(weightsOf)) },
    };
  }

  private embed(rows: FileRows, { dims, data }: Tensor): Tensor {
    const read = rows.read(data as Int32Array);
    return { type: "float32", dims: [...dims, this.config.hiddenSize], data: read };
  }

  /** A batch's passes, one after the other. */
  private async *passes(
    pairs: readonly TokenPair[],
    weights: readonly PairWeight[],
  ): AsyncGenerator<{ readonly session: Session; readonly feeds: Record<string, Tensor | BufferFeed> }> {
    const { session, batches } = await this.session.passes(pairs);
    const weightsOf = (pair: number): readonly number[] => {
      const weight = weights[pair]!;
      return typeof weight === "number" ? pairs[pair]!.response.map(() => weight) : weight;
    };
    for (const batch of batches) yield { session, feeds: this.feeds(batch, weightsOf) };
  }

  /** Loss and gradients of −Σ weight · log π, in the order of `names`, without a step. */
  async gradients(
    pairs: readonly TokenPair[],
    weights: readonly PairWeight[],
  ): Promise<{ readonly loss: number; readonly gradients: Float32Array[] }> {
    let loss = 0;
    let total: Float32Array[] | undefined;
    for await (const { session, feeds } of this.passes(pairs, weights)) {
      const result = await session.run(feeds, {
        fetch: ["loss", ...this.trained.map((_, i) => `gradient.${i}`)],
      });
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
    if (this.resident) {
      let sum = 0;
      for await (const { session, feeds } of this.passes(pairs, weights))
        sum += await this.resident.gather(session, feeds);
      return sum;
    }
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
    if (this.resident) {
      const gradientNorm = await this.resident.step(learningRate);
      // What follows one number is made of it here.
      if (this.multiples.length > 0) await this.settle();
      return { gradientNorm };
    }
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
    const { session, batches } = await this.session.passes(pairs);
    for (const batch of batches) {
      const feeds = this.feeds(batch, (pair) => pairs[pair]!.response.map(() => 0));
      const output = await session.run(feeds, { fetch: ["logProbs"] });
      for (const [i, values] of byPair(batch, pairs, output["logProbs"]!.data as Float32Array))
        results[i] = values;
    }
    return results;
  }

  private stateOf(moments: AdamWState): TrainingState {
    const constants = new Map(
      Object.entries(this.fixedFeeds).map(([name, { dims, data }]) => [
        name,
        { shape: dims, data: data as Float32Array },
      ]),
    );
    return { trained: this.trained, moments, constants };
  }

  /** Writes parameters, moments and the step to a safetensors file (temporary file, then rename). */
  async saveCheckpoint(path: string, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.settle();
    await writeCheckpoint(path, this.stateOf((await this.resident?.moments()) ?? this.state), metadata);
  }

  /**
   * Continues from a checkpoint: the steps that follow are those of an uninterrupted training.
   * @returns the metadata that it was saved with.
   * @throws ModelError when it is of another model or adapter; nothing is changed then.
   */
  async loadCheckpoint(path: string): Promise<ReadonlyMap<string, string>> {
    const moments = (await this.resident?.moments()) ?? this.state;
    const metadata = await readCheckpoint(path, this.stateOf(moments));
    this.gathered = undefined;
    await this.resident?.restore(moments);
    await this.upload();
    return metadata;
  }

  /** Frees the session and its buffers. */
  async dispose(): Promise<void> {
    await this.resident?.dispose();
    await Promise.all(this.buffers.map((buffer) => buffer.free()));
    this.rows?.close();
    await this.session.dispose();
  }
}

function addInto(sum: Float32Array, part: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
}
