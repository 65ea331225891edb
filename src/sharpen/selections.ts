import { RunError } from "../core/errors.js";
import { moduleOf } from "../core/own-module.js";
import type { Policy, Prompt, Response } from "../policy/policy.js";
import { choose, withScore, type Pool, type SelfReward } from "../reward/self-reward.js";
import { selectionKey, type Selection } from "../run/records.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { throwIfStopped } from "./interrupt.js";

/** The prompts' responses as self-rewards see them. */
export function poolsOf(
  task: Task,
  prompts: readonly Prompt[],
  drawn: readonly (readonly Response[])[],
  policy?: Policy,
): Pool[] {
  const extract = (text: string): string | undefined => task.extract(text);
  return prompts.map((prompt, i) => ({ prompt, responses: drawn[i]!, extract, ...(policy && { policy }) }));
}

/** Self-rewards of a run, which ask nothing twice. */
export interface RecordedRewards {
  /** Each scores a pool as selections.jsonl has it, or, the first time, as the reward does, and then writes scores and choice there. */
  readonly rewards: readonly SelfReward[];
  /** Puts selections.jsonl in canonical order: reward by reward, in the order of these prompts, which are all that it has. */
  arrange(prompts: readonly Pick<Prompt, "id">[]): Promise<void>;
}

/**
 * The rewards with their recorded scores: a judge is asked once, however often a run is continued.
 * @throws RunError where the run has scores from another version of a reward's module.
 */
export async function recordedRewards(
  run: Run,
  rewards: readonly SelfReward[],
  signal?: AbortSignal,
): Promise<RecordedRewards> {
  const log = await run.selectionLog();
  const known = new Map<string, readonly number[]>();
  const turns = new Map<string, number>();
  const digests = new Map(rewards.map((reward) => [reward.name, moduleOf(reward)?.digest]));
  for (const { promptId, reward, scores, module } of await log.records()) {
    const digest = digests.get(reward);
    if (module && digest && module !== digest) {
      throw new RunError(
        `${run.dir} has scores of ${reward} from another version of its module: restore it, or give the changed one another name.`,
      );
    }
    if (!turns.has(reward)) turns.set(reward, turns.size);
    if (digests.has(reward)) known.set(selectionKey(promptId, reward), scores);
  }
  const recorded = (reward: SelfReward) => async (pool: Pool) => {
    const promptId = pool.prompt.id;
    const key = selectionKey(promptId, reward.name);
    const earlier = known.get(key);
    if (earlier) return earlier;
    throwIfStopped(signal, "Choosing");
    const scores = await reward.score(pool);
    const chosen = pool.responses[choose(scores)]!.index;
    const module = digests.get(reward.name);
    log.append({ promptId, reward: reward.name, chosen, scores, ...(module && { module }) });
    if (!turns.has(reward.name)) turns.set(reward.name, turns.size);
    known.set(key, scores);
    return scores;
  };
  return {
    rewards: rewards.map((reward) => withScore(reward, recorded(reward))),
    arrange: async (prompts) => {
      const places = new Map(prompts.map(({ id }, place) => [id, place]));
      const place = ({ reward, promptId }: Selection): Place => [turns.get(reward)!, places.get(promptId)!];
      await log.arrange(place, ([turnA, a], [turnB, b]) => turnA - turnB || a - b);
    },
  };
}

type Place = readonly [turn: number, prompt: number];

/**
 * Writes each reward's scores and choice for each pool into selections.jsonl, once.
 * @returns the rewards with their recorded scores.
 * @throws as `recordedRewards`.
 */
export async function recordSelections(
  run: Run,
  pools: readonly Pool[],
  rewards: readonly SelfReward[],
  signal?: AbortSignal,
): Promise<readonly SelfReward[]> {
  const recorded = await recordedRewards(run, rewards, signal);
  for (const reward of recorded.rewards) for (const pool of pools) await reward.score(pool);
  await recorded.arrange(pools.map(({ prompt }) => prompt));
  return recorded.rewards;
}
