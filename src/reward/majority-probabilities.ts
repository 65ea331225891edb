/**
 * The exact law of a majority vote over a random subset.
 *
 * A uniformly random n-subset of M responses takes multivariate-hypergeometric counts from the answer classes. Those
 * counts have the law of independent Binomial(size, p) counts given that they sum to n, for any p; with p = n/M every
 * coefficient below is a probability, so nothing overflows or cancels however large M is. For a class to win with k
 * members no other class may have more; t others that have exactly k share the win, 1/(t + 1) each.
 */

/** Who wins the vote. */
export interface MajorityLaw {
  /** P(the class wins), in the order of the sizes given; ties among classes shared evenly. */
  readonly classes: readonly number[];
  /** P(the subset has no answered response at all). With the classes it sums to 1. */
  readonly none: number;
}

/** Binomial(trials, p) probabilities of 0..max, 0 < p < 1; by ratios from the mode, so that nothing underflows to all zeros. */
function binomial(trials: number, p: number, max: number): Float64Array {
  const all = new Float64Array(trials + 1);
  const mode = Math.min(trials, Math.floor((trials + 1) * p));
  const odds = p / (1 - p);
  let sum = (all[mode] = 1);
  for (let j = mode; j < trials; j++) sum += all[j + 1] = (all[j]! * (trials - j) * odds) / (j + 1);
  for (let j = mode; j > 0; j--) sum += all[j - 1] = (all[j]! * j) / ((trials - j + 1) * odds);
  const result = new Float64Array(max + 1);
  for (let j = 0; j <= Math.min(max, trials); j++) result[j] = all[j]! / sum;
  return result;
}

/** P(t classes tied at k so far, d responses so far): `rows` rows for t of `columns` columns for d. */
interface TieTable {
  readonly values: Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/** Adds one class to the table, in place: it has fewer than k members in the subset, or exactly k and is tied. */
function addClass(table: TieTable, law: Float64Array, k: number): void {
  const { values, rows, columns } = table;
  for (let t = rows - 1; t >= 0; t--) {
    const row = t * columns;
    for (let d = columns - 1; d >= 0; d--) {
      let sum = 0;
      for (let j = Math.min(k - 1, d); j >= 0; j--) sum += law[j]! * values[row + d - j]!;
      if (t > 0 && d >= k) sum += law[k]! * values[row - columns + d - k]!;
      values[row + d] = sum;
    }
  }
}

/** A distinct class size, how many classes have it, and its counts' law. */
interface SizeGroup {
  readonly size: number;
  readonly multiplicity: number;
  readonly law: Float64Array;
}

/** P(a class wins with exactly k members, ties shared, and the total is n), given the table of all the others. */
function winShare(table: TieTable, winner: SizeGroup, k: number): number {
  let share = 0;
  for (let t = 0; t < table.rows; t++) share += table.values[(t + 1) * table.columns - 1]! / (t + 1);
  return winner.law[k]! * share;
}

/**
 * The share of one class of each group, against all the others: halves the groups and adds the other half's classes, so that
 * a leave-one-out product costs a logarithm of what it would one by one.
 */
function winShares(table: TieTable, groups: readonly SizeGroup[], k: number): number[] {
  if (groups.length === 1) return [winShare(table, groups[0]!, k)];
  const half = groups.length >> 1;
  const parts = [groups.slice(0, half), groups.slice(half)] as const;
  return [0, 1].flatMap((side) => {
    const others: TieTable = { ...table, values: table.values.slice() };
    for (const group of parts[1 - side]!) addClass(others, group.law, k);
    return winShares(others, parts[side]!, k);
  });
}

/** P(one class of each group of `big` wins with exactly k members and the total is n); `rest` fills the subset. */
function winsWith(k: number, big: readonly SizeGroup[], rest: Float64Array, n: number): number[] {
  const columns = n - k + 1;
  let others = -1;
  for (const group of big) others += group.multiplicity;
  const rows = Math.min(others, Math.floor((n - k) / k)) + 1;
  const table: TieTable = { values: new Float64Array(rows * columns), rows, columns };
  table.values.set(rest.subarray(0, columns));
  for (const group of big) for (let i = 1; i < group.multiplicity; i++) addClass(table, group.law, k);
  return winShares(table, big, k);
}

/** Without subsampling the largest classes win, evenly. */
function wholePool(sizes: readonly number[]): MajorityLaw {
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  const winners = sizes.filter((size) => size === largest).length;
  return {
    classes: sizes.map((size) => (size === largest ? 1 / winners : 0)),
    none: sizes.length === 0 ? 1 : 0,
  };
}

/**
 * P(each answer class wins the vote) over uniformly random n-subsets of a pool, exactly, ties shared evenly.
 * Equal sizes are computed once. For M = 50 it takes well under a millisecond.
 * @param sizes responses in each class, each ≥ 1.
 * @param unanswered responses that are in no class and never win.
 * @param n 1 ≤ n ≤ Σ sizes + unanswered.
 */
export function majorityClassProbabilities(
  sizes: readonly number[],
  unanswered: number,
  n: number,
): MajorityLaw {
  const total = sizes.reduce((a, b) => a + b, unanswered);
  if (n === total) return wholePool(sizes);
  let none = 1;
  for (let j = 0; j < n; j++) none *= Math.max(0, unanswered - j) / (total - j);
  const p = n / total;
  const groups: SizeGroup[] = [...new Set(sizes)].map((size) => ({
    size,
    multiplicity: sizes.filter((other) => other === size).length,
    law: binomial(size, p, Math.min(size, n)),
  }));
  const wins = new Map<number, number>();
  const largest = Math.min(
    n,
    groups.reduce((a, group) => Math.max(a, group.size), 0),
  );
  for (let k = 1; k <= largest; k++) {
    const big = groups.filter((group) => group.size >= k);
    // Classes too small to reach k are no rivals at k: with the unanswered they only fill the subset.
    const fillers = total - big.reduce((a, group) => a + group.size * group.multiplicity, 0);
    winsWith(k, big, binomial(fillers, p, n - k), n).forEach((win, i) => {
      const { size } = big[i]!;
      wins.set(size, (wins.get(size) ?? 0) + win);
    });
  }
  const evidence = binomial(total, p, n)[n]!;
  return { classes: sizes.map((size) => wins.get(size)! / evidence), none };
}
