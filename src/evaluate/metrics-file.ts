import { z } from "zod";
import { DataError } from "../core/errors.js";
import type { Metrics } from "./metrics.js";

const estimate = z.object({ value: z.number(), low: z.number(), high: z.number() });
const byN = <T extends z.ZodType>(value: T): z.ZodRecord<z.ZodString, T> => z.record(z.string(), value);
const answers = z.looseObject({
  accuracy: estimate.exactOptional(),
  logLikelihood: estimate,
  length: estimate,
});
const histogram = z.object({ edges: z.array(z.number()), counts: z.array(z.number()) });
const epoch = z.looseObject({ epoch: z.int().min(0), validationLoss: z.number() });
const adapter = answers.extend({
  greedyLogLikelihood: estimate,
  logLikelihoodGain: estimate,
  epochs: z.array(epoch),
  keptEpoch: z.int().min(0),
  trainingPrompts: z.int().min(0),
  trainingSamples: z.int().min(0),
});

/** What metrics.json must hold for a report; further fields pass. */
const schema = z.looseObject({
  task: z.string(),
  model: z.string(),
  prompts: z.int().min(1),
  n: z.int().min(1),
  temperature: z.number(),
  sampler: z.string().exactOptional(),
  labelled: z.boolean(),
  greedy: answers,
  base: answers,
  bestOfN: z.record(z.string(), byN(answers)),
  coverage: byN(estimate).exactOptional(),
  histograms: z.looseObject({ all: histogram }),
  adapters: z.record(z.string(), adapter),
  findings: z.array(z.string()),
  seconds: z.record(z.string(), z.number()),
});

/**
 * A parsed metrics.json as metrics.
 * @param file named in the error.
 * @throws DataError naming the first field that is missing or malformed.
 */
export function parseMetrics(json: unknown, file: string): Metrics {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const field = parsed.error.issues[0]?.path.join(".") ?? "";
  throw new DataError(
    `${file} does not hold the metrics of a run (field "${field}"); write it anew with \`whetstone evaluate\`.`,
  );
}
