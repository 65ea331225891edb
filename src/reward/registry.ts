import { z } from "zod";
import { OwnCodeError } from "../core/errors.js";
import { OWN_MODULE, unknownName } from "../core/names.js";
import { isModulePath, loadModule, moduleOf, withModule } from "../core/own-module.js";
import { rewards } from "./built-in.js";
import { withScore, type Pool, type SelfReward } from "./self-reward.js";

export { rewards };

/**
 * The self-reward of a name, or of a module of one's own (`./mine.js`), whose scores are checked as they come.
 * @throws as `rewardNamed` and `loadModule`; OwnCodeError for a name that is taken.
 */
export async function findReward(word: string): Promise<SelfReward> {
  if (!isModulePath(word)) return rewardNamed(word);
  const own = await loadModule<SelfReward>(word, "self-reward", shape);
  if (Object.hasOwn(rewards, own.name)) {
    throw new OwnCodeError(
      `${word} names its self-reward ${own.name}, as one of ours is; give it another name.`,
    );
  }
  const score = async (pool: Pool): Promise<readonly number[]> => {
    const scores: unknown = await own.score(pool);
    if (isScores(scores, pool.responses.length)) return scores;
    throw new OwnCodeError(
      `${word} gave no finite number for each of the ${pool.responses.length} responses to the prompt "${pool.prompt.id}".`,
    );
  };
  return withModule(withScore(own, score), moduleOf(own)!);
}

const method = z.custom<unknown>((value) => typeof value === "function", "must be a function");
const shape = z.object({
  name: z.string().regex(/^[A-Za-z][\w.-]{0,63}$/, "must be letters, digits, dots and dashes"),
  description: z.string(),
  needs: z.array(z.enum(["certainties", "policy", "entropies"])),
  ofLogProbs: z.enum(["own", "none"]).optional(),
  score: method,
  chosenProbabilities: method.optional(),
  measurable: method.optional(),
  randomized: z.literal(true).optional(),
  pruner: method.optional(),
});

const isScores = (value: unknown, count: number): value is readonly number[] =>
  Array.isArray(value) && value.length === count && value.every((score) => Number.isFinite(score));

/**
 * The self-reward of that name.
 * @throws UsageError listing the names, if there is none.
 * @example
 * ```ts
 * import { rewardNamed } from "whetstone";
 * console.log(rewardNamed("majority").name); // → majority
 * ```
 */
export function rewardNamed(name: string): SelfReward {
  const reward = Object.hasOwn(rewards, name) ? rewards[name] : undefined;
  if (reward === undefined) throw unknownName("reward", name, Object.keys(rewards), OWN_MODULE);
  return reward;
}
