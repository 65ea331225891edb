import { costed } from "../evaluate/costs.js";
import { hash32, randomStream, type RandomStream } from "../core/random.js";
import { drawResamples } from "../evaluate/bootstrap.js";
import type {
  AdapterMetrics,
  AnswerMetrics,
  Estimate,
  Histogram,
  Metrics,
  TiltMetrics,
} from "../evaluate/metrics.js";
import { tiltCurve } from "../evaluate/tilt.js";
import { methodName } from "./format.js";
import type { PromptRow, ReportInput, ResponseRow } from "./report-input.js";

/** How large a synthetic run is, and what it has. */
export interface SyntheticOptions {
  readonly seed?: number;
  readonly prompts?: number;
  readonly n?: number;
  readonly labelled?: boolean;
  readonly methods?: readonly string[];
  /** Added to every adapter's gain in accuracy. */
  readonly shift?: number;
}

const REWARDS = ["log-likelihood", "length-normalized", "majority", "self-certainty"] as const;
const SIZES = [1, 2, 5, 10, 25, 50];

/** A run such as game24 gives, from a seed: every figure is computed from the responses that it holds. */
export function syntheticRun(options: SyntheticOptions = {}): ReportInput {
  const { seed = 1, prompts: total = 256, n = 50, labelled = true, methods = ["sft"], shift = 0 } = options;
  const random = randomStream(seed, "synthetic report");
  const prompts = Array.from({ length: total }, (_, i) => syntheticPrompt(random, i, n, labelled));
  return {
    metrics: metricsOf(prompts, n, labelled, methods, shift),
    manifest: {
      name: "game24-demo",
      command: `whetstone sharpen game24 --model models/game24 --n ${n} --prompts ${total} --seed ${seed} --run runs/game24-demo`,
      whetstoneVersion: "0.1.0",
      model: "whetstone-game24",
      modelDigest: "sha256:" + hash32("model").toString(16).padStart(8, "0").repeat(8),
      task: "game24",
      taskDigest: "sha256:" + hash32("task").toString(16).padStart(8, "0").repeat(8),
      options: {
        n,
        temperature: 1,
        maxTokens: 32,
        rewards: REWARDS,
        lora: { rank: 16, alpha: 32 },
        resume: false,
      },
      seed,
      createdAt: "2026-11-23T22:10:30Z",
      versions: { node: "20.20.2", "onnxruntime-node": "1.30.0" },
    },
    prompts,
  };
}

/** Ways to write a response to one prompt; two and two of them share an answer. */
const CANDIDATES = 240;

/** A prompt whose responses follow an explicit softmax, so that equal texts have equal log-probabilities. */
function syntheticPrompt(random: RandomStream, i: number, n: number, labelled: boolean): PromptRow {
  const numbers = Array.from({ length: 4 }, () => 1 + random.integer(13)).sort((a, b) => a - b);
  const ease = 0.01 + 0.45 * random.next() ** 2;
  const right = Array.from({ length: CANDIDATES / 2 }, () => random.next() < ease);
  const logits = Array.from(
    { length: CANDIDATES },
    (_, c) => 1.9 * random.normal() + (right[c >> 1] ? 0.95 : 0),
  );
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  const logProbs = logits.map((logit) => logit - Math.log(total));
  const texts = logits.map((_, c) => syntheticAnswer(random, numbers, right[c >> 1] ? 0 : c));
  const drawn = Array.from({ length: n }, (_, index): ResponseRow => {
    const c = draw(random, logProbs);
    const logProb = logProbs[c] ?? 0;
    const tokens = 22 + (c % 4);
    const row = {
      index,
      text: texts[c] ?? "",
      tokens,
      logProb,
      lengthNormalized: logProb / tokens,
      chosenBy: [],
    };
    const selfCertainty = 9 + 0.2 * logProb + 0.02 * (c % 40);
    return {
      ...row,
      selfCertainty,
      answer: `${numbers.join(" ")} ${c >> 1}`,
      ...(labelled ? { correct: right[c >> 1] === true } : {}),
    };
  });
  const scores = scoresOf(drawn);
  const responses = drawn.map((r, at): ResponseRow => ({
    ...r,
    chosenBy: REWARDS.filter((name) => argmax(scores[name]) === at),
  }));
  const best = argmax(logProbs);
  const greedy = { text: texts[best] ?? "", logProb: logProbs[best] ?? 0 };
  return {
    id: `game24/${901 + i}`,
    text: `${numbers.join(" ")} = 24 :`,
    greedy: labelled ? { ...greedy, correct: right[best >> 1] === true } : greedy,
    responses,
  };
}

