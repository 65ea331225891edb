import { handfulOf, quantizationError, type QuantizationError } from "../evaluate/quantization.js";
import type { LocalPolicy } from "../policy/local-policy.js";
import type { Prompt, Response } from "../policy/policy.js";
import { quantizationInWords } from "../report/quantization.js";
import type { Run } from "../run/run.js";
import { measureQuantization } from "../sharpen/measure-quantization.js";
import type { Quantization } from "../transformer/decoder/quantize.js";
import type { Context } from "./context.js";
import { loadPolicy, type Machine, type ModelSource } from "./sources.js";

/** Measures what quantizing has done to a run's base, if it is quantized: the model is loaded in float32, too. */
export async function measureIfQuantized(run: Run, source: ModelSource, machine: Machine): Promise<void> {
  const { quantize } = source;
  if (quantize !== undefined) await measureQuantization(run, quantize, () => loadFloat(source, machine));
}

/** What there is to say of an answer of a quantized model, for the JSON object; what it has done is measured if asked for. */
export async function quantizedAnswer(
  source: ModelSource,
  prompt: Prompt,
  responses: readonly Response[],
  { all = false, ...machine }: Machine & { readonly all?: boolean | undefined },
  context: Context,
): Promise<{ readonly quantize?: Quantization; readonly quantization?: QuantizationError }> {
  const { quantize } = source;
  if (quantize === undefined) return {};
  if (!all) return { quantize };
  const float = await loadFloat(source, machine);
  try {
    const drawn = handfulOf(responses).map((response) => ({ prompt, response }));
    const quantization = await quantizationError(quantize, float, drawn);
    context.note(quantizationInWords(quantization));
    return { quantize, quantization };
  } finally {
    await float.dispose();
  }
}

function loadFloat({ folder, ...source }: ModelSource, machine: Machine): Promise<LocalPolicy> {
  return loadPolicy({ ...source, folder: folder!, quantize: "float32" }, machine);
}
