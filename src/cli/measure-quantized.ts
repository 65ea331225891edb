import { handfulOf, quantizationError, type QuantizationError } from "../evaluate/quantization.js";
import type { Policy, Prompt, Response } from "../policy/policy.js";
import { quantizationInWords } from "../report/quantization.js";
import type { Run } from "../run/run.js";
import { measureQuantization, type FloatModel } from "../sharpen/measure-quantization.js";
import type { Quantization } from "../transformer/decoder/quantize.js";
import type { Context } from "./context.js";
import { loadPolicy, type Machine, type ModelSource } from "./sources.js";

/**
 * Measures what quantizing has done to a run's base, if it is quantized: the model is loaded in float32, too, unless the policy has it so.
 * @param chosen the run's task and rewards; absent where nothing was chosen.
 */
export async function measureIfQuantized(
  run: Run,
  policy: Policy,
  { source, machine }: { readonly source: ModelSource; readonly machine: Machine },
  chosen?: Parameters<typeof measureQuantization>[3],
): Promise<void> {
  const { quantize } = source;
  if (quantize !== undefined)
    await measureQuantization(run, quantize, () => floatOf(policy, source, machine), chosen);
}

/** How an answer came about. */
interface Answered {
  readonly policy: Policy;
  readonly prompt: Prompt;
  /** As they were drawn. */
  readonly responses: readonly Response[];
  /** Whether they are samples of the model at temperature 1, with nothing left out. */
  readonly asItIs: boolean;
}

/** What there is to say of an answer of a quantized model, for the JSON object; what it has done is measured if asked for. */
export async function quantizedAnswer(
  source: ModelSource,
  { policy, prompt, responses, asItIs }: Answered,
  { all = false, ...machine }: Machine & { readonly all?: boolean | undefined },
  context: Context,
): Promise<{ readonly quantize?: Quantization; readonly quantization?: QuantizationError }> {
  const { quantize } = source;
  if (quantize === undefined) return {};
  if (!all) return { quantize };
  const float = await floatOf(policy, source, machine);
  try {
    const drawn = handfulOf(responses).map((response) => ({ prompt, response }));
    const quantization = await quantizationError(quantize, float, drawn, asItIs);
    context.note(quantizationInWords(quantization));
    return { quantize, quantization };
  } finally {
    await float.dispose();
  }
}

/** The model in float32: what the policy has beside itself, which stays its own, or loaded. */
function floatOf(
  { unrounded }: Policy,
  { folder, exactChoice: _, ...source }: ModelSource,
  machine: Machine,
): Promise<FloatModel> {
  if (!unrounded) return loadPolicy({ ...source, folder: folder!, quantize: "float32" }, machine);
  return Promise.resolve({
    logProb: (examples) => unrounded.logProb(examples),
    dispose: async () => undefined,
  });
}
