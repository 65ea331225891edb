import { existsSync } from "node:fs";
import { join } from "node:path";
import { ModelError } from "../core/errors.js";
import { checkReplaced } from "./decoder/adapter-feeds.js";
import { wholeModel } from "./decoder/lora.js";
import { readWeights } from "./decoder/quantize.js";
import { loadConfig, tensorShapes, type ModelConfig } from "./families/config.js";
import { loadAdapter, type LoraAdapter } from "./format/peft.js";
import { checkWeights, openWeights } from "./format/weights.js";

/** Whether a folder that training wrote holds a model of its own, and not an adapter. */
export function holdsModel(folder: string): boolean {
  return !existsSync(join(folder, "adapter_config.json")) && existsSync(join(folder, "config.json"));
}

/**
 * Reads what training wrote into a folder: an adapter, or every weight of a model.
 * @param config the base's.
 * @throws ModelError as `loadAdapter` and `loadModel`, and for a model of other sizes.
 */
export async function loadTrained(folder: string, config: ModelConfig): Promise<LoraAdapter> {
  if (!holdsModel(folder)) return loadAdapter(folder);
  const own = await loadConfig(folder);
  const shapes = tensorShapes(own);
  const missing = [...tensorShapes(config).keys()].find((name) => !shapes.has(name));
  if (missing !== undefined)
    throw new ModelError(`${folder} is no training of this model: it has no weight ${missing}.`);
  const source = await openWeights(folder);
  try {
    checkWeights(source, shapes, folder);
    const { weights } = await readWeights(source, own, shapes.keys(), undefined);
    const trained = wholeModel(weights);
    checkReplaced(config, trained);
    return trained;
  } finally {
    await source.close();
  }
}
