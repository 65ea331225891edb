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
  /** The scores that selections.jsonl has for a prompt, by reward. */
  known(promptId: string): readonly (readonly number[] | undefined)[];
  /** Writes down what a reward says of a prompt's responses, once. @param reward its place. @param chosen the response's `index`. */
  keep(promptId: string, reward: number, scores: readonly number[], chosen: number): void;
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
  const keep = (promptId: string, reward: string, scores: readonly number[], chosen: number): void => {
    const key = selectionKey(promptId, reward);
    if (known.has(key)) return;
    const module = digests.get(reward);
    log.append({ promptId, reward, chosen, scores, ...(module && { module }) });
    if (!turns.has(reward)) turns.set(reward, turns.size);
    known.set(key, scores);
  };
  const recorded = (reward: SelfReward) => async (pool: Pool) => {
    const earlier = known.get(selectionKey(pool.prompt.id, reward.name));
    if (earlier) return earlier;
    throwIfStopped(signal, "Choosing");
    const scores = await reward.score(pool);
    keep(pool.prompt.id, reward.name, scores, pool.responses[choose(scores)]!.index);
    return scores;
  };
  return {
    known: (promptId) => rewards.map(({ name }) => known.get(selectionKey(promptId, name))),
    keep: (promptId, place, scores, chosen) => {
      keep(promptId, rewards[place]!.name, scores, chosen);
    },
    rewards: rewards.map((reward) => withScore(reward, recorded(reward))),
    arrange: async (prompts) => {
      const places = new Map(prompts.map(({ id }, place) => [id, place]));
      const place = ({ reward, promptId }: Selection): Place => [turns.get(reward)!, places.get(promptId)!];
      await log.arrange(place, ([turnA, a], [turnB, b]) => turnA - turnB || a - b);
    },
  };
}

type Place = readonly [turn: number, prompt: number];
