/** How a file is opened by the library. */
export type Opener =
  "safetensors" | "weights" | "adapter" | "model" | "config" | "tokenizer" | "jsonl" | "parquet";

/** A malformed or hostile file, and what is said of it. */
export interface BadFile {
  readonly what: string;
  readonly opener: Opener;
  /** Makes it in a folder of its own; gives what is opened. */
  readonly make: (folder: string) => string;
  /** What the one sentence says; undefined: it is harmless, and accepted. */
  readonly message: RegExp | undefined;
  /** Milliseconds that it may take, if not 2000. */
  readonly limitMs?: number;
}
