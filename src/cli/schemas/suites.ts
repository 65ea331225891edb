import { z } from "zod";
import { epoch } from "../../evaluate/epoch-schema.js";
import type {
  AmortizedCell,
  AmortizedMetrics,
  AmortizedResult,
  CellFailure,
  InferenceCell,
  InferenceResult,
  TrainedWith,
  Verdict,
} from "../../reproduce/result.js";
import { answers, chance, cost, measuredAdapter, metrics, transductive } from "./figures.js";
import { usage } from "./runs.js";

type Shape<T> = Record<keyof T, z.ZodType>;

const text = z.string();
const number = z.number();
const whole = z.int().min(0);

const verdict = z
  .strictObject({
    direction: z
      .enum(["up", "down", "unclear", "few", "unchanged"])
      .describe("unchanged: no iterate was better than the base, which was kept."),
    sentence: text,
    reasons: z.array(text),
  } satisfies Shape<Verdict>)
  .describe("Whether sharpening helped, at the largest N, by log-likelihood.");
const cell = {
  model: text,
  task: text,
  seeds: z.array(whole),
  provenance: z.strictObject({ modelDigest: text, taskDigest: text, maxTokens: whole }).exactOptional(),
  failures: z.array(
    z.strictObject({
      seed: whole,
      trainN: whole.exactOptional(),
      sentence: text,
    } satisfies Shape<CellFailure>),
  ),
};
const header = {
  command: text,
  whetstone: text,
  models: z.array(text),
  tasks: z.array(text),
  prompts: whole,
  n: whole,
  seeds: whole,
  temperature: number,
};
const written = { page: text, figures: text.describe("The file that holds the same.") };

const inference = z
  .strictObject({
    kind: z.literal("inference"),
    ...header,
    cells: z.array(
      z.strictObject({
        ...cell,
        metrics: metrics.exactOptional(),
        verdict: verdict.exactOptional(),
      } satisfies Shape<InferenceCell>),
    ),
    ...written,
    servers: z.record(text, usage).describe("By model.").exactOptional(),
  } satisfies Shape<InferenceResult & { page: string; figures: string; servers: object }>)
  .describe("inference");

const settings = {
  source: text,
  epochs: whole,
  batchSize: whole,
  learningRate: number,
  schedule: text.exactOptional(),
  clipNorm: number,
  weightDecay: number,
  rank: z.union([whole, z.literal("full")]).describe("LoRA's rank; full where every weight was trained."),
} satisfies Shape<TrainedWith>;

const amortizedMetrics = z.strictObject({
  prompts: whole,
  labelledPrompts: whole,
  transductive,
  chance,
  greedy: answers,
  base: answers,
  baselines: z
    .record(text, answers)
    .describe("What the base gives when asked in other ways, such as `temperature 0.5`.")
    .exactOptional(),
  adapter: measuredAdapter,
  costs: z.array(cost).exactOptional(),
  epochs: z.array(z.array(epoch)).describe("The training curve of each seed."),
  keptEpochs: z.array(whole),
  trainingPrompts: whole,
  findings: z.array(text),
  verdict: verdict.exactOptional(),
} satisfies Shape<AmortizedMetrics>);

const amortized = z
  .strictObject({
    kind: z.literal("amortized"),
    ...header,
    methods: z.array(text).exactOptional(),
    redraw: z.boolean().exactOptional(),
    trainNs: z.array(whole),
    cells: z.array(
      z.strictObject({
        ...cell,
        method: text.exactOptional(),
        title: text
          .describe("The method in words, of a point of a sweep: `SFT, learningRate = 0.00005 by majority`.")
          .exactOptional(),
        trainN: whole,
        settings: z.strictObject(settings),
        metrics: amortizedMetrics.exactOptional(),
      } satisfies Shape<AmortizedCell>),
    ),
    ...written,
  } satisfies Shape<AmortizedResult & { page: string; figures: string }>)
  .describe("amortized");

/** The last line of `reproduce`. */
export const suite = z.discriminatedUnion("kind", [inference, amortized]);
