import type { RandomStream } from "../core/random.js";

/** π(· | x) for each prompt x, as probabilities: `rows[x][y]`. */
export type Rows = readonly Float64Array[];

/** An exact finite instance: a prompt distribution μ and a base policy π_base. */
export interface Instance {
  /** μ(x), sum 1. */
  readonly weights: Float64Array;
  /** π_base(y | x); rows may differ in length. */
  readonly base: Rows;
}

/** The values divided by their sum, in a new array. */
export function normalize(values: ArrayLike<number>): Float64Array {
  const row = Float64Array.from(values);
  const total = row.reduce((sum, value) => sum + value, 0);
  return row.map((value) => value / total);
}

/** Uniform in (0, 1]. */
const positive = (stream: RandomStream): number => 1 - stream.next();

/**
 * A random distribution: weights u^power of uniforms u, normalized. `power` 1 is flat; the larger it is, the more a few
 * outcomes dominate.
 */
export function randomRow(size: number, power: number, stream: RandomStream): Float64Array {
  return normalize(Array.from({ length: size }, () => positive(stream) ** power + 1e-6));
}

/** What random instances look like. */
export interface RandomInstanceOptions {
  readonly prompts: number;
  readonly responses: number;
  /** Concentration of each row, as in `randomRow`; drawn log-uniformly in [1/2, power] per prompt. */
  readonly power: number;
}

/** A random instance with prompts of different difficulty. */
export function randomInstance(options: RandomInstanceOptions, stream: RandomStream): Instance {
  const { prompts, responses, power } = options;
  return {
    weights: randomRow(prompts, 1, stream),
    base: Array.from({ length: prompts }, () =>
      randomRow(responses, 0.5 * (2 * power) ** stream.next(), stream),
    ),
  };
}

/**
 * A random autoregressive policy over V^H as one row in lexicographic order, with the token-level greedy response
 * beside it: on many of them greedy is not the sequence-level argmax.
 */
export function randomSequenceRow(
  vocabulary: number,
  horizon: number,
  power: number,
  stream: RandomStream,
): { readonly row: Float64Array; readonly greedy: number } {
  let row = Float64Array.of(1);
  let greedy = 0;
  for (let step = 0; step < horizon; step++) {
    const next = new Float64Array(row.length * vocabulary);
    let greedyNext = 0;
    row.forEach((mass, prefix) => {
      const conditional = randomRow(vocabulary, power, stream);
      conditional.forEach((p, token) => (next[prefix * vocabulary + token] = mass * p));
      if (prefix === greedy) greedyNext = prefix * vocabulary + conditional.indexOf(Math.max(...conditional));
    });
    row = next;
    greedy = greedyNext;
  }
  return { row, greedy };
}

/** Parameters of the lower bound's hard family (paper Thm 3.1′; paper.md §5 Constructions), γ = 1/2. */
export interface HardFamily {
  /** d: number of hard prompts x_1..x_d. */
  readonly hardPrompts: number;
  /** M: number of responses y_1..y_M besides y_0. */
  readonly choices: number;
  /** Δ = 16ε: mass of the hard prompts. */
  readonly hardMass: number;
  /** ε. */
  readonly epsilon: number;
}

/**
 * The hard family whose C_cov,γ,p is `coverage` (γ = 1/2): C^p = (1−Δ) + Δ(M/2)^p with Δ = 16ε, so
 * M = 2((C^p − 1 + Δ)/Δ)^{1/p}, rounded (at least 2). M ≍ 1 + C ε^{−1/p} as in the paper.
 * @param epsilon in (0, 1/16].
 */
export function hardFamily(hardPrompts: number, epsilon: number, coverage: number, p = 1): HardFamily {
  const hardMass = 16 * epsilon;
  const choices = Math.max(2, Math.round(2 * ((coverage ** p - 1 + hardMass) / hardMass) ** (1 / p)));
  return { hardPrompts, choices, hardMass, epsilon };
}

/** π(y_i | x_i) on a hard prompt: 1/((1−γ)M) = 2/M. */
export const hardTop = (family: HardFamily): number => 2 / family.choices;

/** π(y_j | x_i) for each other j ≥ 1: (1/M)(1 − γ/((M−1)(1−γ))) = (1/M)(1 − 1/(M−1)). */
export const hardOther = (family: HardFamily): number => (1 - 1 / (family.choices - 1)) / family.choices;

/**
 * A member π^I of the hard family: x_0 always answers y_0; on x_i response y_{secret[i−1]} has 2/M.
 * @param secret I ∈ {1..M}^d.
 */
export function hardInstance(family: HardFamily, secret: readonly number[]): Instance {
  const { hardPrompts, choices, hardMass } = family;
  const first = new Float64Array(choices + 1);
  first[0] = 1;
  const rows = secret.map((answer) => {
    const row = new Float64Array(choices + 1).fill(hardOther(family));
    row[0] = 0;
    row[answer] = hardTop(family);
    return row;
  });
  const weights = new Float64Array(hardPrompts + 1).fill(hardMass / hardPrompts);
  weights[0] = 1 - hardMass;
  return { weights, base: [first, ...rows] };
}

/** A uniformly random secret I ∈ {1..M}^d. */
export function randomSecret(family: HardFamily, stream: RandomStream): number[] {
  return Array.from({ length: family.hardPrompts }, () => 1 + stream.integer(family.choices));
}

/**
 * Token-level greedy decoding of a joint distribution over V^H in lexicographic order: at each step the token whose
 * continuations have the most mass, the lowest on ties. Returns the response's position.
 */
export function tokenGreedy(row: Float64Array, vocabulary: number): number {
  let start = 0;
  let size = row.length;
  while (size > 1) {
    size /= vocabulary;
    let best = 0;
    let bestMass = -1;
    for (let token = 0; token < vocabulary; token++) {
      let mass = 0;
      for (let y = 0; y < size; y++) mass += row[start + token * size + y]!;
      if (mass > bestMass) {
        best = token;
        bestMass = mass;
      }
    }
    start += best * size;
  }
  return start;
}

/** An instance of one prompt. */
export function singlePrompt(row: Float64Array): Instance {
  return { weights: Float64Array.of(1), base: [row] };
}
