import type { RandomStream } from "../core/random.js";
import { logSoftmax } from "../policy/differentiable.js";
import { xpoObjective, type ResponsePair } from "../sharpen/objectives/index.js";
import type { Drawn, QueryOracle } from "./oracle.js";

/** Unit vectors of R^d at mutual distance ≥ `distance`, drawn uniformly and kept when they fit; row-major. */
export function spherePacking(d: number, size: number, distance: number, stream: RandomStream): Float64Array {
  const points = new Float64Array(size * d);
  const closest = 1 - (distance * distance) / 2;
  for (let found = 0; found < size;) {
    const point = Float64Array.from({ length: d }, () => stream.normal());
    const norm = Math.hypot(...point);
    point.forEach((value, k) => (points[found * d + k] = value / norm));
    let fits = true;
    for (let other = 0; other < found && fits; other++)
      fits = rowDot(points, other, points, found, d) <= closest;
    if (fits) found++;
  }
  return points;
}

function rowDot(a: Float64Array, i: number, b: Float64Array, j: number, d: number): number {
  let sum = 0;
  for (let k = 0; k < d; k++) sum += a[i * d + k]! * b[j * d + k]!;
  return sum;
}

/** Eigenvalues and (column) eigenvectors of a symmetric d×d matrix, by cyclic Jacobi rotations. */
export function symmetricEigen(
  matrix: Float64Array,
  d: number,
): { values: Float64Array; vectors: Float64Array } {
  const a = matrix.slice();
  const v = new Float64Array(d * d);
  for (let i = 0; i < d; i++) v[i * d + i] = 1;
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < d; p++) for (let q = 0; q < p; q++) off += a[p * d + q]! ** 2;
    if (off < 1e-26) break;
    for (let p = 0; p < d; p++) for (let q = p + 1; q < d; q++) rotate(a, v, d, p, q);
  }
  return { values: Float64Array.from({ length: d }, (_, i) => a[i * d + i]!), vectors: v };
}

function rotate(a: Float64Array, v: Float64Array, d: number, p: number, q: number): void {
  const apq = a[p * d + q]!;
  if (Math.abs(apq) < 1e-300) return;
  const tau = (a[q * d + q]! - a[p * d + p]!) / (2 * apq);
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  const turn = (array: Float64Array, i: number, j: number): void => {
    const x = array[i]!;
    const y = array[j]!;
    array[i] = c * x - s * y;
    array[j] = s * x + c * y;
  };
  for (let k = 0; k < d; k++) turn(a, k * d + p, k * d + q);
  for (let k = 0; k < d; k++) turn(a, p * d + k, q * d + k);
  for (let k = 0; k < d; k++) turn(v, k * d + p, k * d + q);
}

/** argmin of uᵀAu − 2⟨c, u⟩ over ‖u‖ ≤ 1, from A's eigenpairs; the least norm among minimizers when A is singular. */
export function ballQuadratic(
  { values, vectors }: { values: Float64Array; vectors: Float64Array },
  c: Float64Array,
): Float64Array {
  const d = c.length;
  const top = Math.max(...values, 1e-300);
  const rotated = Float64Array.from({ length: d }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < d; k++) sum += vectors[k * d + i]! * c[k]!;
    return sum;
  });
  const solve = (mu: number): Float64Array =>
    rotated.map((value, i) => {
      const weight = Math.max(0, values[i]!) + mu;
      return weight > 1e-11 * top ? value / weight : Math.abs(value) < 1e-13 * top ? 0 : Infinity;
    });
  const norm = (u: Float64Array): number => Math.sqrt(u.reduce((sum, value) => sum + value * value, 0));
  let u = solve(0);
  if (norm(u) > 1) {
    let low = 0;
    let high = norm(rotated) + 1e-300;
    for (let i = 0; i < 200; i++) {
      const middle = i < 100 && low === 0 ? high / 2 ** (i + 1) : (low + high) / 2;
      if (norm(solve(middle)) > 1) low = middle;
      else high = middle;
      if (high - low < 1e-15 * high) break;
    }
    u = solve(high);
  }
  return Float64Array.from({ length: d }, (_, k) => {
    let sum = 0;
    for (let i = 0; i < d; i++) sum += vectors[k * d + i]! * u[i]!;
    return sum;
  });
}

/** The class of Example J.1 as a learner knows it: {π_θ ∝ exp⟨y, θ⟩ : ‖θ‖ ≤ 1 + 1/β} over the packing. */
export interface PackingClass {
  readonly points: Float64Array;
  readonly dimension: number;
  readonly beta: number;
  readonly alpha: number;
  readonly lossSign?: 1 | -1;
}

interface Data {
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly meanSecond: Float64Array;
  readonly pairs: ResponsePair[];
}

/** log π of u = βθ/(1+β), ‖u‖ ≤ 1. */
function packingLogProbs({ points, dimension: d, beta }: PackingClass, u: Float64Array): Float64Array {
  const scale = (1 + beta) / beta;
  const logits = new Float64Array(points.length / d);
  for (let y = 0; y < logits.length; y++) logits[y] = scale * rowDot(points, y, u, 0, d);
  return logSoftmax(logits);
}

