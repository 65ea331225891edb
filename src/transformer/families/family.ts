import type { DecoderJson } from "./config-json.js";
import type { ModelConfig } from "./model-config.js";

/** What a family sets beyond what its config.json has in common with Llama's. */
export type Switches = Partial<Omit<ModelConfig, "family">>;

/** One family of architectures: names and switches, nothing that computes. */
export interface Family {
  /** The `model_type` of its config.json. */
  readonly modelType: string;
  /** A `model_type` of larger models, which also see, whose `text_config` is a config.json of this family. */
  readonly textOf?: string;
  /** The class of Python's transformers. */
  readonly architecture: string;
  /** Fields that a config.json may leave out, with the values that transformers gives them. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /**
   * What its config.json says otherwise than Llama's.
   * @throws ModelError naming what is not supported, in `file`.
   */
  switches(json: DecoderJson, file: string): Switches;
  /** The fields of its config.json that Llama's does not have, or has otherwise. */
  fields(config: ModelConfig): Readonly<Record<string, unknown>>;
}
