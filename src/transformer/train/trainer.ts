import type { AdamWState, BufferFeed, Engine, ResidentBuffer, Tensor } from "../../graph/index.js";
import type { HeldWeights } from "../decoder/hold.js";
import { byPair, type SequenceBatch, type TokenPair } from "../decoder/packing.js";
import type { Weights } from "../decoder/sequence-pass.js";
import type { ModelConfig } from "../families/config.js";
import { openRows, type FileRows } from "../format/gguf/rows.js";
import type { LoraAdapter } from "../format/peft.js";
import { readCheckpoint, writeCheckpoint, type Trained, type TrainingState } from "./checkpoint.js";
import { gradientsOf, HostSteps, type BatchGradients } from "./host-steps.js";
import { ResidentSteps } from "./resident-steps.js";
import type { Pass, StepOptions, Steps } from "./steps.js";
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
    private readonly taking: Steps,
  ) {
    this.trained = trained;
    this.fixedFeeds = fixed;
    this.multiples = multiples;
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
    // Where parameters are in a device's memory, steps are taken there.
    const steps = engine.keepsBuffers
      ? await ResidentSteps.start(engine, graph.trained, buffers, options)
      : new HostSteps(graph.trained, buffers, options);
    const trainer = new Trainer(config, graph, session, buffers, rows, steps);
    await trainer.upload();
    return trainer;
  }

  /** Names of the trained tensors: of weights as in the model, of an adapter `<module>.lora_A` and `.lora_B`. */
  get names(): readonly string[] {
    return this.trained.map(({ name }) => name);
  }

  /** Steps taken so far, those before a resume included. */
  get steps(): number {
    return this.taking.taken;
  }

  /** Brings the trained tensors' arrays up to date, where steps are taken on a device; elsewhere they are. */
  async settle(): Promise<void> {
    await this.taking.settle();
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
  private async *passes(pairs: readonly TokenPair[], weights: readonly PairWeight[]): AsyncGenerator<Pass> {
    const { session, batches } = await this.session.passes(pairs);
    const weightsOf = (pair: number): readonly number[] => {
      const weight = weights[pair]!;
      return typeof weight === "number" ? pairs[pair]!.response.map(() => weight) : weight;
    };
    for (const batch of batches) yield { session, feeds: this.feeds(batch, weightsOf) };
  }

  /** Loss and gradients of −Σ weight · log π, in the order of `names`, without a step. */
  gradients(pairs: readonly TokenPair[], weights: readonly PairWeight[]): Promise<BatchGradients> {
    return gradientsOf(this.passes(pairs, weights), this.trained);
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
  forwardBackward(pairs: readonly TokenPair[], weights: readonly PairWeight[]): Promise<number> {
    return this.taking.gather(this.passes(pairs, weights));
  }

  /**
   * One optimizer step along what was gathered since the last one.
   * @throws ModelError when the loss is not finite: the parameters are left as they were, and what was gathered is dropped;
   * UsageError when nothing was gathered.
   */
  async optimStep(learningRate: number): Promise<Pick<StepResult, "gradientNorm">> {
    const gradientNorm = await this.taking.step(learningRate);
    // What follows one number is made of it here.
    if (this.multiples.length > 0) await this.settle();
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
    await writeCheckpoint(path, this.stateOf(await this.taking.moments()), metadata);
  }

  /**
   * Continues from a checkpoint: the steps that follow are those of an uninterrupted training.
   * @returns the metadata that it was saved with.
   * @throws ModelError when it is of another model or adapter; nothing is changed then.
   */
  async loadCheckpoint(path: string): Promise<ReadonlyMap<string, string>> {
    const moments = await this.taking.moments();
    const metadata = await readCheckpoint(path, this.stateOf(moments));
    await this.taking.restore(moments);
    await this.upload();
    return metadata;
  }

  /** Frees the session and its buffers. */
  async dispose(): Promise<void> {
    await this.taking.dispose();
    await Promise.all(this.buffers.map((buffer) => buffer.free()));
    this.rows?.close();
    await this.session.dispose();
  }
}
