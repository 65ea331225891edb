/** A loss and its derivative with respect to the log-probability of each sequence. */
export interface LossValue {
  readonly loss: number;
  /** ∂loss/∂log π(y_i | x_i), as long as the log-probabilities given. */
  readonly gradient: Float64Array;
}

/**
 * A training loss as a function of sequence log-probabilities log π_θ(y_i | x_i) (whole sequence, nats), defined once
 * and used by every trainable policy: the chain rule through ∂log π/∂θ is the policy's own business.
 */
export interface Objective {
  /** `sft`, `dpo` or `xpo`. */
  readonly name: string;
  /** How many sequences it is a function of. */
  readonly sequences: number;
  /** ∂loss/∂log π where it depends on no log-probability, as SFT's: a training step then takes one pass, not two. */
  readonly constantGradient?: Float64Array;
  /** @param logProbs `sequences` values; −∞ is not allowed. */
  evaluate(logProbs: ArrayLike<number>): LossValue;
}

/** Two responses to one prompt and what is known of them before training. */
export interface ResponsePair {
  /** Position of y among the sequences. For XPO it was drawn from the current policy, otherwise from the base. */
  readonly first: number;
  /** Position of y′, drawn from the base. */
  readonly second: number;
  /** log π_base(y|x) − log π_base(y′|x), in nats: known from sampling. */
  readonly referenceGap: number;
  /** r(y|x) − r(y′|x). For maximum-likelihood sharpening it equals `referenceGap`. */
  readonly rewardGap: number;
  /** How often the pair occurs; 1 by default. */
  readonly weight?: number;
}
