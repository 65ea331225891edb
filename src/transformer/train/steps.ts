import { ModelError, UsageError } from "../../core/errors.js";
import type { AdamWOptions, AdamWState, BufferFeed, Session, Tensor } from "../../graph/index.js";

/** How a step is taken. */
export interface StepOptions extends AdamWOptions {
  /** Joint gradient norm at most this; Infinity for none. Default Infinity. */
  readonly clipNorm?: number;
}

/** A graph with the outputs `loss` and `gradient.i`, of every trained tensor, and what it is fed. */
export interface Pass {
  readonly session: Session;
  readonly feeds: Readonly<Record<string, Tensor | BufferFeed>>;
}

/** Gradients that are gathered, and AdamW's steps along them; after each the trained tensors' buffers hold what they are then. */
export interface Steps {
  /** How many were taken, those before a resume included. */
  readonly taken: number;
  /** Adds the gradients of a batch's passes to those of the next step. @returns the passes' loss. */
  gather(passes: AsyncIterable<Pass>): Promise<number>;
  /**
   * One step along what was gathered since the last. @returns the joint Euclidean norm before clipping.
   * @throws ModelError when loss or norm is not finite: the parameters are left as they were, and what was gathered is dropped; UsageError when
   * nothing was gathered.
   */
  step(learningRate: number): Promise<number>;
  /** Brings the trained tensors' own arrays up to date. */
  settle(): Promise<void>;
  /** The moments, and the step. */
  moments(): Promise<AdamWState>;
  /** Continues from moments that `moments` gave, as they have become since; what was gathered is dropped. The parameters are the caller's. */
  restore(moments: AdamWState): Promise<void>;
  dispose(): Promise<void>;
}

/** What was gathered since the last step. @throws UsageError where that is nothing. */
export function gatheredOf<G>(gathered: G | undefined): G {
  if (gathered !== undefined) return gathered;
  throw new UsageError("There is no gradient to step along; give a batch first.");
}

/** @param step its number, from 1. @throws ModelError where the loss or the gradients' norm is not finite. */
export function checkFinite(step: number, loss: number, norm: number): void {
  if (Number.isFinite(loss) && Number.isFinite(norm)) return;
  throw new ModelError(`Training diverged at step ${step} (loss ${loss}); use a lower learning rate.`);
}
