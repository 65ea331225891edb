import { z } from "zod";
import { epoch, estimate } from "../../evaluate/epoch-schema.js";
import type {
  AdapterMetrics,
  AdaptiveMetrics,
  AnswerMetrics,
  BestOfNMetrics,
  Cost,
  Ends,
  Metrics,
  TiltMetrics,
} from "../../evaluate/metrics.js";

/** A field for each of a type's, and none besides: what a program may count on. */
type Shape<T> = Record<keyof T, z.ZodType>;

const OF_ADAPTER =
  "An adapter, one sample at the run's temperature; beside these fields, numbers that its method alone has.";
const text = z.string();
const number = z.number();
const whole = z.int().min(0);

const byN = z.record(text, estimate);

const answerFields = {
  accuracy: estimate.describe("P(correct), in [0, 1]; absent without labels.").exactOptional(),
  lift: estimate.describe("100·(accuracy − greedy)/greedy, in percent; paired.").exactOptional(),
  liftPoints: estimate.describe("accuracy − greedy accuracy, in points of [0, 1]; paired.").exactOptional(),
  logLikelihood: estimate.describe("log π of the whole response under the base at temperature 1, in nats."),
  logLikelihoodLift: estimate
    .describe("The same minus that of the greedy response, in nats; paired.")
    .exactOptional(),
  length: estimate.describe("Response length in tokens."),
} satisfies Shape<AnswerMetrics>;

/** One way of answering, measured. */
export const answers = z
  .strictObject(answerFields)
  .meta({ id: "answers", description: "One way of answering. What needs labels is absent without them." });

const gainOver = byN
  .describe("By baseline: accuracy minus that of the base asked so, in points; paired.")
  .exactOptional();

const choiceOfN = z
  .strictObject({
    ...answerFields,
    accuracyToLargestN: estimate
      .describe("Accuracy at the largest N minus that at this N; paired.")
      .exactOptional(),
    accuracyFromPrevious: estimate
      .describe("Accuracy at this N minus that at the next smaller; paired.")
      .exactOptional(),
    gainOver,
    logLikelihoodToLargestN: estimate
      .describe("log-likelihood at the largest N minus that at this N, in nats.")
      .exactOptional(),
    lengthChange: estimate
      .describe("Length of the chosen response minus that of all, in tokens; paired.")
      .exactOptional(),
  } satisfies Shape<BestOfNMetrics>)
  .meta({ id: "choice", description: "The best of N: the exact expectation over all subsets of that size." });

const histogram = z
  .strictObject({ edges: z.array(number), counts: z.array(whole) })
  .meta({ id: "histogram", description: "Counts in equal bins; edges in nats, one more than counts." });

const measuredFields = {
  ...answerFields,
  greedyAccuracy: estimate.exactOptional(),
  greedyLogLikelihood: estimate,
  accuracyGain: estimate.describe("Against one sample of the base; paired.").exactOptional(),
  gainOver,
  logLikelihoodGain: estimate.describe("Against one sample of the base, in nats; paired."),
  kl: estimate.describe("KL(π‖π_base) on the test prompts, in nats.").exactOptional(),
  coverage: byN.exactOptional(),
  coverageChange: byN.exactOptional(),
  keep: z.enum(["last", "objective"]).exactOptional(),
  start: text.describe("The adapter at which training began, and which iterate 0 is.").exactOptional(),
  full: z.literal(true).describe("Every weight was trained, not an adapter.").exactOptional(),
  memorized: z
    .strictObject({ difference: number, error: number })
    .describe("log π of the choice on training minus validation prompts, in nats, and its standard error.")
    .exactOptional(),
  modelCalls: whole.describe("Responses drawn to learn from.").exactOptional(),
  validationCalls: whole.exactOptional(),
  quantities: z.record(text, number).exactOptional(),
};

/** An adapter as the suites measure it: beside these fields stand numbers that its method alone has. */
export const measuredAdapter = z
  .object(measuredFields)
  .catchall(number)
  .meta({ id: "measuredAdapter", description: OF_ADAPTER });

