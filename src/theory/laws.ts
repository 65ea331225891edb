import type { RandomStream } from "../core/random.js";
import { nearArgmax } from "./quantities.js";

/** Responses of equal probability, most likely first. */
export interface Level {
  readonly value: number;
  readonly mass: number;
  readonly members: readonly number[];
}

/** A row's responses by probability; probabilities within 1e-12 (relative) are one level. */
export function levelsOf(row: Float64Array): Level[] {
  const byValue = new Map<number, number[]>();
  row.forEach((p, y) => {
    if (p <= 0) return;
    const members = byValue.get(p);
    if (members) members.push(y);
    else byValue.set(p, [y]);
  });
  const found: { value: number; mass: number; members: number[] }[] = [];
  for (const [value, members] of [...byValue].sort(([a], [b]) => b - a)) {
    const mass = value * members.length;
    const last = found[found.length - 1];
    if (last !== undefined && value >= last.value * (1 - 1e-12)) {
      last.mass += mass;
      last.members.push(...members);
    } else found.push({ value, mass, members });
  }
  return found;
}

function spread(
  size: number,
  groups: readonly Level[],
  probability: (level: number) => number,
): Float64Array {
  const law = new Float64Array(size);
  groups.forEach(({ members }, i) => {
    for (const y of members) law[y] = probability(i) / members.length;
  });
  return law;
}

/**
 * π_BoN(· | x): the law of the most likely among N draws from a row, ties by first drawn (so evenly). Exact:
 * P[best in level i] = (1 − mass above i)^N − (1 − mass down to i)^N.
 */
export function bestOfNLaw(row: Float64Array, n: number): Float64Array {
  const groups = levelsOf(row);
  const above = groups.map((_, i) => groups.slice(0, i).reduce((sum, level) => sum + level.mass, 0));
  const outside = (i: number): number => (i >= groups.length ? 0 : Math.max(0, 1 - above[i]!) ** n);
  return spread(row.length, groups, (i) => outside(i) - outside(i + 1));
}

/** What adaptive best-of-N does on one prompt, exactly. */
export interface AdaptiveLaw {
  /** The law of the returned response. */
  readonly law: Float64Array;
  /** E[N_μ]. */
  readonly expectedDraws: number;
  /** P[the best so far at N_μ is not in y*]. */
  readonly miss: number;
}

/**
 * The law of adaptive best-of-N (paper eq. 10): stop at the first k with 1/max_{j≤k} π(y_j) ≤ k/μ. A best-so-far of
 * probability v stops from k = ⌈μ/v⌉ on. So no one stops before t_1 = ⌈μ/v_1⌉; at k = t_i exactly those stop whose best
 * is level i; and between t_i and t_{i+1} whoever draws a level ≤ i stops at once. Summed in closed form.
 */
export function adaptiveLaw(row: Float64Array, mu: number): AdaptiveLaw {
  const groups = levelsOf(row);
  const probability = new Float64Array(groups.length);
  let expectedDraws = 0;
  let above = 0;
  let previous = 0;
  groups.forEach(({ value, mass }, i) => {
    const time = stoppingTime(value, mu);
    // (1−above)^k for k = previous .. time−1, summed: the draws made while only levels ≥ i can be the best.
    const alive = above === 0 ? time - previous : ((1 - above) ** previous - (1 - above) ** time) / above;
    expectedDraws += alive;
    for (let j = 0; j < i; j++) probability[j]! += alive * groups[j]!.mass;
    const below = i === groups.length - 1 ? 0 : Math.max(0, 1 - above - mass);
    probability[i]! += Math.max(0, 1 - above) ** time - below ** time;
    above += mass;
    previous = time;
  });
  const law = spread(row.length, groups, (i) => probability[i]!);
  const miss = Math.max(0, 1 - nearArgmax(row).reduce((sum, y) => sum + law[y]!, 0));
  return { law, expectedDraws, miss };
}

/** ⌈μ/v⌉: the first k at which a best-so-far of probability v stops the rule 1/v ≤ k/μ. At least 1. */
export function stoppingTime(value: number, mu: number): number {
  return Math.max(1, Math.ceil(mu / value - 1e-9));
}

/** What adaptive best-of-N returned, and N_μ. */
export interface Stopped {
  readonly response: number;
  readonly draws: number;
}

/**
 * One run of adaptive best-of-N (paper eq. 10), in law the same as drawing one response after the other: what does not
 * improve on the best so far only lets time pass, so the draws until the next improvement are one geometric variate.
 */
export function drawUntilStop(levels: readonly Level[], mu: number, stream: RandomStream): Stopped {
  let draws = 1;
  let best = pickLevel(levels, levels.length, 1, stream);
  for (;;) {
    const stop = Math.max(draws, stoppingTime(levels[best]!.value, mu));
    const above = levels.slice(0, best).reduce((sum, { mass }) => sum + mass, 0);
    const wait = above > 0 ? Math.floor(Math.log(1 - stream.next()) / Math.log1p(-above)) + 1 : Infinity;
    if (draws + wait > stop) {
      const { members } = levels[best]!;
      return { response: members[stream.integer(members.length)]!, draws: stop };
    }
    draws += wait;
    best = pickLevel(levels, best, above, stream);
  }
}

/** One of the first `count` levels, whose masses sum to `total`, by its mass. */
function pickLevel(levels: readonly Level[], count: number, total: number, stream: RandomStream): number {
  let left = stream.next() * total;
  let at = 0;
  while (at < count - 1 && (left -= levels[at]!.mass) >= 0) at++;
  return at;
}
