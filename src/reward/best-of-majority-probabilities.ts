/**
 * The exact law of "the best of the frequent" over a random subset: see best-of-majority.ts.
 *
 * As for majority, the subset's members are independent with probability p = n/M given that there are n of them. An answer
 * with c members in the subset is frequent if c ≥ k. A response of value v wins when some response of that value is in the subset
 * with a frequent answer, and none of a higher value is. For a fixed k these conditions concern each answer by itself, so their
 * probabilities, as polynomials in the number of members, multiply. If nothing reaches the threshold, the largest count takes
 * its place: the events "the largest count is k" for smaller k, with every count at most k, are added.
 */

/** Who is chosen. */
export interface FrequentLaw {
  /** P(the response is chosen), in the order given; 0 where it has no answer. */
  readonly answered: readonly number[];
  /** P(no response of the subset has an answer). With the others it sums to 1. */
  readonly none: number;
}

/** Binomial(trials, p) probabilities of 0..trials; p in (0, 1). By ratios from the mode, so that nothing underflows to all zeros. */
function binomial(trials: number, p: number): Float64Array {
  const all = new Float64Array(trials + 1);
  const mode = Math.min(trials, Math.floor((trials + 1) * p));
  const odds = p / (1 - p);
  let sum = (all[mode] = 1);
  for (let j = mode; j < trials; j++) sum += all[j + 1] = (all[j]! * (trials - j) * odds) / (j + 1);
  for (let j = mode; j > 0; j--) sum += all[j - 1] = (all[j]! * j) / ((trials - j + 1) * odds);
  return all.map((value) => value / sum);
}

/** `rows[t][d]`: P(t winners of the level among d members, nothing better frequent). */
type Table = readonly Float64Array[];

/** The table of two independent parts together, up to n members. */
function product(a: Table, b: Table, n: number): Table {
  const rows = Array.from({ length: a.length + b.length - 1 }, () => new Float64Array(n + 1));
  a.forEach((left, s) => {
    b.forEach((right, t) => {
      const row = rows[s + t]!;
      for (let i = 0; i < left.length && i <= n; i++) {
        const weight = left[i]!;
        if (weight === 0) continue;
        for (let j = 0; j < right.length && i + j <= n; j++) row[i + j]! += weight * right[j]!;
      }
    });
  });
  return rows;
}

/** One answer's responses relative to a value: how many are above, at and below it. */
interface Members {
  readonly above: number;
  readonly at: number;
  readonly below: number;
}

/** What k asks of an answer: frequent from k members on, and never more than `most`. */
interface Frequency {
  readonly k: number;
  readonly most: number;
}

/** An answer's own table: fewer than k members in any way, or k to `most` of them with none above the value. */
function tableOf(
  { above, at, below }: Members,
  { k, most }: Frequency,
  law: (trials: number) => Float64Array,
): Table {
  const size = above + at + below;
  const largest = Math.min(size, most);
  const rows = Array.from({ length: at + 1 }, () => new Float64Array(largest + 1));
  const any = law(size);
  for (let c = 0; c < Math.min(k, largest + 1); c++) rows[0]![c] = any[c]!;
  const noneAbove = law(above)[0]!;
  const tied = law(at);
  const rest = law(below);
  for (let t = 0; t <= at; t++) {
    for (let b = 0; b <= below; b++) {
      const c = t + b;
      if (c >= k && c <= largest) rows[t]![c]! += noneAbove * tied[t]! * rest[b]!;
    }
  }
  return rows;
}

/** The value that decides, and the answers' members relative to it. */
interface Level {
  readonly members: readonly Members[];
}

/**
 * P(a response of this level and answer `own` is chosen), times the number of such responses: winners share evenly.
 * @param others the table of all but that answer.
 */
function shareOf(own: Table, others: Table, n: number): number {
  let share = 0;
  own.forEach((left, t) => {
    if (t === 0) return;
    others.forEach((right, s) => {
      let probability = 0;
      for (let c = 0; c < left.length && c <= n; c++) probability += left[c]! * (right[n - c] ?? 0);
      share += (probability * t) / (t + s);
    });
  });
  return share;
}

/** P(some response of the level wins), split among the answers that have responses of it. */
function levelShares(
  level: Level,
  frequency: Frequency,
  fillers: Float64Array,
  n: number,
  law: (trials: number) => Float64Array,
): Map<number, number> {
  const tables = level.members.map((members) => tableOf(members, frequency, law));
  const holders = level.members.flatMap(({ at }, number) => (at > 0 ? [number] : []));
  const common = tables.reduce<Table>(
    (all, table, number) => (holders.includes(number) ? all : product(all, table, n)),
    [fillers],
  );
  return new Map(
    holders.map((own) => {
      let others = common;
      for (const other of holders) if (other !== own) others = product(others, tables[other]!, n);
      return [own, shareOf(tables[own]!, others, n)];
    }),
  );
}

/**
 * P(each response is chosen) over uniformly random n-subsets of a pool, exactly: the highest value among the responses whose answer
 * has at least `fewest` members in the subset, or, if no answer has, among those of the most frequent answers; ties shared
 * evenly. Time grows with `fewest` times the distinct values times the pool's size times n: some milliseconds for 50 responses.
 * @param classOf the answer of each response, −1 for none.
 * @param values by response; not NaN.
 * @param n from 1 to the number of responses.
 * @param fewest ≥ 1.
 */
export function bestOfFrequentShares(
  classOf: readonly number[],
  values: readonly number[],
  n: number,
  fewest: number,
): FrequentLaw {
  const total = classOf.length;
  const classes = 1 + classOf.reduce((a, b) => Math.max(a, b), -1);
  const unanswered = classOf.filter((number) => number < 0).length;
  const answered = new Array<number>(total).fill(0);
  // With every response in the subset p would be 1: then the counts are what they are, whatever p.
  const p = n === total ? 0.5 : n / total;
  const laws = new Map<number, Float64Array>();
  const law = (trials: number): Float64Array => {
    const known = laws.get(trials) ?? binomial(trials, p);
    laws.set(trials, known);
    return known;
  };
  const evidence = law(total)[n]!;
  const distinct = [...new Set(values.filter((_, i) => classOf[i]! >= 0))];
  const levels = distinct.map((value): Level & { readonly value: number } => {
    const members = Array.from({ length: classes }, () => ({ above: 0, at: 0, below: 0 }));
    classOf.forEach((number, i) => {
      if (number >= 0)
        members[number]![values[i]! > value ? "above" : values[i]! === value ? "at" : "below"]++;
    });
    return { value, members };
  });
  for (let k = 1; k <= Math.min(fewest, n); k++) {
    const frequency = { k, most: k === fewest ? n : k };
    for (const level of levels) {
      const shares = levelShares(level, frequency, law(unanswered), n, law);
      classOf.forEach((number, i) => {
        if (number >= 0 && values[i] === level.value)
          answered[i]! += shares.get(number)! / level.members[number]!.at / evidence;
      });
    }
  }
  let none = 1;
  for (let j = 0; j < n; j++) none *= Math.max(0, unanswered - j) / (total - j);
  return { answered, none };
}
