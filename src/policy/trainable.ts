import type { AdamWOptions } from "../graph/index.js";
import type { LoraOptions } from "../transformer/decoder/lora.js";
import type { LoraAdapter } from "../transformer/format/peft.js";
import type { ScoredTokens } from "../transformer/runtime.js";
import { requireAbility } from "./capabilities.js";
import type { Policy, ScoreRequest } from "./policy.js";

/** How an adapter is made and stepped. */
export interface TrainingOptions extends AdamWOptions {
  readonly lora: LoraOptions;
  /** Joint gradient norm at most this. Default Infinity. */
  readonly clipNorm?: number;
  /** Fixes the adapter's initial values. */
  readonly seed: number;
}

/** A Policy whose log-probabilities can be differentiated and stepped. */
export interface TrainablePolicy extends Policy {
  /** How many tokens there are: at most this to the power of its length are the responses of a length. */
  readonly vocabularySize: number;
  /** How many numbers such an adapter has. */
  adapterParameters(lora: LoraOptions): number;
  /** Per token log π and KL(uniform ‖ p) of given responses, at temperature 1, in nats: as a response has that was drawn. */
  score(examples: readonly ScoreRequest[]): Promise<readonly ScoredTokens[]>;
  /** Starts an adapter that changes nothing yet. */
  train(options: TrainingOptions): Promise<Training>;
  /** The same policy with an adapter; its `dispose()` frees the adapter alone. */
  withAdapter(adapter: LoraAdapter, name?: string): Promise<Policy>;
}

/** Whether a policy can be trained. */
export function isTrainable(policy: Policy): policy is TrainablePolicy {
  return policy.can.trains;
}

/** @throws UsageError with who needs it and what to do, where it cannot. */
export function requireTrainable(policy: Policy, who: string): asserts policy is TrainablePolicy {
  requireAbility(policy, "trains", who);
}

/** An adapter under training. */
export interface Training {
  /** The parameters as they are now; the arrays change with each step. */
  readonly adapter: LoraAdapter;
  readonly steps: number;
  /**
   * One optimizer step that lowers −Σ_i weights[i] · log π(y_i | x_i): weights are minus the derivative of the objective
   * by each sequence's log-probability.
   * @returns that sum before the step, and the gradient's norm before clipping.
   */
  step(
    examples: readonly ScoreRequest[],
    weights: readonly number[],
    learningRate: number,
  ): Promise<{ readonly loss: number; readonly gradientNorm: number }>;
  /** Per-token log π under the parameters as they are. */
  logProb(examples: readonly ScoreRequest[]): Promise<readonly ArrayLike<number>[]>;
  /** Writes everything that the next step depends on. */
  save(path: string, metadata: Readonly<Record<string, string>>): Promise<void>;
  /** Continues from what `save` wrote. @returns its metadata. */
  load(path: string): Promise<ReadonlyMap<string, string>>;
  dispose(): Promise<void>;
}
