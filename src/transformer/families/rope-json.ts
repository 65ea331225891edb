import { z } from "zod";
import { ModelError } from "../../core/errors.js";
import type { ModelConfig, RopeScaling } from "./model-config.js";

const positive = z.number().positive();
const factors = z.array(positive).max(1 << 14);

const oneRope = z.looseObject({
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  rope_theta: positive.nullish(),
  partial_rotary_factor: z.number().nullish(),
  factor: positive.nullish(),
  low_freq_factor: positive.nullish(),
  high_freq_factor: positive.nullish(),
  original_max_position_embeddings: z
    .int()
    .min(1)
    .max(1 << 28)
    .nullish(),
  short_factor: factors.nullish(),
  long_factor: factors.nullish(),
  attention_factor: positive.nullish(),
});

/**
 * `rope_scaling` of transformers 4, or `rope_parameters` of transformers 5, which holds the base too, and for kinds of
 * layers that differ one entry each.
 */
export const ropeSchema = oneRope.extend({
  full_attention: oneRope.nullish(),
  sliding_attention: oneRope.nullish(),
});
type RopeJson = z.infer<typeof oneRope>;

/** The fields of a config.json that say how positions are rotated. */
export interface RopeSource {
  readonly max_position_embeddings: number;
  readonly original_max_position_embeddings?: number | null | undefined;
  readonly rope_theta?: number | null | undefined;
  readonly rope_scaling?: RopeJson | null | undefined;
  readonly rope_parameters?: RopeJson | null | undefined;
  readonly partial_rotary_factor?: number | null | undefined;
}

const DEFAULT_THETA = 10_000;
const SUPPORTED = `type "default", "linear", "llama3" and "longrope"`;

/** What a config.json says of the rotary positions. @throws ModelError for another kind, and for a malformed one. */
export function parseRope(
  json: RopeSource,
  headDim: number,
  file: string,
): Pick<ModelConfig, "ropeTheta" | "ropeScaling" | "rotaryDim"> {
  const field = json.rope_parameters == null ? "rope_scaling" : "rope_parameters";
  const rope = json[field] ?? {};
  const partial = rope.partial_rotary_factor ?? json.partial_rotary_factor ?? 1;
  const rotaryDim = Math.trunc(headDim * partial);
  if (!(partial > 0 && partial <= 1) || (partial < 1 && (rotaryDim < 2 || rotaryDim % 2 !== 0))) {
    throw new ModelError(
      `${file}: partial_rotary_factor ${partial} does not leave an even part of a head of ${headDim}`,
    );
  }
  const scaling = parseScaling(json, rope, field, rotaryDim, file);
  return {
    ropeTheta: rope.rope_theta ?? json.rope_theta ?? DEFAULT_THETA,
    ...(scaling && { ropeScaling: scaling }),
    ...(rotaryDim === headDim || partial === 1 ? {} : { rotaryDim }),
  };
}

function parseScaling(
  json: RopeSource,
  rope: RopeJson,
  field: string,
  rotaryDim: number,
  file: string,
): RopeScaling | undefined {
  const type = rope.rope_type ?? rope.type ?? "default";
  const need = <T>(name: string, value: T | null | undefined): T => {
    if (value == null) throw new ModelError(`${file}: ${field} of type "${type}" needs ${name}`);
    return value;
  };
  const original = rope.original_max_position_embeddings ?? json.original_max_position_embeddings;
  switch (type) {
    case "default":
      return undefined;
    case "linear":
      return { kind: "linear", factor: need("factor", rope.factor) };
    case "llama3":
      return {
        kind: "llama3",
        factor: need("factor", rope.factor),
        lowFrequencyFactor: need("low_freq_factor", rope.low_freq_factor),
        highFrequencyFactor: need("high_freq_factor", rope.high_freq_factor),
        originalMaxPositions: original ?? json.max_position_embeddings,
      };
    // Its first name.
    case "su":
    case "longrope": {
      const shortFactors = need("short_factor", rope.short_factor);
      const longFactors = need("long_factor", rope.long_factor);
      for (const [name, list] of [
        ["short_factor", shortFactors],
        ["long_factor", longFactors],
      ] as const) {
        if (list.length !== rotaryDim / 2) {
          throw new ModelError(
            `${file}: ${field}.${name} has ${list.length} numbers, ${rotaryDim} rotated ones need ${rotaryDim / 2}`,
          );
        }
      }
      const originalMaxPositions = original ?? json.max_position_embeddings;
      return {
        kind: "longrope",
        shortFactors,
        longFactors,
        originalMaxPositions,
        attentionFactor:
          rope.attention_factor ??
          longRopeAttention(
            rope.factor ?? json.max_position_embeddings / originalMaxPositions,
            originalMaxPositions,
          ),
      };
    }
    default:
      throw new ModelError(`${file}: ${field} of type "${type}" is not supported; supported is ${SUPPORTED}`);
  }
}

/** √(1 + ln(factor) / ln(original)) beyond the original length, else 1 (Ding et al. 2024). */
function longRopeAttention(factor: number, original: number): number {
  return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
}

/** Both spellings of the rotary fields: transformers 4 reads `rope_theta`, transformers 5 prefers `rope_parameters`. */
export function ropeFields(config: ModelConfig): Record<string, unknown> {
  const { ropeTheta, ropeScaling, rotaryDim, headDim } = config;
  const partial = rotaryDim === undefined ? {} : { partial_rotary_factor: rotaryDim / headDim };
  const scaling = ropeScaling && scalingFields(ropeScaling);
  return {
    rope_parameters: { rope_theta: ropeTheta, rope_type: "default", ...scaling, ...partial },
    rope_scaling: scaling ?? null,
    rope_theta: ropeTheta,
    ...partial,
  };
}

function scalingFields(scaling: RopeScaling): Record<string, unknown> {
  switch (scaling.kind) {
    case "linear":
      return { rope_type: "linear", factor: scaling.factor };
    case "llama3":
      return {
        rope_type: "llama3",
        factor: scaling.factor,
        low_freq_factor: scaling.lowFrequencyFactor,
        high_freq_factor: scaling.highFrequencyFactor,
        original_max_position_embeddings: scaling.originalMaxPositions,
      };
    case "longrope":
      return {
        rope_type: "longrope",
        short_factor: [...scaling.shortFactors],
        long_factor: [...scaling.longFactors],
        original_max_position_embeddings: scaling.originalMaxPositions,
        attention_factor: scaling.attentionFactor,
      };
  }
}
