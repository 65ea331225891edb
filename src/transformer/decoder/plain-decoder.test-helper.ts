import { tokenUniform } from "../../core/random.js";
import type { ModelConfig } from "../families/config.js";
import type { Model } from "../model.js";
import type { LoraAdapter } from "../format/peft.js";

/** Logits at each position of a sequence. */
export type LogitsOf = (tokens: readonly number[]) => Float64Array[];

/** y = W x (+ scaling · B A x) for one vector. */
type Apply = (x: Float64Array, module: string) => Float64Array;

function product(weights: Float32Array, rows: number, x: Float64Array): Float64Array {
  const y = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += weights[row * x.length + i]! * x[i]!;
    y[row] = sum;
  }
  return y;
}

function normalized(x: Float64Array, weights: Float32Array, epsilon: number): Float64Array {
  const meanSquare = x.reduce((sum, value) => sum + value * value, 0) / x.length;
  const scale = 1 / Math.sqrt(meanSquare + epsilon);
  return x.map((value, i) => value * scale * weights[i]!);
}

/** Rotates each head's halves by the position's angles, in place. */
function rotate(x: Float64Array, position: number, { headDim, ropeTheta }: ModelConfig): Float64Array {
  const half = headDim / 2;
  for (let start = 0; start < x.length; start += headDim) {
    for (let i = start; i < start + half; i++) {
      const angle = position / ropeTheta ** ((i - start) / half);
      const [a, b] = [x[i]!, x[i + half]!];
      x[i] = a * Math.cos(angle) - b * Math.sin(angle);
      x[i + half] = b * Math.cos(angle) + a * Math.sin(angle);
    }
  }
  return x;
}

/** Attention of the last of `keys` over all of them, head by head. */
function attend(
  query: Float64Array,
  keys: Float64Array[],
  values: Float64Array[],
  config: ModelConfig,
): Float64Array {
  const { heads, kvHeads, headDim } = config;
  const mixed = new Float64Array(heads * headDim);
  for (let h = 0; h < heads; h++) {
    const at = Math.floor((h * kvHeads) / heads) * headDim;
    const scores = keys.map((key) => {
      let sum = 0;
      for (let i = 0; i < headDim; i++) sum += query[h * headDim + i]! * key[at + i]!;
      return sum / Math.sqrt(headDim);
    });
    const logs = logSoftmax(scores);
    values.forEach((value, j) => {
      for (let i = 0; i < headDim; i++) mixed[h * headDim + i]! += Math.exp(logs[j]!) * value[at + i]!;
    });
  }
  return mixed;
}

const plus = (x: Float64Array, y: Float64Array): Float64Array => x.map((value, i) => value + y[i]!);

/** A position's key or value as a later position sees it, from the one that was computed. */
type Seen = (state: Float64Array, of: number, by: number) => Float64Array;

/**
 * The Llama architecture as its papers write it, one vector at a time in float64: an independent witness of the decoder's
 * graphs. Neither cache nor batch nor native code.
 * @param seen default: each position sees keys and values as they are.
 */