/** An adapter of a run. */
export const adapter = z
  .object({
    ...measuredFields,
    epochs: z.array(epoch),
    keptEpoch: whole,
    trainingPrompts: whole,
    trainingSamples: whole,
  } satisfies Shape<AdapterMetrics>)
  .catchall(number)
  .meta({ id: "adapter", description: OF_ADAPTER });

/** A way to answer and its tokens. */
export const cost = z
  .strictObject({
    name: text,
    tokens: whole.describe("Drawn, judged, and of an adapter drawn to learn from."),
    accuracy: estimate,
    reward: text.exactOptional(),
    n: whole.exactOptional(),
  } satisfies Shape<Cost>)
  .meta({
    id: "cost",
    description: "A way to answer, and what it takes to answer every measured prompt once.",
  });

const tilt = z
  .strictObject({
    beta: number,
    reward: estimate,
    logLikelihood: estimate,
    accuracy: estimate.exactOptional(),
    covariance: estimate.exactOptional(),
    kl: estimate,
    effectiveResponses: number,
  } satisfies Shape<TiltMetrics>)
  .meta({
    id: "tilt",
    description: "What base·exp(reward/β) would give, by importance weights on the responses drawn.",
  });

const adaptive = z.strictObject({
  ...answerFields,
  meanN: number,
  capped: whole.describe("Prompts on which the cap was hit before the rule fired."),
  cap: whole,
} satisfies Shape<AdaptiveMetrics>);

const ends = z.strictObject({
  cut: number.describe("Share that was cut off at the longest length."),
  abstained: number.describe("Share that ended by itself without an answer."),
} satisfies Shape<Ends>);

export const transductive = z
  .literal(true)
  .describe("Adapters learned from the very prompts that are measured.")
  .exactOptional();
export const chance = number.describe("How often a guess is right, where the task knows.").exactOptional();

/** The fields of metrics.json. */
export const metricsFields = {
  task: text,
  model: text,
  prompts: z.int().min(1).describe("Test prompts measured."),
  n: z.int().min(1).describe("Responses drawn per test prompt."),
  temperature: number,
  sampler: text.describe("How responses were drawn where not independently from π.").exactOptional(),
  labelled: z.boolean().describe("Whether any test prompt has a label."),
  labelledPrompts: whole.exactOptional(),
  transductive,
  chance,
  greedy: answers,
  base: answers.describe("The base sampled once."),
  bestOfN: z.record(text, z.record(text, choiceOfN)).describe("By reward, then by N."),
  coverage: byN.describe("By N: P(any of N is correct).").exactOptional(),
  coverageLift: byN.exactOptional(),
  histograms: z.strictObject({
    correct: histogram.exactOptional(),
    incorrect: histogram.exactOptional(),
    all: histogram,
  }),
  agreement: z
    .record(text, number)
    .describe('By pair of rewards, "a|b": how often both choose one answer.')
    .exactOptional(),
  mixedPrompts: whole.exactOptional(),
  auc: z.record(text, estimate).exactOptional(),
  aucBelowBest: z.record(text, estimate).exactOptional(),
  tilt: z.record(text, z.array(tilt)).exactOptional(),
  baselines: z
    .record(text, answers)
    .describe(
      "What the base gives when asked in other ways, such as `temperature 0.5` or `beam search of width 4`.",
    )
    .exactOptional(),
  costs: z
    .array(cost)
    .describe(
      "Accuracy against tokens: what it takes, in all, to answer every measured prompt once in each way.",
    )
    .exactOptional(),
  adaptive: adaptive.describe("Adaptive best-of-N (paper eq. 10).").exactOptional(),
  adaptiveVotes: adaptive.describe("Majority over as many responses as its lead asks for.").exactOptional(),
  ends: z
    .strictObject({ drawn: ends, greedy: ends, chosen: z.record(text, ends) } satisfies Shape<
      NonNullable<Metrics["ends"]>
    >)
    .describe("How responses end, of whom; absent where each ends by itself with an answer.")
    .exactOptional(),
  adapters: z.record(text, adapter).describe("By the names of their methods."),
  findings: z.array(text).describe("What to take from it, in sentences."),
  seconds: z.record(text, number).describe("Wall-clock seconds by stage."),
} satisfies Shape<Metrics>;

/** metrics.json of a run. */
export const metrics = z.strictObject(metricsFields);
