import { UsageError } from "../core/errors.js";
import { DEVICE_NAMES, type DeviceName } from "../graph/device.js";
import type { QuantizationError } from "../evaluate/quantization.js";
import { QUANTIZED_TRAINING } from "../policy/local-draws.js";
import { quantizationInWords } from "../report/quantization.js";
import type { RunReader } from "../run/read-run.js";
import { readQuantization } from "../sharpen/measure-quantization.js";
import type { KvCacheType } from "../transformer/decode/cache-inputs.js";
import { QUANTIZATIONS, type Quantization } from "../transformer/decoder/quantize.js";
import type { Context } from "./context.js";
import { flag } from "./option-spec.js";
import { oneOf, positive, wholeNumber } from "./values.js";

/** A device, or whichever a trial finds the faster. */
export type DeviceChoice = DeviceName | "auto";

/** How the base is held. */
export const HOLDING_OPTIONS = {
  quantize: {
    flags: "--quantize <how>",
    description:
      "hold the linear layers' weights in fewer bits: int8, int4, int4a8 (four bits, and what they meet in eight), float16, keep (blocks and 16-bit floats as their file has them), or keepa8 (as keep, and what blocks meet in eight bits)",
    parse: oneOf(QUANTIZATIONS),
    otherwise: "float32, or keep where that does not fit into memory",
  },
  exactChoice: flag(
    "--exact-choice",
    "with --quantize int8, int4, int4a8, float16 or keepa8: hold the model unrounded too, and score in it what could be the best, so that the choice is the exact best of what was drawn",
  ),
  kvCache: {
    flags: "--kv-cache <type>",
    description:
      "hold keys and values of earlier tokens in float32 or float16: half of the memory, so that more responses fit at once, and what is drawn is rounded by it",
    parse: oneOf<KvCacheType>(["float32", "float16"]),
    otherwise: "float32",
  },
  maxLength: {
    flags: "--max-length <tokens>",
    description:
      "the longest sequence in tokens, prompt and response together; beyond its original length a LongRoPE model uses its long factors",
    parse: wholeNumber(2, 2 ** 20),
    otherwise: "the model's limit, at most 8192; with LongRoPE its original length",
  },
  device: {
    flags: "--device <name>",
    description:
      "what computes the model: cpu, webgpu (a GPU through Metal, Direct3D 12 or Vulkan), or auto, which takes the GPU where a trial finds it faster",
    parse: oneOf<DeviceChoice>(["auto", ...DEVICE_NAMES]),
    otherwise: "cpu",
  },
  memory: {
    flags: "--memory <GB>",
    description: "the most memory to take: fewer responses are drawn at once where more would need more",
    parse: positive(),
    otherwise: "what is free, less 1 GB",
  },
  checkpointing: flag(
    "--checkpointing",
    "train in less memory, by computing each layer again for its gradients: a third more time (default: where memory asks for it)",
  ),
} as const;

/** @throws UsageError if there is training to do, and the base's weights are rounded. */
export function refuseTraining(quantize: Quantization | undefined, remedy: string): void {
  if (quantize !== undefined && quantize !== "keep")
    throw new UsageError(
      `${QUANTIZED_TRAINING}; use --quantize keep or leave it out to train. ${remedy}`.trimEnd(),
    );
}

/** Tells what quantizing a run's base has done. @returns the same for the JSON object; nothing where it is not quantized. */
export function quantizationResult(
  run: RunReader,
  context: Context,
): { readonly quantization?: QuantizationError } {
  const quantization = readQuantization(run);
  if (quantization === undefined) return {};
  context.say(`${quantizationInWords(quantization)}\n`);
  return { quantization };
}
