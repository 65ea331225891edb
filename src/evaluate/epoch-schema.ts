import { z } from "zod";
import type { EpochMetrics, Estimate, JudgedObjective } from "./metrics.js";

/** A field for each of a type's, and none besides. */
type Shape<T> = Record<keyof T, z.ZodType>;

const number = z.number();
const whole = z.int().min(0);

/** A figure as files hold it. */
export const estimate = z
  .strictObject({ value: number, low: number, high: number } satisfies Shape<Estimate>)
  .meta({ id: "estimate", description: "A figure with its 95 % interval over prompts." });

/** An iterate of training, as epochs.jsonl and metrics.json hold it. */
export const epoch = z
  .strictObject({
    epoch: whole.describe("0 is the untouched base."),
    trainLoss: number.exactOptional(),
    validationLoss: number,
    objective: z
      .strictObject({
        value: number,
        reward: number,
        kl: number,
        error: number
          .describe("Standard error of the gain over iterate 0; paired by prompt.")
          .exactOptional(),
        collapsed: z.boolean().describe("Its responses show signs of collapse.").exactOptional(),
      } satisfies Shape<JudgedObjective>)
      .describe("J_β = E[r] − β·KL, on the validation prompts.")
      .exactOptional(),
    accuracy: estimate.exactOptional(),
    logLikelihood: estimate.exactOptional(),
    entropy: estimate.exactOptional(),
    kl: estimate.exactOptional(),
    length: estimate.exactOptional(),
    repetition: estimate.exactOptional(),
    coverage: estimate.exactOptional(),
    samples: whole.exactOptional(),
  } satisfies Shape<EpochMetrics>)
  .meta({ id: "epoch", description: "An epoch or a round of training, on held-out prompts." });

/** A line of epochs.jsonl: what a later whetstone has besides is let be. */
export const epochLine = z.object(epoch.shape);