function draw(random: RandomStream, logProbs: readonly number[]): number {
  let left = random.next();
  return Math.max(
    0,
    logProbs.findIndex((logProb) => (left -= Math.exp(logProb)) < 0),
  );
}

function syntheticAnswer(random: RandomStream, numbers: readonly number[], k: number): string {
  const [a = 1, b = 2, c = 3, d = 4] = random.shuffle(numbers);
  return `${a} - ${b} = ${a - b} , ${c} + ${a - b} = ${c + a - b} , ${d} * ${c + a - b} = ${24 + k}`;
}

type Scores = Record<(typeof REWARDS)[number], number[]>;
const known = new WeakMap<readonly ResponseRow[], Scores>();

function scoresOf(rows: readonly ResponseRow[]): Scores {
  const before = known.get(rows);
  if (before) return before;
  const votes = new Map<string, number>();
  for (const row of rows) votes.set(row.answer ?? "", (votes.get(row.answer ?? "") ?? 0) + 1);
  const scores = {
    "log-likelihood": rows.map((r) => r.logProb),
    "length-normalized": rows.map((r) => r.lengthNormalized),
    majority: rows.map((r) => votes.get(r.answer ?? "") ?? 0),
    "self-certainty": rows.map((r) => r.selfCertainty ?? 0),
  };
  known.set(rows, scores);
  return scores;
}

function argmax(scores: readonly number[]): number {
  return scores.reduce((best, s, i) => (s > (scores[best] ?? -Infinity) ? i : best), 0);
}

function metricsOf(
  prompts: readonly PromptRow[],
  n: number,
  labelled: boolean,
  methods: readonly string[],
  shift: number,
): Metrics {
  const sizes = SIZES.filter((size) => size <= n);
  const greedyCorrect = prompts.map((p) => (p.greedy?.correct === true ? 1 : 0));
  const greedyLikelihood = prompts.map((p) => p.greedy?.logProb ?? 0);
  const answer = (weights: (rows: readonly ResponseRow[]) => readonly number[]): AnswerMetrics => {
    const mean = (f: (r: ResponseRow) => number): number[] =>
      prompts.map((p) =>
        weights(p.responses).reduce((s, w, i) => s + w * f(p.responses[i] as ResponseRow), 0),
      );
    const accuracy = mean((r) => (r.correct === true ? 1 : 0));
    const likelihood = mean((r) => r.logProb);
    const points = accuracy.map((a, i) => a - (greedyCorrect[i] ?? 0));
    const relative = 100 / (greedyCorrect.reduce((a: number, b) => a + b, 0) / prompts.length);
    return {
      ...(labelled
        ? {
            accuracy: share(accuracy),
            liftPoints: estimate(points),
            lift: estimate(points.map((x) => x * relative)),
          }
        : {}),
      logLikelihood: estimate(likelihood),
      logLikelihoodLift: estimate(likelihood.map((x, i) => x - (greedyLikelihood[i] ?? 0))),
      length: estimate(mean((r) => r.tokens)),
    };
  };
  const base = answer((rows) => rows.map(() => 1 / rows.length));
  const bestOfN = Object.fromEntries(
    REWARDS.map((name) => [
      name,
      Object.fromEntries(
        sizes.map((size) => [size, answer((rows) => rankWeights(scoresOf(rows)[name], size))]),
      ),
    ]),
  );
  const coverage = Object.fromEntries(sizes.map((size) => [size, coverageAt(prompts, size)]));
  const measured: Metrics = {
    task: "game24",
    model: "whetstone-game24",
    prompts: prompts.length,
    n,
    temperature: 1,
    labelled,
    greedy: {
      ...(labelled ? { accuracy: share(greedyCorrect) } : {}),
      logLikelihood: estimate(greedyLikelihood),
      length: { value: 23.4, low: 23.1, high: 23.8 },
    },
    base,
    bestOfN,
    ...(labelled ? { coverage, auc: aucOf(prompts) } : {}),
    histograms: histogramsOf(prompts, labelled),
    tilt: Object.fromEntries(REWARDS.map((name) => [name, tiltOf(prompts, name, labelled)])),
    agreement: Object.fromEntries(
      REWARDS.slice(1).map((name, i) => [`log-likelihood|${name}`, [0.98, 0.41, 0.66][i] ?? 0]),
    ),
    adapters: Object.fromEntries(
      methods.map((m, i) => [m, adapterOf(base, labelled ? coverage : undefined, i, shift)]),
    ),
    findings: [
      "Best-of-N by log-likelihood stops gaining after N = 10: more responses cost time and change nothing.",
      ...(labelled
        ? [
            `At N = ${n} a correct response exists for far more prompts than any self-reward finds: the model does not know its own best answers.`,
            "After sharpening, coverage falls: if you mean to draw many samples and have a verifier, do not sharpen.",
          ]
        : []),
    ],
    seconds: { load: 0.8, sample: 74.2, reward: 1.9, train: 121.4, evaluate: 22.6 },
  };
  return { ...measured, ...costed(measured, methodName) };
}

