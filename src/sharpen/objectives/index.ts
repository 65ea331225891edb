export type { LossValue, Objective, ResponsePair } from "./objective.js";
export { sftObjective } from "./sft.js";
export { rewardRegressionObjective, type RewardRegressionOptions } from "./reward-regression.js";
export { paperAlpha, paperBeta, xpoObjective, type XpoAlphaOptions, type XpoOptions } from "./xpo.js";
export { fit, parameterLoss, type Cell, type FitOptions, type ParameterLoss } from "./fit.js";
