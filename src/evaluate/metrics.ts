/** A figure with its 95 % interval (bootstrap over prompts). */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What is measured of one way of answering. Everything that needs labels is absent, not zero, without them. */
export interface AnswerMetrics {
  /** Mean over prompts of P(correct), in [0, 1]. */
  readonly accuracy?: Estimate;
  /** Relative lift over greedy as the paper reports it: 100·(accuracy − greedy)/greedy, in percent; paired. */
  readonly lift?: Estimate;
  /** accuracy − greedy accuracy, in points of [0, 1]; paired. */
  readonly liftPoints?: Estimate;
  /** Mean over prompts of log π_base(y|x), whole sequence, temperature 1, in nats. */
  readonly logLikelihood: Estimate;
  /** log-likelihood minus that of the greedy response, in nats; paired. */
  readonly logLikelihoodLift?: Estimate;
  /** Mean response length in tokens. */
  readonly length: Estimate;
}

/** What is measured of choosing among N, beside what is measured of any way of answering. */
export interface BestOfNMetrics extends AnswerMetrics {
  /** Accuracy at the largest N minus accuracy at this N, in points: what drawing more still brings; paired. */
  readonly accuracyToLargestN?: Estimate;
  /** log-likelihood at the largest N minus that at this N, in nats; paired. */
  readonly logLikelihoodToLargestN?: Estimate;
  /** Length of the chosen response minus the mean length of all responses drawn, in tokens; paired. */
  readonly lengthChange?: Estimate;
}

/** Counts of sequence log-probabilities in equal bins. */
export interface Histogram {
  /** Bin edges in nats, ascending; one more than `counts`. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

/** One epoch of amortized training, as the page's training curve shows it. */
export interface EpochMetrics {
  /** 0 is the untouched base. */
  readonly epoch: number;
  /** Mean loss per token over the epoch's training examples, in nats. */
  readonly trainLoss?: number;
  /** Mean loss per token on the validation prompts' own chosen responses, in nats; chooses the kept iterate. */
  readonly validationLoss: number;
  /** Held-out prompts, sampled at temperature 1. */
  readonly accuracy?: Estimate;
  readonly logLikelihood?: Estimate;
  /** Coverage at the number of samples drawn for this curve (`samples`). */
  readonly coverage?: Estimate;
  readonly samples?: number;
}

/** An adapter, measured on the held-out prompts. `accuracy` and `logLikelihood` are at temperature 1. */
export interface AdapterMetrics extends AnswerMetrics {
  readonly greedyAccuracy?: Estimate;
  readonly greedyLogLikelihood: Estimate;
  /** Against the base at temperature 1; paired over prompts. */
  readonly accuracyGain?: Estimate;
  readonly logLikelihoodGain: Estimate;
  /** By number of samples. */
  readonly coverage?: Readonly<Record<string, Estimate>>;
  /** By number of samples: coverage minus the base's at the same number, in points; paired. */
  readonly coverageChange?: Readonly<Record<string, Estimate>>;
  readonly epochs: readonly EpochMetrics[];
  readonly keptEpoch: number;
  /** Prompts and responses per prompt that the training examples were chosen from; m = n·N (paper Def. 3.2). */
  readonly trainingPrompts: number;
  readonly trainingSamples: number;
}

/** metrics.json of a run: what `--json` prints and what the report shows. */
export interface Metrics {
  readonly task: string;
  readonly model: string;
  /** Test prompts measured. */
  readonly prompts: number;
  /** Responses drawn per test prompt. */
  readonly n: number;
  readonly temperature: number;
  /** Whether any test prompt has a label. */
  readonly labelled: boolean;
  /** Test prompts with a label: accuracy, coverage and AUC are measured on these. */
  readonly labelledPrompts?: number;
  readonly greedy: AnswerMetrics;
  /** The base sampled once: the mean over all responses drawn. */
  readonly base: AnswerMetrics;
  /**
   * By reward name, then by N: the exact expectation over all subsets of size N of the responses drawn. An N is absent for a reward
   * whose expectation there is not known (`SelfReward.measurable`).
   */
  readonly bestOfN: Readonly<Record<string, Readonly<Record<string, BestOfNMetrics>>>>;
  /** By N: P(any of N is correct); a skyline, never selectable. */
  readonly coverage?: Readonly<Record<string, Estimate>>;
  /** By N: 100·(coverage − greedy accuracy)/greedy accuracy, in percent; paired. */
  readonly coverageLift?: Readonly<Record<string, Estimate>>;
  /** log π_base(y|x) of the responses drawn; `all` where there are no labels. Same edges. */
  readonly histograms: {
    readonly correct?: Histogram;
    readonly incorrect?: Histogram;
    readonly all: Histogram;
  };
  /** Share of prompts where two rewards choose the same answer at N = n; keyed `a|b`. */
  readonly agreement?: Readonly<Record<string, number>>;
  /** Per reward: P(score of a correct response > score of an incorrect one of the same prompt), ties half. */
  readonly auc?: Readonly<Record<string, Estimate>>;
  /** Adaptive best-of-N (paper eq. 10), where it was asked for. */
  readonly adaptive?: AnswerMetrics & {
    readonly meanN: number;
    /** Prompts on which the cap was hit before the rule fired. */
    readonly capped: number;
    readonly cap: number;
  };
  /** Amortized adapters by method: `sft`, later `dpo`, `xpo`. */
  readonly adapters: Readonly<Record<string, AdapterMetrics>>;
  /** Plain sentences on what to take from it: where sharpening helped, saturated or hurt, and why. */
  readonly findings: readonly string[];
  /** Wall-clock seconds by stage. */
  readonly seconds: Readonly<Record<string, number>>;
}
