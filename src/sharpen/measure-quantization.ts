import {
  handfulOf,
  quantizationError,
  quantizationErrorSchema,
  type QuantizationError,
} from "../evaluate/quantization.js";
import type { Policy } from "../policy/policy.js";
import type { RunReader } from "../run/read-run.js";
import type { Run } from "../run/run.js";
import { byPlace } from "./draw.js";

const FILE = "quantization.json";

/** What was measured of a run's quantized base; undefined where nothing was. */
export function readQuantization(run: RunReader): QuantizationError | undefined {
  const result = quantizationErrorSchema.safeParse(run.json(FILE));
  return result.success ? result.data : undefined;
}

/**
 * Measures, once a run, what quantizing the base has done to log π, on a handful of its responses, and writes it to
 * quantization.json.
 * @param loadFloat the same model in float32; disposed of here.
 */
export async function measureQuantization(
  run: Run,
  quantization: string,
  loadFloat: () => Promise<Policy>,
): Promise<void> {
  if (readQuantization(run) !== undefined) return;
  const prompts = await run.prompts();
  const known = new Map(prompts.map((prompt) => [prompt.id, prompt]));
  const responses = (await run.responses()).filter(
    ({ promptId, tokens }) => known.has(promptId) && tokens.length > 0,
  );
  responses.sort(byPlace(prompts));
  if (responses.length === 0) return;
  const drawn = handfulOf(responses).map((response) => ({
    prompt: known.get(response.promptId)!,
    response,
  }));
  const float = await loadFloat();
  try {
    await run.writeJson(FILE, await quantizationError(quantization, float, drawn));
  } finally {
    await float.dispose();
  }
}
