/**
 * AdamW with decoupled weight decay (Loshchilov and Hutter 2019), global gradient-norm clipping and learning-rate
 * schedules, as plain functions over arrays; the update order is PyTorch's, so that the steps can be compared.
 */

export interface AdamWOptions {
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Decoupled weight decay; each step multiplies the parameters by 1 − learningRate·weightDecay. Default 0. */
  readonly weightDecay?: number;
}

/** First and second moments of each parameter, and how many steps were taken. */
export interface AdamWState {
  step: number;
  readonly first: readonly Float32Array[];
  readonly second: readonly Float32Array[];
}

export function adamWState(parameters: readonly Float32Array[]): AdamWState {
  return {
    step: 0,
    first: parameters.map((parameter) => new Float32Array(parameter.length)),
    second: parameters.map((parameter) => new Float32Array(parameter.length)),
  };
}

/** One step in place: parameters and state are updated from the gradients. */
export function adamWStep(
  parameters: readonly Float32Array[],
  gradients: readonly Float32Array[],
  state: AdamWState,
  learningRate: number,
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 }: AdamWOptions = {},
): void {
  state.step += 1;
  const stepSize = learningRate / (1 - beta1 ** state.step);
  const secondScale = 1 / Math.sqrt(1 - beta2 ** state.step);
  const keep = 1 - learningRate * weightDecay;
  for (let p = 0; p < parameters.length; p++) {
    const parameter = parameters[p]!;
    const gradient = gradients[p]!;
    const first = state.first[p]!;
    const second = state.second[p]!;
    for (let i = 0; i < parameter.length; i++) {
      const g = gradient[i]!;
      const m = beta1 * first[i]! + (1 - beta1) * g;
      const v = beta2 * second[i]! + (1 - beta2) * g * g;
      first[i] = m;
      second[i] = v;
      parameter[i] = parameter[i]! * keep - (stepSize * m) / (Math.sqrt(v) * secondScale + epsilon);
    }
  }
}

/**
 * Scales all gradients in place so that their joint Euclidean norm is at most `maxNorm`, as PyTorch's
 * clip_grad_norm_ does.
 * @returns the norm before clipping.
 */
export function clipGradientNorm(gradients: readonly Float32Array[], maxNorm: number): number {
  let squares = 0;
  for (const gradient of gradients)
    for (let i = 0; i < gradient.length; i++) squares += gradient[i]! * gradient[i]!;
  const norm = Math.sqrt(squares);
  const scale = maxNorm / (norm + 1e-6);
  if (scale < 1)
    for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) gradient[i]! *= scale;
  return norm;
}

/** A learning rate for each step: `(step, steps) → factor` in [0, 1], step counted from 0. */
export type Schedule = (step: number, steps: number) => number;

/** From 1 straight down to 0 at the end. */
export const linearSchedule: Schedule = (step, steps) => Math.max(0, 1 - step / steps);
/** From 1 to 0 along half a cosine. */
export const cosineSchedule: Schedule = (step, steps) =>
  0.5 * (1 + Math.cos((Math.PI * Math.min(step, steps)) / steps));
export const constantSchedule: Schedule = () => 1;

/** A schedule after a straight rise from 0 over the first `warmup` steps. */
export function withWarmup(schedule: Schedule, warmup: number): Schedule {
  return (step, steps) =>
    step < warmup ? (step + 1) / (warmup + 1) : schedule(step - warmup, Math.max(1, steps - warmup));
}
