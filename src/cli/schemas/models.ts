import { z } from "zod";
import { DEVICE_NAMES } from "../../graph/device.js";
import type { Inspection } from "../../transformer/inspect.js";

const text = z.string();
const whole = z.int().min(0);
const found = z.strictObject({ name: text, path: text, commit: text.exactOptional() });

const inspection = {
  path: text,
  family: text,
  parameters: whole,
  layers: whole,
  hiddenSize: whole,
  heads: whole,
  kvHeads: whole,
  vocabSize: whole,
  maxPositions: whole,
  chatTemplate: z.boolean(),
  formats: z.record(text, whole).describe("Tensors by format."),
  bytes: whole,
  need: z.record(text, z.number()).describe("Bytes of memory for drawing, by how the model is held."),
  fullTraining: whole.describe("Bytes of memory that training every weight takes beside the model."),
} satisfies Record<keyof Inspection, z.ZodType>;

const device = z.strictObject({ name: z.enum(DEVICE_NAMES), problem: text.exactOptional() });
const devices = z
  .array(device)
  .describe("The kinds of devices, each with why this machine cannot use it, where that is so.");

/** The last line of `models`. */
export const models = z.union([
  z
    .strictObject({
      models: z.array(
        z.strictObject({ name: text, parameters: whole, digest: text, folder: text, card: text.nullable() }),
      ),
      cached: z.array(found).describe("In the Hugging Face cache."),
      ollama: z.array(found),
    })
    .describe("Without an action: the models that come with whetstone, and those that are cached."),
  z.strictObject({ name: text, path: text }).describe("pull"),
  z.strictObject({ name: text, ...inspection, devices }).describe("inspect"),
]);