function addPair(cls: PackingClass, data: Data, first: Drawn, second: Drawn): void {
  const d = cls.dimension;
  const gap = first.logProb - second.logProb;
  const delta = Float64Array.from(
    { length: d },
    (_, k) => cls.points[first.response * d + k]! - cls.points[second.response * d + k]!,
  );
  for (let i = 0; i < d; i++) {
    data.b[i]! += gap * delta[i]!;
    data.meanSecond[i]! += cls.points[second.response * d + i]!;
    for (let j = 0; j < d; j++) data.a[i * d + j]! += delta[i]! * delta[j]!;
  }
  data.pairs.push({ first: first.response, second: second.response, referenceGap: gap, rewardGap: gap });
}

/**
 * The minimizer of XPO's objective over the ball. In u = βθ/(1+β) the squared sum is (1+β)²(uᵀAu − 2⟨b, u⟩) + const and
 * −α·log Z is concave, so each step of the concave–convex procedure linearizes it at E_π[y] and solves a quadratic in
 * the ball exactly. Started from the least-norm fit and from the fit that is most optimistic about one response; the
 * one with the lower `xpoObjective` is returned.
 */
function minimize(cls: PackingClass, data: Data): Float64Array {
  const d = cls.dimension;
  const t = data.pairs.length;
  const sign = cls.lossSign ?? 1;
  const eigen = symmetricEigen(
    data.a.map((value) => (sign * value) / t),
    d,
  );
  const pull = (cls.alpha * (1 + cls.beta)) / cls.beta / (2 * (1 + cls.beta) ** 2);
  const step = (target: Float64Array): Float64Array =>
    ballQuadratic(
      eigen,
      data.b.map((value, k) => (sign * value) / t - pull * (data.meanSecond[k]! / t - target[k]!)),
    );
  const flat = ballQuadratic(
    eigen,
    data.b.map((value) => (sign * value) / t),
  );
  if (cls.alpha === 0) return flat;
  const objective = xpoObjective({
    alpha: cls.alpha,
    beta: cls.beta,
    pairs: data.pairs,
    sequences: cls.points.length / d,
    lossSign: sign,
  });
  const descend = (start: Float64Array): { u: Float64Array; loss: number } => {
    let u = start;
    for (let i = 0; i < 6; i++) u = step(meanFeature(cls, packingLogProbs(cls, u)));
    return { u, loss: objective.evaluate(packingLogProbs(cls, u)).loss };
  };
  const optimist = step(mostHopeful(cls, eigen, flat));
  const [plain, hopeful] = [descend(flat), descend(optimist)];
  return plain.loss < hopeful.loss ? plain.u : hopeful.u;
}

function meanFeature({ points, dimension: d }: PackingClass, logProbs: Float64Array): Float64Array {
  const mean = new Float64Array(d);
  logProbs.forEach((value, y) => {
    const p = Math.exp(value);
    if (p > 1e-15) for (let k = 0; k < d; k++) mean[k]! += p * points[y * d + k]!;
  });
  return mean;
}

/** The response with the largest ⟨y, u⟩ over all u in the ball that agree with `fit` where the data says anything. */
function mostHopeful(
  { points, dimension: d }: PackingClass,
  { values, vectors }: { values: Float64Array; vectors: Float64Array },
  fit: Float64Array,
): Float64Array {
  const top = Math.max(...values.map(Math.abs), 1e-300);
  const slack = Math.sqrt(Math.max(0, 1 - fit.reduce((sum, value) => sum + value * value, 0)));
  let best = 0;
  let most = -Infinity;
  for (let y = 0; y < points.length / d; y++) {
    let unseen = 0;
    for (let i = 0; i < d; i++) {
      if (Math.abs(values[i]!) > 1e-9 * top) continue;
      let along = 0;
      for (let k = 0; k < d; k++) along += vectors[k * d + i]! * points[y * d + k]!;
      unseen += along * along;
    }
    const hope = rowDot(points, y, fit, 0, d) + slack * Math.sqrt(unseen);
    if (hope > most) {
      best = y;
      most = hope;
    }
  }
  return points.slice(best * d, (best + 1) * d);
}

/** How a run goes. */
export interface LinearRunOptions {
  readonly rounds: number;
  /** `false`: both responses from π_base and α = 0, the offline form. */
  readonly explore: boolean;
  /** Called after each round with log π of what would be returned now. */
  readonly onRound: (round: number, logProbs: Float64Array) => void;
}

/**
 * XPO (Alg. 1) or the offline form over the packing's class; sees the oracle only. One prompt. J_β of an iterate is
 * estimated by r(y) − β·log[π(y)/π_base(y)] at the one response that its round draws from it, which is unbiased and,
 * iterates being nearly deterministic here, nearly exact; so a round costs two responses in all.
 */
export function linearXpo(oracle: QueryOracle, cls: PackingClass, options: LinearRunOptions): void {
  const d = cls.dimension;
  const used = options.explore ? cls : { ...cls, alpha: 0 };
  const data: Data = {
    a: new Float64Array(d * d),
    b: new Float64Array(d),
    meanSecond: new Float64Array(d),
    pairs: [],
  };
  let current: Float64Array | undefined;
  let returned: Float64Array | undefined;
  let best = -Infinity;
  for (let round = 1; round <= options.rounds; round++) {
    const first =
      options.explore && current !== undefined ? oracle.generate(0, current.map(Math.exp)) : oracle.draw(0);
    if (options.explore && current !== undefined) {
      const value = first.logProb - used.beta * (current[first.response]! - first.logProb);
      if (value > best) {
        best = value;
        returned = current;
      }
    }
    addPair(used, data, first, oracle.draw(0));
    current = packingLogProbs(used, minimize(used, data));
    options.onRound(round, (options.explore ? returned : undefined) ?? current);
  }
}
