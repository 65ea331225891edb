import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomStream } from "../../src/core/random.js";
import {
  tensorShapes,
  toHuggingFaceConfig,
  type ModelConfig,
} from "../../src/transformer/families/config.js";
import { writeSafetensors, type FloatTensor } from "../../src/transformer/format/safetensors.js";
import { ROOT } from "./fixture.js";

/** The smallest model that the embedded model's tokenizer fits: everything real, the weights random. */
const CONFIG: ModelConfig = {
  vocabSize: 212,
  hiddenSize: 16,
  intermediateSize: 32,
  layers: 1,
  heads: 2,
  kvHeads: 1,
  headDim: 8,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  maxPositions: 64,
  tieWordEmbeddings: true,
  bosTokenId: 1,
  eosTokenIds: [2],
  padTokenId: 0,
};

/**
 * Writes a random model of Hugging Face layout, with the tokenizer of models/game24, into a new folder.
 * @param other what is otherwise than in the smallest Llama.
 */
export async function writeTinyModel(
  folder: string,
  seed = 1,
  other: Partial<ModelConfig> = {},
): Promise<void> {
  const config = { ...CONFIG, ...other };
  mkdirSync(folder, { recursive: true });
  for (const name of ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]) {
    cpSync(join(ROOT, "models", "game24", name), join(folder, name));
  }
  const stream = randomStream(seed, "tiny model");
  const weights = new Map<string, FloatTensor>();
  for (const [name, shape] of tensorShapes(config)) {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    const data = Float32Array.from({ length: size }, () => (shape.length === 1 ? 1 : 0.3 * stream.normal()));
    weights.set(name, { shape, data });
  }
  await writeSafetensors(join(folder, "model.safetensors"), weights);
  writeFileSync(join(folder, "config.json"), JSON.stringify(toHuggingFaceConfig(config)));
}

/** Writes a file of fourteen prompts that such a model can read, in the three splits by turns. */
export function writeTinyPrompts(path: string): void {
  const lines = Array.from({ length: 14 }, (_, i) =>
    JSON.stringify({
      id: `p${i}`,
      prompt: `${i} 2 3 4 = 24 :`,
      split: ["test", "train", "validation"][i % 3],
    }),
  );
  writeFileSync(path, lines.join("\n"));
}
