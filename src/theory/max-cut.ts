import { autoregressiveConditionals, type SparseFeatures } from "../policy/linear-softmax.js";
import type { Conditionals } from "../policy/sequential.js";
import type { RandomStream } from "../core/random.js";

/** A simple graph on vertices 0..n−1. */
export interface Graph {
  readonly vertices: number;
  readonly edges: readonly (readonly [number, number])[];
}

const pairs = (n: number): [number, number][] =>
  Array.from({ length: n }, (_, i) => Array.from({ length: i }, (__, j): [number, number] => [j, i])).flat();

/** Whether every vertex can be reached from the first. */
function isConnected({ vertices, edges }: Graph): boolean {
  let reached = 1;
  for (let round = 0; round < vertices; round++) {
    for (const [i, j] of edges) {
      if ((reached >> i) & 1 || (reached >> j) & 1) reached |= (1 << i) | (1 << j);
    }
  }
  return reached === 2 ** vertices - 1;
}

/**
 * Connected graphs on n vertices with an odd number of edges: all labelled ones, or one of each isomorphism class.
 * @param n at most 6 (2^15 edge sets).
 */
export function oddConnectedGraphs(n: number, labelled: boolean): Graph[] {
  const all = pairs(n);
  const position = new Map(all.map(([i, j], k) => [i * n + j, k]));
  const seen = new Uint8Array(2 ** all.length);
  const permutations = labelled ? [] : permute(n);
  const found: Graph[] = [];
  for (let mask = 0; mask < seen.length; mask++) {
    if (seen[mask] === 1) continue;
    const edges = all.filter((_, k) => (mask >> k) & 1);
    for (const order of permutations) {
      let image = 0;
      for (const [i, j] of edges) {
        const a = Math.min(order[i]!, order[j]!);
        const b = Math.max(order[i]!, order[j]!);
        image |= 1 << position.get(a * n + b)!;
      }
      seen[image] = 1;
    }
    if (edges.length % 2 === 1 && isConnected({ vertices: n, edges })) found.push({ vertices: n, edges });
  }
  return found;
}

function permute(n: number): number[][] {
  if (n === 0) return [[]];
  return permute(n - 1).flatMap((rest) =>
    Array.from({ length: n }, (_, at) => [...rest.slice(0, at), n - 1, ...rest.slice(at)]),
  );
}

/** A random connected graph with an odd number of edges; each edge has probability `density`. */
export function randomOddGraph(vertices: number, density: number, stream: RandomStream): Graph {
  for (;;) {
    const edges = pairs(vertices).filter(() => stream.next() < density);
    const graph = { vertices, edges };
    if (edges.length % 2 === 1 && isConnected(graph)) return graph;
  }
}

/** The largest cut by trying every side assignment; sides are ±1 by bits, all maximizers returned. */
export function maximumCuts({ vertices, edges }: Graph): {
  readonly value: number;
  readonly sides: Set<number>;
} {
  let value = -1;
  let sides = new Set<number>();
  for (let mask = 0; mask < 2 ** vertices; mask++) {
    let cut = 0;
    for (const [i, j] of edges) if (((mask >> i) ^ (mask >> j)) & 1) cut++;
    if (cut > value) {
      value = cut;
      sides = new Set();
    }
    if (cut === value) sides.add(mask);
  }
  return { value, sides };
}

/** Faults of the reduction, for mutations. */
export interface ReductionFaults {
  /** J = +adjacency. */
  readonly flipped?: boolean;
  /** B = 0: nothing holds the last two tokens at 1. */
  readonly free?: boolean;
}

/**
 * The model of Prop. E.1: V = {−1, 1} (tokens 0 and 1), H = |V(G)| + 2, features all monomials of degree 1 to 3 of
 * (y_<h, y_h). θ is 0 but for θ_{H−1} = Σ_{ij} J_ij e_(i,j,H−1) with J = −adjacency (over edges once), and
 * θ_H = B(e_(H−1,H) + e_H), B = H. Only monomials with a non-zero parameter are computed.
 * @param scale J = −scale·adjacency. Any positive scale has the same argmax; 1 is the paper's. The log-probabilities of
 *   two cuts differ by about exp(−2·scale·S) with S = 2·cut − |E|, which float64 cannot resolve at scale 1 beyond S ≈ 15.
 */
export function maxCutModel(
  { vertices, edges }: Graph,
  faults: ReductionFaults = {},
  scale = 1,
): Conditionals {
  const horizon = vertices + 2;
  const strength = faults.free ? 0 : horizon;
  const sign = (token: number): number => 2 * token - 1;
  const theta = Array.from({ length: horizon }, () => new Float64Array(0));
  theta[horizon - 2] = new Float64Array(edges.length).fill(faults.flipped ? scale : -scale);
  theta[horizon - 1] = new Float64Array(2).fill(strength);
  const features = (step: number, prefix: readonly number[], token: number): SparseFeatures => {
    const y = sign(token);
    if (step === horizon - 2) {
      return edges.map(([i, j], k) => [k, sign(prefix[i]!) * sign(prefix[j]!) * y] as const);
    }
    if (step === horizon - 1) {
      return [
        [0, sign(prefix[horizon - 2]!) * y],
        [1, y],
      ];
    }
    return [];
  };
  return autoregressiveConditionals({ vocabulary: 2, horizon, features, theta });
}
