/** How the rotary frequencies of Llama are changed for longer contexts; the formulas are in `rotary.ts`. */
export type RopeScaling =
  | { readonly kind: "linear"; readonly factor: number }
  /** Llama 3.1: long wavelengths are stretched, short ones kept, those between blended. */
  | {
      readonly kind: "llama3";
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalMaxPositions: number;
    }
  /** LongRoPE (Ding et al. 2024): a divisor for each frequency, others for sequences beyond the original length. */
  | {
      readonly kind: "longrope";
      readonly shortFactors: readonly number[];
      readonly longFactors: readonly number[];
      readonly originalMaxPositions: number;
      /** Multiplies cosines and sines. */
      readonly attentionFactor: number;
    };

/** Layers that see the nearest tokens only. */
export interface SlidingAttention {
  /** A token sees itself and the `window` − 1 tokens before it. */
  readonly window: number;
  /** Their indices, ascending. */
  readonly layers: readonly number[];
  /** The base of their rotary frequencies, unscaled; absent: as in the other layers. */
  readonly ropeTheta?: number;
}

/**
 * The sizes and constants of a decoder-only transformer. What stands after `padTokenId` are the families' switches:
 * absent, the decoder is Llama's.
 */
export interface ModelConfig {
  /** Rows of the embedding and of the head; token ids are 0 … vocabSize − 1. */
  readonly vocabSize: number;
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Width of the gated feed-forward part. */
  readonly intermediateSize: number;
  readonly layers: number;
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads; divides `heads`. */
  readonly kvHeads: number;
  /** Width of one head, even; not always hiddenSize / heads. */
  readonly headDim: number;
  /** ε of the RMS norms. */
  readonly rmsNormEps: number;
  /** Base of the rotary frequencies. */
  readonly ropeTheta: number;
  /** The longest sequence the model was made for, in tokens. */
  readonly maxPositions: number;
  /** Whether the head is the transposed embedding. */
  readonly tieWordEmbeddings: boolean;
  readonly bosTokenId?: number;
  /** The tokens that end a response; may be empty. */
  readonly eosTokenIds: readonly number[];
  readonly padTokenId?: number;

  /** The `model_type` under which Hugging Face files know it. Absent: "llama". */
  readonly family?: string;
  readonly ropeScaling?: RopeScaling;
  /** How many of a head's numbers, from the first on, are rotated; even. Absent: all. */
  readonly rotaryDim?: number;
  readonly sliding?: SlidingAttention;
  /** Linears that add a bias, by the last part of their names: ["q_proj", "k_proj", "v_proj"] in Qwen2. */
  readonly biases?: readonly string[];
  /** q, k and v are one linear, `qkv_proj`; gate and up another, `gate_up_proj` (Phi-3). */
  readonly fusedLinears?: true;
  /** Each head of the queries and of the keys is normalized before it is rotated (`q_norm`, `k_norm`). */
  readonly queryKeyNorm?: true;
  /** Norms multiply by 1 + w, w being the weight in the file (Gemma). */
  readonly normsAroundOne?: true;
  /** Attention and feed-forward part have a norm behind them too, before they are added (Gemma 3). */
  readonly sandwichNorms?: true;
  /** Multiplies the embeddings as they enter the first layer. Absent: 1. */
  readonly embeddingScale?: number;
  /** Scores of attention are divided by its square root. Absent: headDim. */
  readonly queryScalar?: number;
  /** Of the gate. Absent: SiLU. */
  readonly activation?: "gelu-tanh";
}
