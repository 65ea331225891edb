import type { MeasuredAdapter } from "../evaluate/measure-adapter.js";
import type { AnswerMetrics, Cost, EpochMetrics, Metrics } from "../evaluate/metrics.js";
import type { Direction } from "../evaluate/findings-words.js";

/** A cell, or a part of it, that has no result, and why. */
export interface CellFailure {
  readonly seed: number;
  /** Responses per training prompt, in the amortized suite. */
  readonly trainN?: number;
  /** One sentence for people. */
  readonly sentence: string;
}

/** Whether sharpening helped in a cell, and, where it did not, why as far as the data tell. */
export interface Verdict {
  /**
   * Against the strongest baseline: of the choice at the largest N by log-likelihood, or of one sample of an adapter;
   * `unchanged` where every seed kept the base.
   */
  readonly direction: Direction | "unchanged";
  /** One sentence with the figures. */
  readonly sentence: string;
  /** Sentences; where it helped, only what bounds what that says. */
  readonly reasons: readonly string[];
}

/** What fixes a cell's figures beside the suite's options. */
export interface CellProvenance {
  readonly modelDigest: string;
  readonly taskDigest: string;
  /** The longest response, in tokens. */
  readonly maxTokens: number;
}

/** What both suites have: all values plain, so that the page and `--json` show the same. */
export interface SuiteHeader {
  /** The command line that makes it again. */
  readonly command: string;
  readonly whetstone: string;
  /** In the order asked for. */
  readonly models: readonly string[];
  readonly tasks: readonly string[];
  /** Prompts per task at most. */
  readonly prompts: number;
  /** Responses drawn per test prompt. */
  readonly n: number;
  readonly seeds: number;
  readonly temperature: number;
}

/** Best-of-N of one model on one task, over all seeds that have a result. */
export interface InferenceCell {
  readonly model: string;
  readonly task: string;
  /** The seeds that the figures are of. */
  readonly seeds: readonly number[];
  /** Absent: the cell is blank. */
  readonly metrics?: Metrics;
  /** By log-likelihood; absent without labels. */
  readonly verdict?: Verdict;
  readonly provenance?: CellProvenance;
  readonly failures: readonly CellFailure[];
}

/** `whetstone reproduce inference` (paper §6, figures 1 to 6). */
export interface InferenceResult extends SuiteHeader {
  readonly kind: "inference";
  /** One a model and task. */
  readonly cells: readonly InferenceCell[];
}

/** What an adapter was trained with. */
export interface TrainedWith {
  /** Where the settings come from, in words. */
  readonly source: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly clipNorm: number;
  readonly weightDecay: number;
  /** How the rate falls: `linear`, as in the paper. Absent in results of earlier versions. */
  readonly schedule?: string;
  /** LoRA's rank; `full` where every weight was trained. */
  readonly rank: number | "full";
}

/** What a method with one N did to one model on one task, over all seeds that have a result. */
export interface AmortizedMetrics {
  readonly prompts: number;
  readonly labelledPrompts: number;
  /** See `Metrics.transductive`. */
  readonly transductive?: true;
  /** See `Metrics.chance`. */
  readonly chance?: number;
  readonly greedy: AnswerMetrics;
  readonly base: AnswerMetrics;
  /** The base asked in other ways (`Metrics.baselines`), where it was. */
  readonly baselines?: NonNullable<Metrics["baselines"]>;
  /** Intervals over prompts and seeds. */
  readonly adapter: MeasuredAdapter;
  /** Accuracy against tokens in all (`Metrics.costs`), with this adapter; absent without labels. */
  readonly costs?: readonly Cost[];
  /** The training curve of each seed, in the order of `seeds`. */
  readonly epochs: readonly (readonly EpochMetrics[])[];
  readonly keptEpochs: readonly number[];
  readonly trainingPrompts: number;
  readonly findings: readonly string[];
  /** Absent without labels. */
  readonly verdict?: Verdict;
}

/** One method on one model and task, with one N. */
export interface AmortizedCell {
  readonly model: string;
  readonly task: string;
  /** Absent in a suite of the paper's method alone. */
  readonly method?: string;
  /** The method in words, where its name does not tell them: that of a point of a sweep. */
  readonly title?: string;
  readonly trainN: number;
  readonly seeds: readonly number[];
  readonly settings: TrainedWith;
  /** Absent: the cell is blank. */
  readonly metrics?: AmortizedMetrics;
  readonly provenance?: CellProvenance;
  readonly failures: readonly CellFailure[];
}

/** `whetstone reproduce amortized` (paper §6, figures 7 to 9, tables 1 and 2). */
export interface AmortizedResult extends SuiteHeader {
  readonly kind: "amortized";
  /** The names of the methods; absent in a suite of the paper's method alone. */
  readonly methods?: readonly string[];
  /** Whether each seed drew from the base anew; absent: all learned from the same draws. */
  readonly redraw?: boolean;
  /** Responses per training prompt, ascending; figures 7 and 8 and tables 1 and 2 are of the largest. */
  readonly trainNs: readonly number[];
  /** One a model, task, method and N. */
  readonly cells: readonly AmortizedCell[];
}

/** A cell of either suite. */
export type SuiteCell = InferenceCell | AmortizedCell;

/** What the page and `--json` of either suite show. */
export type SuiteResult = InferenceResult | AmortizedResult;
