import type { AdapterMetrics } from "../../evaluate/metrics.js";
import type { TrainablePolicy } from "../../policy/trainable.js";
import type { SelfReward } from "../../reward/self-reward.js";
import type { Run } from "../../run/run.js";
import type { Task } from "../../task/task.js";
import type { DrawSettings } from "../draw.js";
import type { FitOptions, FitProblem } from "../fit-adapter.js";
import type { PromptSplit } from "../prompts.js";

/** The ways to train what a self-reward prefers into an adapter (paper §2.1, §2.2, Alg. 1). */
export const METHODS = ["sft", "dpo", "xpo"] as const;
export type Method = (typeof METHODS)[number];

/** Everything that a method's adapter depends on besides the run and the reward. */
export interface MethodSettings {
  /**
   * Responses per training prompt. SFT: the N of y^BoN. DPO: the base's, of which every two make a pair. XPO: one from the
   * current adapter, the others from the base.
   */
  readonly trainN: number;
  readonly fit: Omit<FitOptions, "signal">;
  /** β of DPO and XPO; absent: DPO's default, XPO's from the paper's formula. */
  readonly beta?: number | undefined;
  /** XPO's α, the weight of the optimism term; absent: from the paper's formula. */
  readonly optimism?: number | undefined;
  /** XPO's T. */
  readonly rounds?: number | undefined;
}

/** What a method is given to make its plan of: draws go into the run, so that a plan made again draws nothing twice. */
export interface MethodContext extends Omit<DrawSettings, "n"> {
  readonly policy: TrainablePolicy;
  readonly task: Task;
  readonly run: Run;
  readonly split: PromptSplit;
  readonly reward: SelfReward;
  readonly settings: MethodSettings;
  /** A remark for people: parameters that were computed, and from what. */
  readonly note?: ((text: string) => void) | undefined;
}

/** What is fitted, and what is known of it beforehand. */
export interface MethodPlan {
  /** Fits any problem: its examples are the method's own affair. */
  fitTo<T>(fit: <E>(problem: FitProblem<E>) => Promise<T>): Promise<T>;
  /** Iterates besides the base. */
  readonly iterates: number;
  readonly facts: MethodFacts;
}

/** What a method tells of its training besides the curve. */
export type MethodFacts = Pick<
  AdapterMetrics,
  "modelCalls" | "validationCalls" | "trainingPairs" | "beta" | "optimism" | "quantities"
>;
