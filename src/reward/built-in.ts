import { bestOfMajority } from "./best-of-majority.js";
import { borda } from "./borda.js";
import { entropy } from "./entropy.js";
import { filteredMajority } from "./filtered-majority.js";
import { judge } from "./judge.js";
import { lengthNormalized } from "./length-normalized.js";
import { logLikelihood } from "./log-likelihood.js";
import { majority } from "./majority.js";
import { pessimism } from "./pessimism.js";
import { selfCertainty } from "./self-certainty.js";
import { semanticClusters } from "./semantic-clusters.js";
import { weightedMajority } from "./weighted-majority.js";
import type { SelfReward } from "./self-reward.js";

const all: readonly SelfReward[] = [
  logLikelihood,
  lengthNormalized,
  majority,
  selfCertainty,
  judge(),
  weightedMajority(),
  borda(),
  pessimism(),
  bestOfMajority(),
  filteredMajority(),
  entropy,
  semanticClusters(),
];

/** Every self-reward by its name, in the order of tables. A new one is a file in this folder and an item in this list. */
export const rewards: Readonly<Record<string, SelfReward>> = Object.fromEntries(
  all.map((reward) => [reward.name, reward]),
);
