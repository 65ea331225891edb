import type { Graph, Value } from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import type { RopeScaling } from "../families/model-config.js";

/** Cosines and sines of the rotary angles, a row per position (RoPE, half-split): [positions, rotated/2]. */
export interface RotaryTable {
  readonly cos: Value;
  readonly sin: Value;
}

/** The table of each layer; layers of one kind share one. */
export type RotaryTables = readonly RotaryTable[];

/**
 * The tables for positions 0 … length − 1, of `rows` rows: ONNX Runtime takes no sequence that has more places than the table has rows, also
 * where they are a tree's. With LongRoPE the frequencies depend on `length`: a graph for sequences beyond the
 * original length has the long factors for all positions, so that one graph is one distribution (Python's
 * transformers changes them within a response, once it has grown too long).
 */
export function rotaryTables(
  graph: Graph,
  config: ModelConfig,
  length: number,
  rows: number = length,
): RotaryTables {
  const { ropeTheta, ropeScaling, sliding } = config;
  const { frequencies, amplitude } = scaled(baseFrequencies(config, ropeTheta), ropeScaling, length);
  const common = table(graph, "rotary", frequencies, amplitude, rows);
  const localTheta = sliding?.ropeTheta;
  const local =
    localTheta === undefined
      ? common
      : table(graph, "rotary.local", baseFrequencies(config, localTheta), 1, rows);
  return Array.from({ length: config.layers }, (_, layer) =>
    sliding?.layers.includes(layer) === true ? local : common,
  );
}

/**
 * The longest sequence, up to `limit`, that has the model's ordinary frequencies: with LongRoPE the original length,
 * since beyond it the short sequences change too.
 */
export function ordinaryLength({ maxPositions, ropeScaling }: ModelConfig, limit: number): number {
  const longest = ropeScaling?.kind === "longrope" ? ropeScaling.originalMaxPositions : maxPositions;
  return Math.min(maxPositions, longest, limit);
}

/** 1 / theta^(2i/d) for the pairs of a head. Frequencies and angles are float32 as in the models' own code. */
function baseFrequencies({ headDim, rotaryDim = headDim }: ModelConfig, theta: number): Float32Array {
  const half = rotaryDim / 2;
  return Float32Array.from({ length: half }, (_, i) => 1 / Math.fround(theta ** (i / half)));
}

function scaled(
  base: Float32Array,
  scaling: RopeScaling | undefined,
  length: number,
): { readonly frequencies: Float32Array; readonly amplitude: number } {
  switch (scaling?.kind) {
    case undefined:
      return { frequencies: base, amplitude: 1 };
    case "linear":
      return { frequencies: base.map((frequency) => frequency / scaling.factor), amplitude: 1 };
    case "llama3":
      return { frequencies: base.map((frequency) => blended(frequency, scaling)), amplitude: 1 };
    case "longrope": {
      const { shortFactors, longFactors, originalMaxPositions, attentionFactor } = scaling;
      const factors = length > originalMaxPositions ? longFactors : shortFactors;
      return {
        frequencies: base.map((frequency, i) => frequency / factors[i]!),
        amplitude: attentionFactor,
      };
    }
  }
}

/** Llama 3.1: divided by the factor below the low frequency, unchanged above the high one, between them a mix of both. */
function blended(frequency: number, scaling: Extract<RopeScaling, { kind: "llama3" }>): number {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalMaxPositions } = scaling;
  // How many turns the frequency makes in the original length.
  const turns = (originalMaxPositions * frequency) / (2 * Math.PI);
  if (turns < low) return frequency / factor;
  if (turns > high) return frequency;
  const smooth = (turns - low) / (high - low);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}

function table(
  graph: Graph,
  name: string,
  frequencies: Float32Array,
  amplitude: number,
  rows: number,
): RotaryTable {
  const half = frequencies.length;
  const cos = new Float32Array(rows * half);
  const sin = new Float32Array(rows * half);
  for (let position = 0; position < rows; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]!);
      cos[position * half + i] = amplitude * Math.cos(angle);
      sin[position * half + i] = amplitude * Math.sin(angle);
    }
  }
  return {
    cos: graph.initializer(`${name}.cos`, "float32", [rows, half], cos),
    sin: graph.initializer(`${name}.sin`, "float32", [rows, half], sin),
  };
}
