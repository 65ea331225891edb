import type { AdapterMetrics, AnswerMetrics, Estimate, Metrics } from "../evaluate/metrics.js";
import {
  count,
  direction,
  intervalInWords,
  inWords,
  methodName,
  NATS,
  NATS_GAIN,
  PERCENT,
  plural,
  POINTS,
  sampleSizes,
  type Unit,
} from "./format.js";

/** What the page says first. */
export interface Headline {
  readonly direction: "up" | "down" | "unclear";
  /** One sentence with the numbers that matter most. */
  readonly title: string;
  /** What was done, in one or two sentences. */
  readonly lead: string;
  /** Every claim with its 95 % interval; the first words name the method. */
  readonly claims: readonly { readonly name: string; readonly text: string }[];
}

interface Comparison {
  readonly subject: string;
  readonly quantity: string;
  readonly before: Estimate;
  readonly after: Estimate;
  readonly gain: Estimate;
  readonly unit: Unit;
}

/** The headline of a run, in plain words; a gain is claimed only where its interval is clear of 0. */
export function headline(metrics: Metrics): Headline {
  const comparison = mainComparison(metrics);
  return {
    direction: comparison === undefined ? "unclear" : direction(comparison.gain),
    title: comparison === undefined ? "What the model says of its own answers" : titleOf(comparison),
    lead: lead(metrics),
    claims: [...adapterClaims(metrics), ...searchClaims(metrics), ...coverageClaim(metrics)],
  };
}

function titleOf({ subject, quantity, before, after, gain, unit }: Comparison): string {
  const numbers = `from ${inWords(before.value, unit)} to ${inWords(after.value, unit)}`;
  const side = direction(gain);
  if (side === "up") return `${subject} raised ${quantity} ${numbers}`;
  if (side === "down") return `${subject} lowered ${quantity} ${numbers}`;
  return `${subject} made no clear difference to ${quantity}: ${inWords(before.value, unit)} before, ${inWords(after.value, unit)} after`;
}

/** The comparison that answers "did it help?": an adapter where one was trained, else the best of the rewards. */
function mainComparison(metrics: Metrics): Comparison | undefined {
  return (
    bestOf(Object.entries(metrics.adapters).map(([m, a]) => adapterComparison(metrics, m, a))) ??
    searchComparison(metrics)
  );
}

function bestOf(candidates: readonly Comparison[]): Comparison | undefined {
  return candidates.reduce<Comparison | undefined>(
    (best, next) => (best === undefined || next.gain.value > best.gain.value ? next : best),
    undefined,
  );
}

function adapterComparison(metrics: Metrics, method: string, adapter: AdapterMetrics): Comparison {
  const subject = `${methodName(method)}-sharpening`;
  if (adapter.accuracy && adapter.accuracyGain && metrics.base.accuracy) {
    const quantity = "the accuracy of a single sample";
    return {
      subject,
      quantity,
      before: metrics.base.accuracy,
      after: adapter.accuracy,
      gain: adapter.accuracyGain,
      unit: PERCENT,
    };
  }
  const quantity = "the log-likelihood of a single sample";
  return {
    subject,
    quantity,
    before: metrics.base.logLikelihood,
    after: adapter.logLikelihood,
    gain: adapter.logLikelihoodGain,
    unit: NATS,
  };
}

/** Best-of-N at the largest N against greedy, under the reward that does best. */
function searchComparison(metrics: Metrics): Comparison | undefined {
  return bestOf(
    largestN(metrics).flatMap(({ reward, n, answer }) => {
      const subject = `Best-of-${n} by ${reward}`;
      const { greedy } = metrics;
      if (answer.accuracy && answer.liftPoints && greedy.accuracy) {
        const quantity = "accuracy over greedy decoding";
        return [
          {
            subject,
            quantity,
            before: greedy.accuracy,
            after: answer.accuracy,
            gain: answer.liftPoints,
            unit: PERCENT,
          },
        ];
      }
      if (metrics.labelled || !answer.logLikelihoodLift) return [];
      const quantity = "log-likelihood over greedy decoding";
      return [
        {
          subject,
          quantity,
          before: greedy.logLikelihood,
          after: answer.logLikelihood,
          gain: answer.logLikelihoodLift,
          unit: NATS,
        },
      ];
    }),
  );
}