function tiltOf(
  prompts: readonly PromptRow[],
  name: (typeof REWARDS)[number],
  labelled: boolean,
): readonly TiltMetrics[] {
  const facts = prompts.map(({ responses }) => ({
    logProbs: responses.map((r) => r.logProb),
    lengths: responses.map((r) => r.tokens),
    correct: labelled ? Uint8Array.from(responses.map((r) => Number(r.correct === true))) : undefined,
  }));
  const scores = prompts.map(({ responses }) => scoresOf(responses)[name]);
  const resamples = drawResamples(prompts.length, { seed: 1, resamples: 20 });
  const ground = { prompts: prompts.length, labelledPrompts: prompts.length, resamples: () => resamples };
  return tiltCurve([facts], [scores], ground);
}

/** Mean and normal 95 % interval; enough for a page. */
function estimate(values: readonly number[]): Estimate {
  const value = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((s, v) => s + (v - value) ** 2, 0) / values.length;
  const half = 1.96 * Math.sqrt(variance / values.length);
  return { value, low: value - half, high: value + half };
}

/** An estimate that stays in [0, 1], as a bootstrap's does. */
function share(values: readonly number[]): Estimate {
  const { value, low, high } = estimate(values);
  return { value, low: Math.max(0, low), high: Math.min(1, high) };
}

/** P(each response is the best of a random subset of `size`), by C(n − 1 − rank, size − 1) / C(n, size). */
function rankWeights(scores: readonly number[], size: number): number[] {
  const n = scores.length;
  const weights = new Array<number>(n).fill(0);
  const order = scores.map((_, i) => i).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  let weight = size / n;
  order.forEach((at, rank) => {
    weights[at] = weight;
    weight *= Math.max(0, n - rank - size) / Math.max(1, n - 1 - rank);
  });
  return weights;
}

function coverageAt(prompts: readonly PromptRow[], size: number): Estimate {
  const misses = prompts.map(({ responses }) => {
    const wrong = responses.filter((r) => r.correct !== true).length;
    let miss = 1;
    for (let k = 0; k < size; k++) miss *= Math.max(0, wrong - k) / (responses.length - k);
    return 1 - miss;
  });
  return share(misses);
}

