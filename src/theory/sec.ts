/**
 * What the sequential extrapolation coefficient (Def. J.1) of a finite class is made of. δ_k(y, y′) =
 * β log(π_k/π_base)(y) − r(y) − β log(π_k/π_base)(y′) + r(y′), and E^(i) is over y ~ π_i, y′ ~ π_base.
 */
export interface SecTable {
  /** (E^(k)[δ_k])² for each policy k. */
  readonly gains: Float64Array;
  /** E^(i)[δ_k²], `moments[k][i]`. */
  readonly moments: readonly Float64Array[];
}

/**
 * The table of a one-prompt class.
 * @param policies rows π_k.
 * @param potentials f_k(y) = β log(π_k/π_base)(y) − r(y), so that δ_k(y, y′) = f_k(y) − f_k(y′).
 */
export function secTable(
  policies: readonly Float64Array[],
  potentials: readonly Float64Array[],
  base: Float64Array,
): SecTable {
  const expectation = (row: Float64Array, values: Float64Array): number =>
    row.reduce((sum, p, y) => (p > 0 ? sum + p * values[y]! : sum), 0);
  const baseFirst = potentials.map((f) => expectation(base, f));
  const squares = potentials.map((f) => f.map((value) => value * value));
  const baseSecond = squares.map((f) => expectation(base, f));
  const moments = potentials.map((f, k) =>
    Float64Array.from(policies, (row) =>
      // E[(f(y) − f(y′))²] = E f(y)² − 2 E f(y)·E f(y′) + E f(y′)².
      Math.max(0, expectation(row, squares[k]!) - 2 * expectation(row, f) * baseFirst[k]! + baseSecond[k]!),
    ),
  );
  const gains = Float64Array.from(
    policies,
    (row, k) => (expectation(row, potentials[k]!) - baseFirst[k]!) ** 2,
  );
  return { gains, moments };
}

const ratio = (
  { gains, moments }: SecTable,
  k: number,
  counts: ArrayLike<number>,
  lambda: number,
): number => {
  let past = 0;
  const row = moments[k]!;
  for (let i = 0; i < row.length; i++) past += counts[i]! * row[i]!;
  return gains[k]! / Math.max(lambda, past);
};

/**
 * SEC of a finite class, exactly: sup over sequences of T policies of Σ_t (E^(t)[δ_t])²/(λ ∨ Σ_{i<t} E^(i)[δ_t²]).
 * Only how often each policy was played matters, so dynamic programming over counts visits C(T + K, K) states.
 */
export function exactSec(table: SecTable, rounds: number, lambda: number): number {
  const size = table.gains.length;
  let level = new Map<string, { counts: number[]; value: number }>([
    ["", { counts: new Array<number>(size).fill(0), value: 0 }],
  ]);
  for (let t = 0; t < rounds; t++) {
    const next: typeof level = new Map();
    for (const { counts, value } of level.values()) {
      for (let k = 0; k < size; k++) {
        const reached = value + ratio(table, k, counts, lambda);
        const after = counts.slice();
        after[k]!++;
        const key = after.join();
        const known = next.get(key);
        if (known === undefined || known.value < reached) next.set(key, { counts: after, value: reached });
      }
    }
    level = next;
  }
  return Math.max(...Array.from(level.values(), ({ value }) => value));
}

/** A lower estimate of SEC: the sequence that takes the largest ratio at each step. */
export function greedySec(table: SecTable, rounds: number, lambda: number): number {
  const size = table.gains.length;
  const past = new Float64Array(size);
  let total = 0;
  for (let t = 0; t < rounds; t++) {
    let best = 0;
    let most = -1;
    for (let k = 0; k < size; k++) {
      const value = table.gains[k]! / Math.max(lambda, past[k]!);
      if (value > most) {
        best = k;
        most = value;
      }
    }
    total += most;
    for (let k = 0; k < size; k++) past[k]! += table.moments[k]![best]!;
  }
  return total;
}

/** SEC ≤ |Π|(2 + ln T) for λ at least every δ²: the n-th play of a policy counts at most min(1, 1/(n−1)). */
export function finiteSecBound(policies: number, rounds: number): number {
  return policies * (2 + Math.log(rounds));
}

/**
 * Lemma J.5 with its constant: for linear softmax in d dimensions and λ ≥ every δ², SEC ≤ 4d·log(1 + T/d).
 * E^(t)[δ_t] = ⟨x_t, w_t⟩ with x_t = E^(t)[Δφ], so its square is ≤ 2(λ ∨ S_t)·‖x_t‖² in the norm of
 * (Σ_{i<t} E^(i)[ΔφΔφᵀ] + λ/W²·I)^{−1}, and each term is ≤ 1; then the elliptic potential lemma.
 */
export function linearSecBound(dimension: number, rounds: number): number {
  return 4 * dimension * Math.log(1 + rounds / dimension);
}
