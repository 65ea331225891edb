import type { Response } from "../policy/policy.js";
import type { Pool, SelfReward } from "./self-reward.js";

/**
 * What every self-reward promises, as a check that can be run on any pool: for the tests of this folder, and for whoever
 * writes a reward of their own. Exhaustive over subsets, so for small pools (up to about 8 responses).
 */

const POOL_FIELDS: ReadonlySet<PropertyKey> = new Set(["prompt", "responses", "extract", "policy"]);
const RESPONSE_FIELDS: ReadonlySet<PropertyKey> = new Set<keyof Response>([
  "promptId",
  "index",
  "text",
  "tokens",
  "logProbs",
  "certainties",
  "finish",
]);

/** The same object, noting any field read that a self-reward has no business with (a label, say). */
function guarded<T extends object>(value: T, allowed: ReadonlySet<PropertyKey>, noted: Set<string>): T {
  return new Proxy(value, {
    get: (target, key) => {
      if (!allowed.has(key)) noted.add(String(key));
      return Reflect.get(target, key) as unknown;
    },
  });
}

const close = (a: number, b: number): boolean =>
  Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));

/** All subsets of `n` of the positions 0..size−1. */
function* subsets(size: number, n: number, from = 0): Generator<number[]> {
  if (n === 0) yield [];
  else
    for (let i = from; i <= size - n; i++) for (const rest of subsets(size, n - 1, i + 1)) yield [i, ...rest];
}

const restrict = (pool: Pool, positions: readonly number[]): Pool => ({
  ...pool,
  responses: positions.map((i) => pool.responses[i]!),
});

/** P(each response is chosen) from this very pool: the highest score, ties shared evenly, or what a randomized reward says. */
async function chosenFrom(reward: SelfReward, pool: Pool): Promise<readonly number[]> {
  if (reward.randomized) return reward.chosenProbabilities!(pool, pool.responses.length);
  const scores = await reward.score(pool);
  const best = Math.max(...scores);
  const winners = scores.filter((score) => score === best).length;
  return scores.map((score) => (score === best ? 1 / winners : 0));
}

/**
 * P(response i is chosen) when a uniformly random subset of `n` of the pool is drawn, ties shared evenly: by scoring every
 * subset on its own. The slow, plain definition of `SelfReward.chosenProbabilities`.
 */
export async function chosenByEnumeration(reward: SelfReward, pool: Pool, n: number): Promise<number[]> {
  const result = pool.responses.map(() => 0);
  let count = 0;
  for (const subset of subsets(pool.responses.length, n)) {
    count++;
    const chosen = await chosenFrom(reward, restrict(pool, subset));
    subset.forEach((position, i) => (result[position]! += chosen[i]!));
  }
  return result.map((sum) => sum / count);
}

/** Scores: one a response, finite, from allowed fields only, the same each time, moving along with the responses. */
async function scoreViolations(reward: SelfReward, pool: Pool, scores: readonly number[]): Promise<string[]> {
  const found: string[] = [];
  const { responses } = pool;
  if (scores.length !== responses.length)
    found.push(`${scores.length} scores for ${responses.length} responses`);
  if (!scores.every(Number.isFinite)) found.push(`scores that are not finite: ${scores.join(", ")}`);
  const noted = new Set<string>();
  const labelled = responses.map((response, i) => ({
    ...response,
    correct: i % 2 === 0,
    label: "42",
    answer: "42",
  }));
  const watched = labelled.map((response) => guarded(response, RESPONSE_FIELDS, noted));
  const again = await reward.score(guarded({ ...pool, responses: watched }, POOL_FIELDS, noted));
  if (noted.size > 0) found.push(`reads ${[...noted].join(", ")}, which no self-reward may`);
  if (!again.every((score, i) => score === scores[i]))
    found.push("scores the same pool differently the second time");
  const turned = responses.map((_, i) => (i + 1) % responses.length).reverse();
  const moved = await reward.score(restrict(pool, turned));
  if (!turned.every((from, to) => close(moved[to]!, scores[from]!)))
    found.push("scores depend on the responses' order");
  responses.forEach((a, i) => {
    const twin = responses.findIndex(
      (b) => JSON.stringify({ ...a, index: 0 }) === JSON.stringify({ ...b, index: 0 }),
    );
    if (scores[twin] !== scores[i]) found.push(`equal responses ${twin} and ${i} have different scores`);
  });
  return found;
}

/** Without `chosenProbabilities` a score must be pointwise: the same whatever else is in the pool. */
async function pointwiseViolations(
  reward: SelfReward,
  pool: Pool,
  scores: readonly number[],
): Promise<string[]> {
  const found: string[] = [];
  for (let i = 0; i < pool.responses.length; i++) {
    const [alone] = await reward.score(restrict(pool, [i]));
    if (!close(alone!, scores[i]!))
      found.push(`has no chosenProbabilities, yet scores response ${i} by the others`);
  }
  return found;
}

/** `chosenProbabilities`: a distribution for every n it can tell of, equal to enumeration, certain for a single response. */
async function choiceViolations(reward: SelfReward, pool: Pool): Promise<string[]> {
  const found: string[] = [];
  const size = pool.responses.length;
  if (reward.measurable?.(size, size) === false) found.push("cannot be measured on the whole pool");
  for (let n = 1; n <= size; n++) {
    if (reward.measurable?.(size, n) === false) continue;
    const given = reward.chosenProbabilities!(pool, n);
    const total = given.reduce((a, b) => a + b, 0);
    if (Math.abs(total - 1) > 1e-12) found.push(`chosenProbabilities for n = ${n} sum to ${total}`);
    const wanted = await chosenByEnumeration(reward, pool, n);
    if (given.length !== wanted.length || !wanted.every((value, i) => close(value, given[i]!))) {
      found.push(
        `chosenProbabilities for n = ${n} are ${given.join(", ")}; all subsets give ${wanted.join(", ")}`,
      );
    }
  }
  const [alone] = reward.chosenProbabilities!(restrict(pool, [0]), 1);
  if (alone !== 1) found.push(`a single response is chosen with probability ${String(alone)}`);
  return found;
}

/**
 * What a self-reward breaks of its contract on this pool, one sentence each; empty if nothing.
 * @param pool at least one response; its fields must suffice for what the reward `needs`.
 */
export async function contractViolations(reward: SelfReward, pool: Pool): Promise<readonly string[]> {
  const scores = await reward.score(pool);
  return [
    ...(await scoreViolations(reward, pool, scores)),
    ...(reward.chosenProbabilities === undefined
      ? await pointwiseViolations(reward, pool, scores)
      : await choiceViolations(reward, pool)),
  ];
}
