// Policies: what π(y | x) can do, and the transformer that does it.
export type {
  EncodingPolicy,
  FirstToken,
  GreedyOptions,
  DrawnSoFar,
  Message,
  PartialResponse,
  Policy,
  Prompt,
  RequestOptions,
  RequestWatcher,
  Response,
  SampleRequest,
  SamplingOptions,
  ScoreRequest,
  AdapterDraw,
  Served,
} from "./policy/policy.js";
export { sequenceLogProb } from "./policy/policy.js";
export { Inbox } from "./core/inbox.js";
export {
  capabilities,
  requireAbility,
  type Abilities,
  type Ability,
  type Capabilities,
} from "./policy/capabilities.js";
export type { Trainer, TrainerOptions, Trainers } from "./policy/trainer.js";
export { localTrainers } from "./policy/local-trainer.js";
export { LocalPolicy, type LocalPolicyOptions } from "./policy/local-policy.js";
export { embeddedModels, modelFolder } from "./policy/model-folder.js";
export { loadAdapter, saveAdapter, type LoraAdapter } from "./transformer/format/peft.js";
export { remotePolicy, type RemotePolicy } from "./policy/remote/remote-policy.js";
export type { ServersOptions } from "./policy/remote/connect.js";
export type { Dialect } from "./policy/remote/dialects/dialect.js";
export { ApiKey } from "./policy/remote/api-key.js";
export { loadChatTemplate, type ChatTemplate } from "./transformer/text/chat-template.js";

// Tasks: prompts, an answer extractor, and a grader where there are labels.
export type { Split, Task } from "./task/task.js";
export { taskEntries, findTask, type TaskEntry, type TaskOptions } from "./task/registry.js";
export { game24, type Game24Options } from "./task/game24/game24.js";
export { jsonlTask, type JsonlOptions } from "./task/jsonl.js";
export { findGrader, graderNames, type Grader, type GraderName } from "./task/graders.js";
export type { PromptForm } from "./task/prompt-form.js";

// Self-rewards.
export { choose, type Pool, type SelfReward } from "./reward/self-reward.js";
export type { Pruner, PruningContext, Ruling } from "./reward/pruning.js";
export { findReward, rewardNamed, rewards } from "./reward/registry.js";
export { logLikelihood } from "./reward/log-likelihood.js";
export { lengthNormalized } from "./reward/length-normalized.js";
export { majority } from "./reward/majority.js";
export { selfCertainty } from "./reward/self-certainty.js";
export { judge, yesProbability, type JudgeOptions, type JudgeScore, type Verdicts } from "./reward/judge.js";
export { weightedMajority, type WeightedMajorityOptions } from "./reward/weighted-majority.js";
export { borda, type BordaOptions } from "./reward/borda.js";
export { pessimism, type PessimismOptions } from "./reward/pessimism.js";
export { bestOfMajority, type BestOfMajorityOptions } from "./reward/best-of-majority.js";
export { filteredMajority, type FilteredMajorityOptions } from "./reward/filtered-majority.js";
export { entropy } from "./reward/entropy.js";
export { semanticClusters, type SemanticClustersOptions } from "./reward/semantic-clusters.js";

// Sharpening at inference time, and amortized.
export { answer, answerAllEvents, answerEvents, answerRoom, type AnswerOptions } from "./sharpen/answer.js";
export type {
  AnswerEvent,
  Best,
  ChosenEvent,
  DrawnEvent,
  DroppedEvent,
  FinishedEvent,
  Scored,
} from "./sharpen/answer-events.js";
export { candidates, type Candidates } from "./sharpen/candidates.js";
export { bestOfN, bestOfNEvents, type BestOfNOptions } from "./sharpen/best-of-n.js";
export {
  adaptiveBestOfN,
  stoppingTime,
  type AdaptiveBest,
  type AdaptiveOptions,
} from "./sharpen/adaptive-best-of-n.js";
export { powerSample, type PowerOptions, type PowerSamples } from "./sharpen/power/power-sample.js";
export { sequentialMonteCarlo, type SmcOptions, type SmcSamples } from "./sharpen/power/smc.js";
export {
  PAPER_SFT,
  fitAdapter,
  type FitHooks,
  type FitOptions,
  type FitResult,
  type Restored,
  type Unfinished,
} from "./sharpen/fit-adapter.js";
export type { FitProblem, Iterate } from "./sharpen/fit-problem.js";
export { sftProblem, sftSharpen } from "./sharpen/sft.js";
export { dpoProblem, type PairExample, type RewardedResponse } from "./sharpen/pairs.js";
export type {
  Method,
  MethodContext,
  MethodFacts,
  MethodPlan,
  MethodSettings,
} from "./sharpen/methods/method.js";
export type { MethodOption, OwnSettings } from "./sharpen/methods/options.js";
export { findMethod, methodNamed, methods } from "./sharpen/methods/registry.js";
export { presetFor, presets, type Preset } from "./sharpen/presets.js";
export type { DrawSettings, Progress } from "./sharpen/draw.js";
export { splitPrompts, type PromptSplit, type SplitOptions } from "./sharpen/prompts.js";
export { drawTask, type DrawnTask } from "./sharpen/draw-task.js";
export {
  sharpenTask,
  type MethodTraining,
  type SharpenOptions,
  type SharpenResult,
} from "./sharpen/sharpen-task.js";
export { configureRun, type Places } from "./sharpen/configure-run.js";
export { evaluateRun, type EvaluateRunOptions } from "./sharpen/evaluate-run.js";
export { readMetrics } from "./sharpen/run-metrics.js";

// Measuring.
export { measure, type MeasuredMetrics, type MeasureInputs } from "./evaluate/measure.js";
export {
  measureAdapter,
  type AdapterInputs,
  type AdapterResponse,
  type AdapterSample,
  type MeasuredAdapter,
} from "./evaluate/measure-adapter.js";
export { measureAdaptive, type AdaptiveInputs } from "./evaluate/measure-adaptive.js";
export { findings } from "./evaluate/findings.js";
export type {
  AdapterMetrics,
  AnswerMetrics,
  BestOfNMetrics,
  EpochMetrics,
  Estimate,
  Histogram,
  Metrics,
} from "./evaluate/metrics.js";

// Run folders.
export * from "./public/run.js";

// Errors.
export {
  DataError,
  DeviceError,
  GraphError,
  InterruptedError,
  ModelError,
  OwnCodeError,
  RunError,
  UsageError,
  WhetstoneError,
  type ErrorFacts,
} from "./core/errors.js";
