import { UsageError } from "../core/errors.js";
import { bestOfMajority } from "./best-of-majority.js";
import { borda } from "./borda.js";
import { judge } from "./judge.js";
import { lengthNormalized } from "./length-normalized.js";
import { logLikelihood } from "./log-likelihood.js";
import { majority } from "./majority.js";
import { pessimism } from "./pessimism.js";
import { selfCertainty } from "./self-certainty.js";
import type { SelfReward } from "./self-reward.js";
import { weightedMajority } from "./weighted-majority.js";

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
];

/** Every self-reward by its name, in the order of tables. A new one is a file in this folder and an item in this list. */
export const rewards: Readonly<Record<string, SelfReward>> = Object.fromEntries(
  all.map((reward) => [reward.name, reward]),
);

/**
 * The self-reward of that name.
 * @throws UsageError listing the names, if there is none.
 */
export function rewardNamed(name: string): SelfReward {
  const reward = Object.hasOwn(rewards, name) ? rewards[name] : undefined;
  if (reward === undefined) {
    throw new UsageError(`There is no reward "${name}": choose one of ${Object.keys(rewards).join(", ")}.`);
  }
  return reward;
}
