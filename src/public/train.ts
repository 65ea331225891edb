// `whetstone/train`: the objectives, each a function of sequence log-probabilities, and what fits an adapter to one.
export {
  paperAlpha,
  paperBeta,
  rewardRegressionObjective,
  sftObjective,
  xpoObjective,
  type LossValue,
  type Objective,
  type ResponsePair,
  type RewardRegressionOptions,
  type XpoAlphaOptions,
  type XpoOptions,
} from "../sharpen/objectives/index.js";
export {
  PAPER_SFT,
  fitAdapter,
  type FitHooks,
  type FitOptions,
  type FitResult,
  type Restored,
  type Unfinished,
} from "../sharpen/fit-adapter.js";
export type { FitProblem, Iterate } from "../sharpen/fit-problem.js";
export { sftProblem, sftSharpen } from "../sharpen/sft.js";
export type {
  Method,
  MethodContext,
  MethodFacts,
  MethodPlan,
  MethodSettings,
} from "../sharpen/methods/method.js";
export type { MethodOption, OwnSettings } from "../sharpen/methods/options.js";
export { findMethod, methodNamed, methods } from "../sharpen/methods/registry.js";
export { dpoProblem, type PairExample, type RewardedResponse } from "../sharpen/pairs.js";
export { presetFor, presets, type Preset } from "../sharpen/presets.js";
export type { Trainer, TrainerOptions, Trainers } from "../policy/trainer.js";
export { localTrainers } from "../policy/local-trainer.js";
