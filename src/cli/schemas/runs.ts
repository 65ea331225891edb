import { z } from "zod";
import { quantizationErrorSchema } from "../../evaluate/quantization.js";
import { answerSchema } from "../../sharpen/answer-record.js";
import type { ComparedWay } from "../../evaluate/compare.js";
import type { RunEntry } from "../runs-table.js";
import { adapter, metrics, metricsFields } from "./figures.js";

const text = z.string();
const number = z.number();
const whole = z.int().min(0);

/** What was asked of servers. */
export const usage = z
  .strictObject({
    requests: whole,
    retries: whole,
    promptTokens: whole,
    completionTokens: whole,
    tokens: whole,
    faults: z.record(text, whole),
    byServer: z.record(text, whole),
  })
  .meta({ id: "usage", description: "What was asked of the model's servers." });
const quantization = quantizationErrorSchema.describe("What quantizing has done to log π, in nats.");
const power = {
  method: z.enum(["power", "smc"]),
  alpha: number,
  acceptance: number.exactOptional(),
  blockAcceptance: z.array(number).exactOptional(),
  leastEffectiveShare: number.exactOptional(),
  resamplings: number.exactOptional(),
};
const partOfPower = z.object(power).partial().shape;
const ofResponse = z.int().min(-1);
const finish = z.enum(["stop", "length"]);
const answer = text.nullable().describe("The answer in the text, in canonical form; null where it has none.");

/** `answer` of one prompt. */
const oneAnswer = z
  .strictObject({
    prompt: text,
    text,
    answer,
    index: ofResponse.describe("The number of the response among the N; −1: the greedy one."),
    score: number,
    logLikelihood: number.describe("log π of the response under the base at temperature 1, in nats."),
    finish,
    n: z.int().min(1),
    reward: text,
    tokens: whole.describe("Tokens drawn in all."),
    responses: z
      .array(
        z.strictObject({ index: ofResponse, text, answer, score: number, logLikelihood: number, finish }),
      )
      .describe("Every response; with --all.")
      .exactOptional(),
    quantize: text.exactOptional(),
    quantization: quantization.exactOptional(),
    ...partOfPower,
    server: usage.exactOptional(),
  })
  .describe("One prompt.");

const manyAnswers = z
  .strictObject({
    answered: whole,
    fresh: whole.describe("Those that this call drew; others lay in the file."),
    answers: z.array(answerSchema).describe("Without --out.").exactOptional(),
    out: text.describe("With --out: the file, a line an answer.").exactOptional(),
    server: usage.exactOptional(),
  })
  .describe("Several prompts.");

/** The last line of `answer`. */
export const answered = z.union([oneAnswer, manyAnswers]);

const dryRun = z
  .strictObject({
    dryRun: z.literal(true),
    drawn: whole.describe("Responses to draw."),
    trained: number.describe("Passes of training over a response."),
    tokens: whole,
    tokensPerSecond: number,
    seconds: number,
    bytes: whole.exactOptional(),
    trainingBytes: whole
      .describe("Of memory, besides, where every weight of the model is trained.")
      .exactOptional(),
  })
  .describe("With --dry-run: an estimate.");

/** The last line of a command that has measured a run; an adapter stands under its method's name as well. */
export const measuredRun = z
  .object({
    ...metricsFields,
    quantization: quantization.exactOptional(),
    runDir: text,
    report: text,
    adapterDirs: z.record(text, text).exactOptional(),
    adapterDir: text.describe("Where there is one adapter.").exactOptional(),
    answers: text.describe("answers.jsonl of the run, where the prompts have no labels.").exactOptional(),
    server: usage.exactOptional(),
  })
  .catchall(adapter)
  .describe("The run's metrics, and where its files are. Each adapter also stands under its method's name.");

/** The last line of `sharpen`. */
export const sharpened = z.union([measuredRun, dryRun]);

/** The last line of `sample`. */
export const sampled = z.union([
  z.strictObject({
    runDir: text,
    prompts: whole,
    n: z.int().min(1),
    responses: whole,
    tokens: whole,
    ...partOfPower,
    quantization: quantization.exactOptional(),
    seconds: z.strictObject({ total: number }),
    server: usage.exactOptional(),
    batch: z
      .strictObject({
        taken: whole,
        duplicates: whole,
        missing: whole,
        failed: z.record(text, whole),
        requests: whole,
        files: z.array(text),
      })
      .exactOptional(),
  }),
  dryRun,
]);

const entryFields = {
  dir: text,
  task: text,
  model: text,
  n: z.int().min(1),
  createdAt: text,
  measured: z.boolean(),
  figures: z.record(text, number).describe("Accuracies in [0, 1], else log-likelihoods in nats."),
  adapters: z.array(text),
} satisfies Record<keyof RunEntry, z.ZodType>;
const entry = z.strictObject(entryFields);

const interval = z.strictObject({ value: number, low: number, high: number });
const comparedWay = z
  .strictObject({
    name: text,
    of: z.enum(["accuracy", "log-likelihood"]),
    prompts: whole.describe("That both have."),
    first: interval,
    second: interval,
    difference: interval.describe("The second less the first, paired by prompt; 95 %."),
    simultaneous: interval.describe("With the interval that is to hold for all ways together."),
    side: z.enum(["up", "down", "unclear", "few"]).describe("By `simultaneous`."),
  } satisfies Record<keyof ComparedWay, z.ZodType>)
  .describe("A way of answering that both have.");

/** The last line of `runs`. */
export const runs = z.union([
  z
    .strictObject({ runs: z.array(entry), unread: z.array(z.strictObject({ dir: text, reason: text })) })
    .describe("list"),
  z.strictObject({ ...entryFields, command: text, metrics: metrics.nullable() }).describe("show"),
  z.strictObject({ runs: z.tuple([entry, entry]), ways: z.array(comparedWay) }).describe("compare"),
  z.strictObject({ removed: text }).describe("remove"),
]);
