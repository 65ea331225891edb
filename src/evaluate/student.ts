/** Student's t distribution, for intervals and p-values of means over few prompts. */

/** ln Γ(x) for x > 0 (Lanczos, 1e-13). */
function logGamma(x: number): number {
  const series = [
    676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
    -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
  ];
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const z = x - 1;
  const t = z + 7.5;
  const sum = series.reduce((total, c, i) => total + c / (z + i + 1), 0.9999999999998099);
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The regularized incomplete beta function I_x(a, b), by Lentz's continued fraction. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const tiny = 1e-300;
  const kept = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / kept(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let step = 1;
    for (const term of [even, odd]) {
      d = 1 / kept(1 + term * d);
      c = kept(1 + term / c);
      step = c * d;
      fraction *= step;
    }
    if (Math.abs(step - 1) < 1e-14) break;
  }
  const front = a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b);
  return (Math.exp(front) * fraction) / a;
}

/** Degrees of freedom beyond which t is the normal distribution to all printed digits. */
const NORMAL = 1e6;

/** P(|T| ≥ |t|) with `df` > 0 degrees of freedom; `Infinity` is the normal distribution. */
export function twoSidedP(t: number, df: number): number {
  const used = Math.min(df, NORMAL);
  return incompleteBeta(used / (used + t * t), used / 2, 0.5);
}

const known = new Map<string, number>();

/** The t with P(|T| ≤ t) = level, in (0, 1). */
export function studentQuantile(level: number, df: number): number {
  const key = `${level} ${df}`;
  const cached = known.get(key);
  if (cached !== undefined) return cached;
  let low = 0;
  let high = 1;
  while (twoSidedP(high, df) > 1 - level) high *= 2;
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (twoSidedP(middle, df) > 1 - level) low = middle;
    else high = middle;
  }
  known.set(key, high);
  return high;
}

/**
 * Clopper and Pearson's exact interval for a probability after `hits` of `trials`: whatever the probability and the number of
 * trials are, it holds the truth at least so often as the level says. 0 of 6 is [0, 46 %].
 */
export function exactShare(
  hits: number,
  trials: number,
  level: number,
): { readonly low: number; readonly high: number } {
  const tail = (1 - level) / 2;
  // The p with P(at least k of n) = tail; P(at least k) = I_p(k, n − k + 1), which grows with p.
  const limit = (k: number, reached: number): number => {
    let [low, high] = [0, 1];
    for (let i = 0; i < 60; i++) {
      const middle = (low + high) / 2;
      if (incompleteBeta(middle, k, trials - k + 1) < reached) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
  return {
    low: hits === 0 ? 0 : limit(hits, tail),
    high: hits === trials ? 1 : limit(hits + 1, 1 - tail),
  };
}