function aucOf(prompts: readonly PromptRow[]): Record<string, Estimate> {
  const auc = (name: (typeof REWARDS)[number]): Estimate =>
    estimate(
      prompts.flatMap(({ responses }) => {
        const scores = scoresOf(responses)[name];
        const right = scores.filter((_, i) => responses[i]?.correct === true);
        const wrong = scores.filter((_, i) => responses[i]?.correct !== true);
        if (right.length === 0 || wrong.length === 0) return [];
        const wins = right.map((r) => wrong.reduce((s, w) => s + (r > w ? 1 : r === w ? 0.5 : 0), 0));
        return [wins.reduce((a, b) => a + b, 0) / (right.length * wrong.length)];
      }),
    );
  return Object.fromEntries(REWARDS.map((name) => [name, auc(name)]));
}

function histogramsOf(prompts: readonly PromptRow[], labelled: boolean): Metrics["histograms"] {
  const rows = prompts.flatMap((p) => p.responses);
  const low = Math.floor(Math.min(...rows.map((r) => r.logProb)));
  const high = Math.ceil(Math.max(...rows.map((r) => r.logProb)));
  const edges = Array.from({ length: 31 }, (_, i) => low + ((high - low) * i) / 30);
  const of = (keep: readonly ResponseRow[]): Histogram => {
    const counts = new Array<number>(30).fill(0);
    for (const r of keep) {
      const bin = Math.min(29, Math.floor(((r.logProb - low) / (high - low)) * 30));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return { edges, counts };
  };
  if (!labelled) return { all: of(rows) };
  return {
    correct: of(rows.filter((r) => r.correct)),
    incorrect: of(rows.filter((r) => !r.correct)),
    all: of(rows),
  };
}

function moved(e: Estimate, by: number): Estimate {
  return { value: e.value + by, low: e.low + by, high: e.high + by };
}

/** A training curve that rises, then overfits; the fifth epoch is kept. */
function adapterOf(
  base: AnswerMetrics,
  coverage: Readonly<Record<string, Estimate>> | undefined,
  i: number,
  shift: number,
): AdapterMetrics {
  const gain = 0.061 - 0.012 * i + shift;
  const rise = 2.34 - 0.3 * i;
  const epochs = Array.from({ length: 11 }, (_, epoch) => {
    const progress = 1 - Math.exp(-epoch / 2);
    const over = Math.max(0, epoch - 5) * 0.006;
    return {
      epoch,
      ...(epoch === 0 ? {} : { trainLoss: 0.34 - 0.012 * epoch - 0.04 * progress }),
      validationLoss: 0.345 - 0.055 * progress + over,
      logLikelihood: moved(base.logLikelihood, rise * progress * 1.08),
      samples: 10,
      ...(base.accuracy && coverage?.[10]
        ? {
            accuracy: moved(base.accuracy, gain * progress * 1.08 - over),
            coverage: moved(coverage[10], -0.012 * epoch),
          }
        : {}),
    };
  });
  const accuracy = base.accuracy && moved(base.accuracy, gain);
  return {
    kl: { value: 0.7 + 0.1 * i, low: 0.6 + 0.1 * i, high: 0.8 + 0.1 * i },
    ...(accuracy === undefined
      ? {}
      : {
          accuracy,
          greedyAccuracy: moved(accuracy, 0.08),
          accuracyGain: { value: gain, low: gain - 0.021, high: gain + 0.022 },
        }),
    ...(coverage === undefined
      ? {}
      : {
          coverage: Object.fromEntries(
            Object.entries(coverage).map(([n, e]) => [n, moved(e, -0.004 * Math.sqrt(Number(n)))]),
          ),
        }),
    logLikelihood: moved(base.logLikelihood, rise),
    logLikelihoodGain: { value: rise, low: rise - 0.41, high: rise + 0.4 },
    greedyLogLikelihood: moved(base.logLikelihood, rise + 0.2),
    length: { value: 23.2, low: 22.9, high: 23.5 },
    epochs,
    keptEpoch: 5,
    trainingPrompts: 1000,
    trainingSamples: 50,
    modelCalls: 50_000,
  };
}
