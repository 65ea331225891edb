import type { StoredGraph } from "../graph/web-engine.js";
import type { ModelConfig } from "../transformer/families/model-config.js";

/** The graphs of a page's model, each in `<name>.onnx`: the steps of drawing, at temperature 1 and at any, and the pass over a prompt. */
export const DEMO_GRAPHS = ["decode", "tempered", "prefix"] as const;

/** What is to be known of a page's model, `model.json`; its constants are in `constants.bin`. */
export interface StoredModel {
  readonly name: string;
  readonly config: ModelConfig;
  /** The longest sequence, prompt and response, in tokens. */
  readonly longest: number;
  /** tokenizer.json and tokenizer_config.json. */
  readonly tokenizer: object;
  readonly tokenizerConfig: object;
  readonly graphs: StoredDemoGraphs;
  /** The same for a GPU: each graph in `gpu-<name>.onnx`, constants in `gpu-constants.bin`, and the small graphs for buffers, in base64. */
  readonly gpu: {
    readonly graphs: StoredDemoGraphs;
    readonly helpers: Readonly<Record<string, string>>;
  };
}

/** What is to be known of each of a page's graphs. */
export type StoredDemoGraphs = Readonly<Record<(typeof DEMO_GRAPHS)[number], StoredGraph>>;