/** Every reward's metrics at the largest N that it was measured at. */
export function largestN(metrics: Metrics): { reward: string; n: number; answer: AnswerMetrics }[] {
  return Object.entries(metrics.bestOfN).flatMap(([reward, byN]) => {
    const n = sampleSizes(byN).at(-1);
    const answer = n === undefined ? undefined : byN[n];
    return n === undefined || answer === undefined ? [] : [{ reward, n, answer }];
  });
}

function lead(metrics: Metrics): string {
  const drawn = `${metrics.model} answered ${plural(metrics.prompts, "prompt")} of ${metrics.task}, ${plural(metrics.n, "response")} each at temperature ${metrics.temperature}, and chose among its own answers without being told which are right.`;
  return metrics.labelled
    ? drawn
    : `${drawn} This task has no labels, so the page shows how far the answers moved towards what the model itself prefers, not whether they got better.`;
}

function withInterval(estimate: Estimate, unit: Unit): string {
  return `${inWords(estimate.value, unit)} (${intervalInWords(estimate, unit)})`;
}

function adapterClaims(metrics: Metrics): { name: string; text: string }[] {
  return Object.entries(metrics.adapters).map(([method, a]) => {
    const draws = `${plural(a.trainingPrompts, "training prompt")} × ${count(a.trainingSamples)} responses`;
    const accuracy =
      a.accuracy && a.accuracyGain && metrics.base.accuracy
        ? `One sample is right for ${withInterval(a.accuracy, PERCENT)} of prompts; the base’s, for ${withInterval(metrics.base.accuracy, PERCENT)}. ${gainText(a.accuracyGain, POINTS)} `
        : "";
    const likelihood = `Log-likelihood under the base: ${withInterval(a.logLikelihood, NATS)} against ${withInterval(metrics.base.logLikelihood, NATS)}. ${gainText(a.logLikelihoodGain, NATS_GAIN)}`;
    return {
      name: `${methodName(method)} adapter`,
      text: `${accuracy}${likelihood} Trained on choices from ${draws}.`,
    };
  });
}

function gainText(gain: Estimate, unit: Unit): string {
  const words = { up: "a gain", down: "a loss", unclear: "no clear difference" }[direction(gain)];
  return `${withInterval(gain, unit)}: ${words}.`;
}

function searchClaims(metrics: Metrics): { name: string; text: string }[] {
  return largestN(metrics).map(({ reward, n, answer }) => {
    const name = `Best-of-${n} by ${reward}`;
    if (answer.accuracy && answer.liftPoints && metrics.greedy.accuracy) {
      const text = `Right for ${withInterval(answer.accuracy, PERCENT)}; greedy, for ${withInterval(metrics.greedy.accuracy, PERCENT)}. ${gainText(answer.liftPoints, POINTS)}`;
      return { name, text };
    }
    const lift = answer.logLikelihoodLift;
    const text = `Log-likelihood ${withInterval(answer.logLikelihood, NATS)}; greedy, ${withInterval(metrics.greedy.logLikelihood, NATS)}. ${lift ? gainText(lift, NATS_GAIN) : ""}`;
    return { name, text };
  });
}

function coverageClaim(metrics: Metrics): { name: string; text: string }[] {
  const n = metrics.coverage && sampleSizes(metrics.coverage).at(-1);
  const ceiling = n === undefined ? undefined : metrics.coverage?.[n];
  if (n === undefined || ceiling === undefined) return [];
  const text = `At least one of ${n} responses is right for ${withInterval(ceiling, PERCENT)}. This needs the labels: a skyline, not a method.`;
  return [{ name: "Ceiling", text }];
}
