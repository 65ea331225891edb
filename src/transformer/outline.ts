import { parseConfig, loadConfig, type ModelConfig } from "./families/config.js";
import { huggingFaceConfig } from "./format/gguf/config.js";
import { isGguf, readGgufHeader } from "./format/gguf/header.js";
import { ggufTokenizer, loadTokenizer, type Tokenizer } from "./text/tokenizer.js";

/** What of a model is known without its weights: all that is needed where another machine holds them. */
export interface Outline {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
}

/**
 * Reads configuration and tokenizer of a folder of Hugging Face layout, or of a .gguf file; the weights need not be there.
 * @throws ModelError as `loadModel`.
 */
export async function loadOutline(path: string): Promise<Outline> {
  if (!isGguf(path)) return { config: await loadConfig(path), tokenizer: await loadTokenizer(path) };
  const header = await readGgufHeader(path);
  return { config: parseConfig(await huggingFaceConfig(header), path), tokenizer: ggufTokenizer(header) };
}
