// `whetstone/reward`: every self-reward, and what one of your own implements.
export { choose, type Pool, type SelfReward } from "../reward/self-reward.js";
export type { Pruner, PruningContext, Ruling } from "../reward/pruning.js";
export { findReward, rewardNamed, rewards } from "../reward/registry.js";
export { logLikelihood } from "../reward/log-likelihood.js";
export { lengthNormalized } from "../reward/length-normalized.js";
export { majority } from "../reward/majority.js";
export { selfCertainty } from "../reward/self-certainty.js";
export { judge, yesProbability, type JudgeOptions, type JudgeScore, type Verdicts } from "../reward/judge.js";
export { weightedMajority, type WeightedMajorityOptions } from "../reward/weighted-majority.js";
export { borda, type BordaOptions } from "../reward/borda.js";
export { pessimism, type PessimismOptions } from "../reward/pessimism.js";
export { bestOfMajority, type BestOfMajorityOptions } from "../reward/best-of-majority.js";
export { filteredMajority, type FilteredMajorityOptions } from "../reward/filtered-majority.js";
export { entropy } from "../reward/entropy.js";
export { semanticClusters, type SemanticClustersOptions } from "../reward/semantic-clusters.js";
