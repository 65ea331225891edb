/** A figure with its 95 % interval over prompts. */
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

/** By baseline (`Metrics.baselines`): accuracy minus that baseline's, in points; paired. */
export type GainsOver = Readonly<Record<string, Estimate>>;

/** What is measured of choosing among N, beside what is measured of any way of answering. */
export interface BestOfNMetrics extends AnswerMetrics {
  /** Accuracy at the largest N minus accuracy at this N, in points: what drawing more still brings; paired. */
  readonly accuracyToLargestN?: Estimate;
  /** Accuracy at this N minus accuracy at the next smaller N that was measured, in points; paired. Absent at the smallest. */
  readonly accuracyFromPrevious?: Estimate;
  /** log-likelihood at the largest N minus that at this N, in nats; paired. */
  readonly logLikelihoodToLargestN?: Estimate;
  /** At the largest N, where baselines were drawn. */
  readonly gainOver?: GainsOver;
  /** Length of the chosen response minus the mean length of all responses drawn, in tokens; paired. */
  readonly lengthChange?: Estimate;
}

/** Counts of sequence log-probabilities in equal bins. */
export interface Histogram {
  /** Bin edges in nats, ascending; one more than `counts`. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

/** J_β = E[r] − β·KL(π‖π_base) on validation prompts (paper eq. 3, Alg. 1), and what it is made of. */
export interface JudgedObjective {
  readonly value: number;
  readonly reward: number;
  /** In nats. */
  readonly kl: number;
  /** Standard error of the gain over the base, paired by prompt; absent of the base, or where it was not asked for. */
  readonly error?: number;
  /** Present where the responses show signs of collapse (`collapseSigns`). */
  readonly collapsed?: boolean;
}

/** One iterate of amortized training, as the page's training curve shows it: an epoch or a round, as its method says. */
export interface EpochMetrics {
  /** 0 is the untouched base. */
  readonly epoch: number;
  /** Mean loss over the iterate's training examples, in the unit of the method's objective: per token in nats, or per pair. */
  readonly trainLoss?: number;
  /**
   * On validation prompts, without labels; the lowest is kept if nothing else was asked for. The method's own loss there, or −J_β
   * where it has an `objective`.
   */
  readonly validationLoss: number;
  /** J_β = E[r] − β·KL(π‖π_base) on the validation prompts, where the method computes it. */
  readonly objective?: JudgedObjective;
  /** Held-out prompts, sampled at the run's temperature. */
  readonly accuracy?: Estimate;
  readonly logLikelihood?: Estimate;
  /** −E[log π(y|x)] of the iterate itself, in nats; at temperature 1 alone. */
  readonly entropy?: Estimate;
  /** KL(π‖π_base), in nats; at temperature 1 alone. */
  readonly kl?: Estimate;
  /** Mean response length in tokens. */
  readonly length?: Estimate;
  /** Mean share of a response's trigrams of tokens that it has had before, in [0, 1]. */
  readonly repetition?: Estimate;
  /** Coverage at the number of samples drawn for this curve (`samples`). */
  readonly coverage?: Estimate;
  readonly samples?: number;
}

/**
 * An adapter, measured on the held-out prompts. `accuracy` and `logLikelihood` are of one
 * sample at the run's temperature. Beside these fields stand
 * numbers that its method alone has (`factOf`): how many pairs it learned from, β.
 */
export interface AdapterMetrics extends AnswerMetrics {
  readonly greedyAccuracy?: Estimate;
  readonly greedyLogLikelihood: Estimate;
  /** Against one sample of the base at the same temperature; paired over prompts. */
  readonly accuracyGain?: Estimate;
  /** Against the base's other ways to draw, where they were. */
  readonly gainOver?: GainsOver;
  readonly logLikelihoodGain: Estimate;
  /** KL(π‖π_base) on the test prompts, in nats; of samples at temperature 1 alone. */
  readonly kl?: Estimate;
  /** By number of samples. */
  readonly coverage?: Readonly<Record<string, Estimate>>;
  /** By number of samples: coverage minus the base's at the same number, in points; paired. */
  readonly coverageChange?: Readonly<Record<string, Estimate>>;
  readonly epochs: readonly EpochMetrics[];
  readonly keptEpoch: number;
  /** How the kept iterate was chosen, where it was not by the lowest validation loss: by J_β, or because it is the last. */
  readonly keep?: "last" | "objective";
  /** The adapter of the same run at which training began, so that iterate 0 is that one; absent: the base. */
  readonly start?: string;
  /** Set where every weight was trained, and not an adapter. */
  readonly full?: true;
  /** Prompts and responses per prompt that the training examples were made from; m = n·N (paper Def. 3.2). */
  readonly trainingPrompts: number;
  readonly trainingSamples: number;
  /**
   * How much likelier under the base the choice is on training than on validation prompts: a difference of means, in nats, and its standard
   * error. Far above 0, the base knows the training prompts by heart, and they are not drawn as those are that the adapter is for.
   */
  readonly memorized?: Readonly<Record<"difference" | "error", number>>;
  /** m: responses drawn to learn from, from the base or the adapter. */
  readonly modelCalls?: number;
  /** Responses drawn to choose the iterate by, and the parameters. */
  readonly validationCalls?: number;
  /** What settings of the method were computed from by the paper's formulas, by name; absent where they were given. */
  readonly quantities?: Readonly<Record<string, number>>;
}

/** A number that an adapter's method alone has, by its name; undefined where it has no such number. */
export function factOf(adapter: AdapterMetrics, name: string): number | undefined {
  const value = (adapter as unknown as Readonly<Record<string, unknown>>)[name];
  return typeof value === "number" ? value : undefined;
}

/** What a method has trained, in words: `SFT adapter`; `full SFT model` where it was every weight. @param name the method's. */
export function trainedInWords(name: string, { full }: Pick<AdapterMetrics, "full">): string {
  return full ? `full ${name} model` : `${name} adapter`;
}

/**
 * What the exact optimum of RLHF-Sharpening would give, before anything is trained: π*_β ∝ π_base·exp(r/β) (paper eq. 3) on the
 * pools that the base has drawn, by self-normalized importance weights. The pools hold draws of π_base at temperature 1, so
 * the weight of response i among the N of its prompt is softmax(r/β)_i. An adapter can be compared with it: what is
 * missing to this curve is *fit*, what is missing beyond it is the *target*, which no training on this reward can mend.
 */
export interface TiltMetrics {
  /** β > 0, in units of the reward. */
  readonly beta: number;
  /** E[r] under π*_β, in units of the reward. */
  readonly reward: Estimate;
  /** E[log π_base(y|x)] under π*_β, in nats. */
  readonly logLikelihood: Estimate;
  /** P(correct) under π*_β over the labelled prompts, in [0, 1]; absent without labels. */
  readonly accuracy?: Estimate;
  /**
   * Cov(correct, r) under π*_β, the mean over labelled prompts: β² times how fast accuracy rises as β falls (the derivative of
   * E_{π*_β}[correct] by 1/β). Above 0, sharpening further pays; below, it hurts. Absent without labels.
   */
  readonly covariance?: Estimate;
  /** KL(π*_β ‖ π_base) in nats; at most log N, whatever the true one is. */
  readonly kl: Estimate;
  /** Mean effective number of responses, 1/Σw²: from 1 (one response holds all weight: π*_β lies beyond the pool) to N. */
  readonly effectiveResponses: number;
}

/** How responses end, as shares of them. What is counted here is wrong where there are labels, unless it ends with an answer. */
export interface Ends {
  /** Cut off at the longest length, whatever they say. */
  readonly cut: number;
  /** Ended by themselves, and no answer can be read off them. */
  readonly abstained: number;
}

/** What a rule that draws as many responses as it needs did. */
export interface AdaptiveMetrics extends AnswerMetrics {
  readonly meanN: number;
  /** Prompts on which the cap was hit before the rule fired. */
  readonly capped: number;
  readonly cap: number;
}

/** A way to answer, with what it takes to answer every measured prompt once (`costed`). */
export interface Cost {
  /** In words: `best-of-8 by majority`. */
  readonly name: string;
  /** Drawn, judged, and of an adapter drawn to learn from. */
  readonly tokens: number;
  readonly accuracy: Estimate;
  /** Of a choice: by what, and among how many. */
  readonly reward?: string;
  readonly n?: number;
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
  /** How responses were drawn where not independently from π, in words: `π^4 by power sampling`. */
  readonly sampler?: string;
  /** Whether any test prompt has a label. */
  readonly labelled: boolean;
  /** Test prompts with a label: accuracy, coverage and AUC are measured on these. */
  readonly labelledPrompts?: number;
  /** Adapters learned from the very prompts that are measured: the paper's protocol (`Task.learnsFromTest`). */
  readonly transductive?: true;
  /** How often a guess is right, where the task knows (`Task.chance`). */
  readonly chance?: number;
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
  /** Prompts with both correct and incorrect responses, of which `auc` is a mean. */
  readonly mixedPrompts?: number;
  /** Per reward: P(score of a correct response > score of an incorrect one of the same prompt), ties half. */
  readonly auc?: Readonly<Record<string, Estimate>>;
  /** By reward, for all but the one with the largest AUC: that one's AUC minus this one's, paired over the same prompts. */
  readonly aucBelowBest?: Readonly<Record<string, Estimate>>;
  /** By reward, the largest β first: what the exact optimum of RLHF-Sharpening would give; of independent draws at temperature 1 alone. */
  readonly tilt?: Readonly<Record<string, readonly TiltMetrics[]>>;
  /** Adaptive best-of-N (paper eq. 10), where it was asked for. */
  readonly adaptive?: AdaptiveMetrics;
  /** Majority over as many responses as its lead asks for, at the same δ. */
  readonly adaptiveVotes?: AdaptiveMetrics;
  /**
   * How the responses end of whom: those drawn, the greedy ones, and by reward what is chosen among all that were drawn. Absent where
   * each ends by itself with an answer.
   */
  readonly ends?: {
    readonly drawn: Ends;
    readonly greedy: Ends;
    readonly chosen: Readonly<Record<string, Ends>>;
  };
  /** What the base gives when asked in other ways, by what they are: `temperature 0.5`, or as `beamOfWidth`; where it was asked for. */
  readonly baselines?: Readonly<Record<string, AnswerMetrics>>;
  /** Amortized adapters by the names of their methods. */
  readonly adapters: Readonly<Record<string, AdapterMetrics>>;
  /** Accuracy against tokens in all, of every way to answer that was measured; absent without labels. */
  readonly costs?: readonly Cost[];
  /** Plain sentences on what to take from it: where sharpening helped, saturated or hurt, and why. */
  readonly findings: readonly string[];
  /** Wall-clock seconds by stage. */
  readonly seconds: Readonly<Record<string, number>>;
}
