/** The sizes and constants of a decoder-only transformer of the Llama kind. */
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
}

/** One family of architectures: how its config.json reads and writes, and which weights it has. */
export interface Family {
  /** The `model_type` of its config.json. */
  readonly modelType: string;
  /**
   * Validates a config.json of this family.
   * @param file named in the errors.
   * @throws ModelError naming the first field that is missing, malformed or of an unsupported kind.
   */
  parse(json: unknown, file: string): ModelConfig;
  /** The config.json that Python's transformers loads as this family. */
  toHuggingFace(config: ModelConfig): Record<string, unknown>;
  /** Every weight by its Hugging Face name, with its shape; a linear is [out, in]. */
  tensorShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]>;
}
