import { prepareBase } from "../evaluate/answers.js";
import { measureAdaptive } from "../evaluate/measure-adaptive.js";
import type { AdaptiveMetrics, Metrics } from "../evaluate/metrics.js";
import type { Response } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";
import type { Task } from "../task/task.js";
import { adaptiveMu, chooseAdaptively } from "./adaptive-best-of-n.js";
import { chooseByVoteLead, type VoteLead } from "./vote-lead.js";

/** What an earlier command measured of these rules. */
export function rulesOf(before: Metrics | undefined): Pick<Metrics, "adaptive" | "adaptiveVotes"> {
  const { adaptive, adaptiveVotes } = before ?? {};
  return { ...(adaptive && { adaptive }), ...(adaptiveVotes && { adaptiveVotes }) };
}

/** Adaptive best-of-N, and majority by the lead of its vote, over what is drawn already: their draws are the first of the pool's. */
export function measureRules(
  { task, seed, n }: { readonly task: Task; readonly seed: number; readonly n: number },
  delta: number,
  pools: readonly Pool[],
  greedy: readonly Response[],
): Pick<Metrics, "adaptive" | "adaptiveVotes"> {
  const inputs = { task, pools, greedy, seed };
  const base = prepareBase(inputs);
  const mu = adaptiveMu(delta);
  const measured = (best: readonly Omit<VoteLead, "risk">[]): AdaptiveMetrics =>
    measureAdaptive(
      {
        ...inputs,
        chosen: best.map(({ chosen }) => chosen),
        drawn: best.map(({ drawn }) => drawn),
        capped: best.filter(({ capped }) => capped).length,
        cap: n,
      },
      base,
    );
  const answersOf = ({ responses, extract }: Pool): (string | undefined)[] =>
    responses.map(({ text }) => extract(text));
  return {
    adaptive: measured(pools.map(({ responses }) => chooseAdaptively(responses, mu))),
    adaptiveVotes: measured(pools.map((pool) => chooseByVoteLead(pool.responses, answersOf(pool), delta))),
  };
}