export function plainLogits(
  { config, weights }: Pick<Model, "config" | "weights">,
  adapter?: LoraAdapter,
  seen: Seen = (state) => state,
): LogitsOf {
  const of = (name: string): Float32Array => weights.get(name)!.data;
  const linear: Apply = (x, module) => {
    const name = `${module}.weight`;
    const base = product(of(name), weights.get(name)!.shape[0]!, x);
    const pair = adapter?.weights.get(module);
    if (!adapter || !pair) return base;
    const update = product(pair.b, pair.outFeatures, product(pair.a, adapter.rank, x));
    return base.map((value, i) => value + (adapter.alpha / adapter.rank) * update[i]!);
  };
  const norm = (x: Float64Array, name: string): Float64Array =>
    normalized(x, of(`${name}.weight`), config.rmsNormEps);
  return (tokens) => {
    let states: Float64Array[] = tokens.map((token) =>
      Float64Array.from(
        of("model.embed_tokens.weight").subarray(token * config.hiddenSize, (token + 1) * config.hiddenSize),
      ),
    );
    for (let layer = 0; layer < config.layers; layer++) {
      const name = `model.layers.${layer}`;
      const inputs = states.map((x) => norm(x, `${name}.input_layernorm`));
      const keys = inputs.map((x, t) => rotate(linear(x, `${name}.self_attn.k_proj`), t, config));
      const values = inputs.map((x) => linear(x, `${name}.self_attn.v_proj`));
      states = states.map((x, t) => {
        const query = rotate(linear(inputs[t]!, `${name}.self_attn.q_proj`), t, config);
        const past = (states: Float64Array[]): Float64Array[] =>
          states.slice(0, t + 1).map((state, of) => seen(state, of, t));
        const mixed = attend(query, past(keys), past(values), config);
        const attended = plus(x, linear(mixed, `${name}.self_attn.o_proj`));
        const fed = norm(attended, `${name}.post_attention_layernorm`);
        const gate = linear(fed, `${name}.mlp.gate_proj`);
        const up = linear(fed, `${name}.mlp.up_proj`);
        const gated = gate.map((value, i) => (value / (1 + Math.exp(-value))) * up[i]!);
        return plus(attended, linear(gated, `${name}.mlp.down_proj`));
      });
    }
    const head = of(config.tieWordEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight");
    return states.map((x) => product(head, config.vocabSize, norm(x, "model.norm")));
  };
}

/** log softmax in float64. */
export function logSoftmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const top = Math.max(...values);
  const logTotal = top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
  return values.map((value) => value - logTotal);
}

/** KL(uniform ‖ softmax(logits)) in float64. */
export function certaintyOf(logits: ArrayLike<number>): number {
  const logProbs = logSoftmax(logits);
  return -Math.log(logProbs.length) - logProbs.reduce((sum, value) => sum + value, 0) / logProbs.length;
}

/** The index whose cumulative probability under softmax(logits / temperature) passes the uniform, in float64. */
export function invertPlainly(logits: ArrayLike<number>, uniform: number, temperature = 1): number {
  const probabilities = logSoftmax(Array.from(logits, (value) => value / temperature)).map(Math.exp);
  let cumulative = 0;
  for (const [token, probability] of probabilities.entries()) {
    cumulative += probability;
    if (cumulative > uniform) return token;
  }
  return probabilities.findLastIndex((probability) => probability > 0);
}

export interface PlainDrawing {
  readonly prompt: readonly number[];
  readonly promptKey: number;
  readonly index: number;
  readonly seed: number;
  readonly temperature?: number;
  readonly maxTokens: number;
}

export interface PlainDraw {
  readonly tokens: number[];
  /** At temperature 1. */
  readonly logProbs: number[];
  /** At temperature 1. */
  readonly certainties: number[];
}

/**
 * Draws one response the plain way: one row, no cache, the whole distribution each time.
 * @param guess what is expected; as far as it is right it spares passes (one over all of it gives every distribution), and
 * it changes nothing else.
 */
export function drawPlainly(
  logitsOf: LogitsOf,
  { eosTokenIds }: ModelConfig,
  { prompt, promptKey, index, seed, temperature = 1, maxTokens }: PlainDrawing,
  guess: readonly number[] = [],
): PlainDraw {
  const tokens: number[] = [];
  const logProbs: number[] = [];
  const certainties: number[] = [];
  const guessed = logitsOf([...prompt, ...guess]);
  let right = true;
  while (tokens.length < maxTokens) {
    const logits = right
      ? guessed[prompt.length - 1 + tokens.length]!
      : logitsOf([...prompt, ...tokens]).at(-1)!;
    const token = invertPlainly(logits, tokenUniform(seed, promptKey, index, tokens.length), temperature);
    right &&= token === guess[tokens.length];
    tokens.push(token);
    logProbs.push(logSoftmax(logits)[token]!);
    certainties.push(certaintyOf(logits));
    if (eosTokenIds.includes(token)) break;
  }
  return { tokens, logProbs, certainties };
}
