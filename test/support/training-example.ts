import { randomStream } from "../../src/core/random.js";
import { ALL_LINEARS, newAdapter } from "../../src/transformer/decoder/lora.js";
import type { TokenPair } from "../../src/transformer/decoder/packing.js";
import type { ModelConfig } from "../../src/transformer/families/config.js";
import type { LoraAdapter } from "../../src/transformer/format/peft.js";
import { randomAdapter } from "../../src/transformer/tiny-models.test-helper.js";

/** What devices are compared on in training: an adapter on all linears, the same at each call, and a batch with weights. */
export const freshAdapter = (config: ModelConfig): LoraAdapter =>
  randomAdapter(
    newAdapter(config, { rank: 4, targetModules: ALL_LINEARS }, randomStream(1, "adapter")),
    2,
    0.1,
  );

export const PAIRS: readonly TokenPair[] = [
  { prompt: [3, 1, 4], response: [1, 5, 9, 2] },
  { prompt: [2], response: [7, 1, 8] },
];
export const PAIR_WEIGHTS: readonly number[] = [0.25, 1];
