import { UsageError } from "../core/errors.js";
import { rewardNamed } from "../reward/registry.js";
import type { SelfReward } from "../reward/self-reward.js";
import type { Method } from "../sharpen/methods/method.js";
import { methodNamed, nameBy, titleBy } from "../sharpen/methods/registry.js";
import { PAPER_METHOD } from "./paper-settings.js";

/** What an amortized suite learns, and how. */
export interface Learned {
  /** What trains. Default: SFT-Sharpening, as in the paper. */
  readonly methods?: readonly Method[] | undefined;
  /** Whose preferences each of them learns. Default: log-likelihood, as in the paper. */
  readonly rewards?: readonly SelfReward[] | undefined;
}

/** What the paper's amortized experiments learn (§6). */
export const PAPER_REWARD = "log-likelihood";

/** A method that stands in a suite for what one self-reward prefers. */
export interface Learning {
  /** With a name of its own in tables and folders, unless the reward is the paper's. */
  readonly method: Method;
  /** The method as it was asked for. */
  readonly asked: Method;
  readonly reward: SelfReward;
}

/**
 * Each method with each reward. Beside each other in one suite they share what the base draws, as far as no reward has a part in it.
 * @throws UsageError where no reward is named.
 */
export function learningsOf(learned: Learned): Learning[] {
  const methods = new Set(learned.methods ?? [methodNamed(PAPER_METHOD)]);
  const rewards = new Set(learned.rewards ?? [rewardNamed(PAPER_REWARD)]);
  if (rewards.size === 0) throw new UsageError("Name at least one self-reward to learn.");
  return [...methods].flatMap((asked) =>
    [...rewards].map((reward) => ({ asked, reward, method: by(reward.name, asked) })),
  );
}

/** That of a cell. @param name its method's. */
export function learningOf(learned: Learned, name: string | undefined): Learning {
  return learningsOf(learned).find(({ method }) => method.name === name)!;
}

function by(reward: string, method: Method): Method {
  if (reward === PAPER_REWARD) return method;
  const { name, title, presetsOf = name } = method;
  return { ...method, presetsOf, name: nameBy(name, reward), title: titleBy(title, reward) };
}
