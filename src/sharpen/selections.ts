import { RunError } from "../core/errors.js";
import { moduleOf } from "../core/own-module.js";
import type { Policy, Prompt, Response } from "../policy/policy.js";
import { choose, withScore, type Pool, type SelfReward } from "../reward/self-reward.js";
import { selectionKey } from "../run/records.js";
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

/**
 * Writes each reward's scores and choice for each pool into selections.jsonl, once.
 * @returns the rewards with their recorded scores: a judge is asked once, however often a run is continued.
 */
export async function recordSelections(
  run: Run,
  pools: readonly Pool[],
  rewards: readonly SelfReward[],
  signal?: AbortSignal,
): Promise<SelfReward[]> {
  const log = await run.selectionLog();
  const earlier = await log.records();
  for (const reward of rewards) {
    const module = moduleOf(reward)?.digest;
    if (earlier.some((own) => own.reward === reward.name && own.module && module && own.module !== module)) {
      throw new RunError(
        `${run.dir} has scores of ${reward.name} from another version of its module: restore it, or give the changed one another name.`,
      );
    }
    for (const pool of pools) {
      const promptId = pool.prompt.id;
      if (log.has(selectionKey(promptId, reward.name))) continue;
      throwIfStopped(signal, "Choosing");
      const scores = await reward.score(pool);
      const chosen = pool.responses[choose(scores)]!.index;
      log.append({ promptId, reward: reward.name, chosen, scores, ...(module && { module }) });
    }
  }
  const places = new Map(pools.map(({ prompt }, place) => [prompt.id, place]));
  const turns = new Map<string, number>();
  for (const { reward } of await log.records()) if (!turns.has(reward)) turns.set(reward, turns.size);
  // Prompts may have come after the first choices: reward by reward, in the prompts' order.
  const sorted = await log.sort(
    (a, b) =>
      turns.get(a.reward)! - turns.get(b.reward)! || places.get(a.promptId)! - places.get(b.promptId)!,
  );
  const recorded = new Map(
    sorted.map(({ promptId, reward, scores }) => [selectionKey(promptId, reward), scores]),
  );
  return rewards.map((reward) =>
    withScore(reward, ({ prompt }) => Promise.resolve(recorded.get(selectionKey(prompt.id, reward.name))!)),
  );
}
