import type { Policy, ScoreRequest } from "./policy.js";

/** What is trained, and how it is stepped: plain values that a request to another machine can hold. */
export interface TrainerOptions {
  /** Whether every weight is trained, and no adapter: rank, α and target modules then say nothing. Default: no. */
  readonly full?: boolean;
  /** LoRA's rank. */
  readonly rank: number;
  /** LoRA's α; the update is scaled by α/rank. */
  readonly alpha: number;
  /** Names of what gets an adapter, such as `q_proj`. Default: all linears of a layer. */
  readonly targetModules?: readonly string[];
  /** Joint gradient norm at most this; Infinity: no clip. */
  readonly clipNorm: number;
  /** Decoupled. */
  readonly weightDecay: number;
  /** Fixes the adapter's initial values. */
  readonly seed: number;
  /**
   * A folder with an adapter that was exported: training begins at it, and leaves those parts of it as they are that are no targets.
   * Rank and α are then that adapter's own, where it has linears; where every weight is trained, all of it is. Absent: training begins
   * at the base.
   */
  readonly from?: string;
}

/**
 * An adapter under training, on this machine or elsewhere. It knows sequences, weights of their tokens, and a rate; losses and
 * schedules are its caller's: for a loss L of the log-probabilities, the weights are −∂L/∂log π of each token.
 * @typeParam A the adapter as a value of its own: a LoRA adapter's arrays, the address of an archive.
 */
export interface Trainer<A = unknown> {
  /** Optimizer steps taken so far, those before a `load` included. */
  readonly steps: number;
  /** log π of each token of the responses under the parameters as they are, at temperature 1, in nats, in the order given. */
  logProbs(sequences: readonly ScoreRequest[]): Promise<readonly ArrayLike<number>[]>;
  /**
   * Adds the gradient of −Σ weight · log π to what the next step takes: a batch may come in several parts.
   * @param weights of each token of each sequence's response.
   * @returns that sum, at the parameters as they are.
   */
  forwardBackward(
    sequences: readonly ScoreRequest[],
    weights: readonly (readonly number[])[],
  ): Promise<number>;
  /**
   * One AdamW step along the gradient gathered since the last, which is then forgotten.
   * @returns the gradient's joint norm before clipping.
   * @throws ModelError where loss or gradient is not finite: the parameters are as they were, and what was gathered is dropped.
   * UsageError where nothing was gathered.
   */
  optimStep(rate: number): Promise<{ readonly gradientNorm: number }>;
  /** The policy that the parameters are now: later steps do not change it. The caller disposes of it. */
  policy(name: string): Promise<Policy>;
  /** The parameters as they are now, as a value that later steps do not change. */
  adapter(): Promise<A>;
  /**
   * Writes the parameters as they are now into a folder, as `Trainers.withAdapter` and others read them: an adapter in PEFT's layout, or a
   * model in Hugging Face layout where every weight is trained.
   */
  exportAdapter(folder: string): Promise<void>;
  /** Keeps everything that the next step depends on, in this file or under what it then names; gathered gradients are not kept. */
  save(path: string, metadata: Readonly<Record<string, string>>): Promise<void>;
  /** Continues from what `save` kept, to the bit; gathered gradients are dropped. @returns its metadata. */
  load(path: string): Promise<ReadonlyMap<string, string>>;
  dispose(): Promise<void>;
}

/** Who trains adapters of a policy. */
export interface Trainers<A = unknown> {
  /** How many tokens the policy has: at most this to the power of its length are the responses of a length. */
  readonly vocabularySize: number;
  /** How many numbers such an adapter has, or the model where all of it is trained. */
  parameters(adapter: Pick<TrainerOptions, "rank" | "targetModules" | "full">): number;
  /** Why they cannot train every weight, as a sentence; undefined where they can. */
  readonly noFull: string | undefined;
  /** The policy that an adapter which changes nothing is, to the bit. Absent: it is drawn from elsewhere, and may round otherwise. */
  readonly base?: Policy | undefined;
  /** Starts an adapter that changes nothing yet, or is as the one that it begins at. */
  start(options: TrainerOptions): Promise<Trainer<A>>;
  /** The policy with an adapter that was exported into a folder; its `dispose()` frees the adapter alone. */
  withAdapter(folder: string, name: string): Promise<Policy>;
}
