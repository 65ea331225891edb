import { UsageError } from "../core/errors.js";
import type { Response } from "../policy/policy.js";

/**
 * How likely it is, after these votes, that the runner-up is the likelier answer after all: P(p < 1/2) for p ~ Beta(leader + 1,
 * runnerUp + 1), the leader's share of both under a uniform prior (adaptive consistency, arXiv 2305.11860). For whole
 * votes the Beta integral is a binomial tail: Σ_{j ≤ runnerUp} C(m, j)/2^m with m = leader + runnerUp + 1.
 * @param leader votes, at least `runnerUp`.
 */
function overtakenProbability(leader: number, runnerUp: number): number {
  const m = leader + runnerUp + 1;
  let logTerm = -m * Math.LN2;
  let sum = 0;
  for (let j = 0; j <= runnerUp; j++) {
    sum += Math.exp(logTerm);
    logTerm += Math.log((m - j) / (j + 1));
  }
  return sum;
}

/** What the rule chose among responses that are drawn already. */
export interface VoteLead {
  readonly chosen: Response;
  /** After how many the lead was large enough, or all of them. */
  readonly drawn: number;
  /** Whether they did not suffice. */
  readonly capped: boolean;
  /** The chance, as it was at the end, that the runner-up is the likelier answer after all; 1/2 where there are no votes. */
  readonly risk: number;
}

/**
 * Majority over as many responses as the lead of its first answer asks for: drawing ends once the chance that the runner-up overtakes
 * it is at most δ. Responses without an answer do not vote. The choice is the first response with the answer that leads, of equals
 * the answer that came first; the first response where none has one.
 * @param answers of the responses, in the order drawn; undefined for none.
 * @throws UsageError for δ outside (0, 1), and without responses.
 */
export function chooseByVoteLead(
  responses: readonly Response[],
  answers: readonly (string | undefined)[],
  delta: number,
): VoteLead {
  if (!(delta > 0 && delta < 1)) throw new UsageError(`δ must be between 0 and 1, not ${delta}.`);
  if (responses.length === 0)
    throw new UsageError("There are no responses to choose from: draw at least one.");
  const votes = new Map<string, { readonly first: number; count: number }>();
  const leader = (): number => [...votes.values()].reduce((a, b) => (b.count > a.count ? b : a)).first;
  let risk = overtakenProbability(0, 0);
  for (let k = 0; k < responses.length; k++) {
    const answer = answers[k];
    if (answer === undefined) continue;
    const own = votes.get(answer) ?? { first: k, count: 0 };
    own.count++;
    votes.set(answer, own);
    const [most = 0, next = 0] = [...votes.values()].map(({ count }) => count).sort((a, b) => b - a);
    risk = overtakenProbability(most, next);
    if (risk <= delta) return { chosen: responses[leader()]!, drawn: k + 1, capped: false, risk };
  }
  const chosen = responses[votes.size === 0 ? 0 : leader()]!;
  return { chosen, drawn: responses.length, capped: true, risk };
}
