import { ModelError } from "../../core/errors.js";
import type { DecoderJson } from "./config-json.js";
import type { ModelConfig, SlidingAttention } from "./model-config.js";

const KINDS: readonly string[] = ["full_attention", "sliding_attention"];

/**
 * The sliding layers of a config.json; undefined where none is, and where the window holds the longest sequence.
 * @param slides for files without `layer_types`.
 * @throws ModelError for a malformed `layer_types`, and for sliding layers without a window.
 */
export function slidingLayers(
  json: DecoderJson,
  slides: (layer: number) => boolean,
  file: string,
): SlidingAttention | undefined {
  const { layer_types: types, num_hidden_layers: count, sliding_window: window } = json;
  if (types != null && types.length !== count) {
    throw new ModelError(`${file}: layer_types has ${types.length} entries for ${count} layers`);
  }
  const odd = types?.find((type) => !KINDS.includes(type));
  if (odd !== undefined) {
    throw new ModelError(
      `${file}: layer_types has "${odd}", which is not supported; supported is ${KINDS.join(" and ")}`,
    );
  }
  const layers = Array.from({ length: count }, (_, layer) => layer).filter((layer) =>
    types == null ? slides(layer) : types[layer] === "sliding_attention",
  );
  if (layers.length === 0) return undefined;
  if (window == null) throw new ModelError(`${file}: sliding layers need sliding_window`);
  return { window, layers };
}

/** `sliding` where its window is shorter than the longest sequence: a longer one hides nothing. */
export function whereItHides(
  sliding: SlidingAttention | undefined,
  json: DecoderJson,
): Pick<ModelConfig, "sliding"> {
  return sliding && sliding.window < json.max_position_embeddings ? { sliding } : {};
}

/** The `layer_types` of a configuration. */
export function layerTypes({ layers, sliding }: ModelConfig): string[] {
  return Array.from({ length: layers }, (_, layer) =>
    sliding?.layers.includes(layer) === true ? "sliding_attention" : "full_attention",
  );
}
