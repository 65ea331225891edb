import type { Policy, Response } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";

/** What a run draws test responses from. */
export type Draws = Pick<Policy, "sample" | "greedy">;

/**
 * A policy that has drawn these responses, for who would draw them again: it gives what is there, and draws what is not.
 * @param pools of its samples. @param greedy its greedy responses.
 */
export function knownDraws(policy: Policy, pools: readonly Pool[], greedy: readonly Response[]): Draws {
  const poolOf = new Map(pools.map((pool) => [pool.prompt.id, pool]));
  const greedyOf = new Map(greedy.map((response) => [response.promptId, response]));
  return {
    async *sample(requests, options) {
      const missing = [];
      for await (const request of requests) {
        const { responses = [] } = poolOf.get(request.prompt.id) ?? {};
        const known = responses.find(({ index }) => index === request.index);
        if (known) yield known;
        else missing.push(request);
      }
      if (missing.length > 0) yield* policy.sample(missing, options);
    },
    async *greedy(prompts, options) {
      const asked = [...prompts];
      yield* asked.flatMap(({ id }) => greedyOf.get(id) ?? []);
      const missing = asked.filter(({ id }) => !greedyOf.has(id));
      if (missing.length > 0) yield* policy.greedy(missing, options);
    },
  };
}
