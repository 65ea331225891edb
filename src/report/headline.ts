import { isBase } from "../evaluate/collapse.js";
import { largestN, sampleSizes } from "../evaluate/largest-n.js";
import type { Direction } from "../evaluate/findings-words.js";
import type { AdapterMetrics, Estimate, Metrics } from "../evaluate/metrics.js";
import { GREEDY_RESPONSE, strongestBaseline } from "../evaluate/strongest-baseline.js";
import {
  count,
  decidingInterval,
  direction,
  intervalInWords,
  inTable,
  inWords,
  methodName,
  NATS,
  NATS_GAIN,
  PERCENT,
  plural,
  POINTS,
  samplerInWords,
  type Unit,
} from "./format.js";

/** What the page says first. */
export interface Headline {
  readonly direction: Direction;
  /** One sentence with the numbers that matter most. */
  readonly title: string;
  /** What was done, in one or two sentences. */
  readonly lead: string;
  /** Every claim with its 95 % interval; the first words name the method. */
  readonly claims: readonly { readonly name: string; readonly text: string }[];
}

interface Comparison {
  /** The sentence for each outcome. */
  readonly title: (side: Direction) => string;
  readonly gain: Estimate;
  readonly gainUnit: Unit;
  /** What the gain is over. */
  readonly over: string;
}

/** The headline of a run, in plain words; a gain is claimed only where it is clear of 0 among all declared comparisons. */
export function headline(metrics: Metrics): Headline {
  const adapters = Object.entries(metrics.adapters).map(([m, a]) => adapterComparison(metrics, m, a));
  const candidates = adapters.length > 0 ? adapters : searchComparisons(metrics);
  const best = bestOf(candidates);
  const verdict =
    best === undefined
      ? ""
      : verdictText(best, candidates.length, adapters.length > 0 ? "adapters" : "self-rewards", metrics);
  const side = best === undefined ? "unclear" : direction(best.gain, best.gainUnit, metrics);
  return {
    direction: side,
    title: best === undefined ? "What the model says of its own answers" : best.title(side),
    lead: `${verdict}${lead(metrics)}`,
    claims: [...adapterClaims(metrics), ...searchClaims(metrics), ...coverageClaim(metrics)],
  };
}

const VERDICTS: Readonly<Record<Direction, string>> = {
  up: "it helped",
  down: "it does not pay",
  unclear: "no clear difference",
  few: "too few prompts to say",
};

/** The main gain with its interval; says so where it is the best of several, which flatters it. */
function verdictText(
  { gain, gainUnit, over }: Comparison,
  of: number,
  kind: string,
  metrics: Metrics,
): string {
  const chosen = of > 1 ? ` It is the best of ${of} ${kind}, picked after measuring.` : "";
  const words = VERDICTS[direction(gain, gainUnit, metrics)];
  return `${inWords(gain.value, gainUnit)} over ${over} (95\u00a0% interval ${decidingInterval(gain, gainUnit, metrics)}): ${words}.${chosen} `;
}

function bestOf(candidates: readonly Comparison[]): Comparison | undefined {
  return candidates.reduce<Comparison | undefined>(
    (best, next) => (best === undefined || next.gain.value > best.gain.value ? next : best),
    undefined,
  );
}

/** One sample of an adapter against the strongest baseline; without labels, against one sample of the base in likelihood. */
function adapterComparison(metrics: Metrics, method: string, adapter: AdapterMetrics): Comparison {
  const subject = methodName(method, "-sharpening");
  const kept = (quantity: string, after: string): string =>
    `${subject} found nothing better than the base, and its adapter is the base: ${quantity} stays ${after}`;
  const strongest = strongestBaseline(adapter, metrics);
  if (adapter.accuracy && strongest) {
    const after = inWords(adapter.accuracy.value, PERCENT);
    const numbers = `${after} against ${inWords(strongest.accuracy.value, PERCENT)}`;
    const words = {
      up: "is right more often than",
      down: "is right less often than",
      unclear: "is not clearly more or less often right than",
      few: "was measured on too few prompts to say how it compares with",
    };
    return {
      title: (side) =>
        isBase(adapter)
          ? kept("the accuracy of a single sample", after)
          : `One sample after ${subject} ${words[side]} ${strongest.name}: ${numbers}`,
      gain: strongest.gain,
      gainUnit: POINTS,
      over: strongest.name,
    };
  }
  const before = inTable(metrics.base.logLikelihood.value, NATS);
  const after = inWords(adapter.logLikelihood.value, NATS);
  const quantity = "the log-likelihood of a single sample";
  const words = {
    up: `raised ${quantity} from ${before} to ${after}`,
    down: `lowered ${quantity} from ${before} to ${after}`,
    unclear: `made no clear difference to ${quantity}: ${before} before, ${after} after`,
    few: `was measured on too few prompts to say what it did to ${quantity}: ${before} before, ${after} after`,
  };
  return {
    title: (side) => (isBase(adapter) ? kept(quantity, after) : `${subject} ${words[side]}`),
    gain: adapter.logLikelihoodGain,
    gainUnit: NATS_GAIN,
    over: "one sample of the base",
  };
}

/** Best-of-N at the largest N against greedy, for each self-reward. */
function searchComparisons(metrics: Metrics): Comparison[] {
  return largestN(metrics).flatMap(({ reward, n, answer }): Comparison[] => {
    const subject = `Best-of-${n} by ${reward}`;
    const strongest = strongestBaseline(answer, metrics);
    if (answer.accuracy && strongest) {
      const over = strongest.name === GREEDY_RESPONSE ? "greedy decoding" : strongest.name;
      const numbers = `${inWords(answer.accuracy.value, PERCENT)} against ${inWords(strongest.accuracy.value, PERCENT)}`;
      const words = {
        up: "is right more often than",
        down: "is right less often than",
        unclear: "does no clearly better than",
        few: "was measured on too few prompts to compare it with",
      };
      return [
        {
          title: (side) => `${subject} ${words[side]} ${over}: ${numbers}`,
          gain: strongest.gain,
          gainUnit: POINTS,
          over,
        },
      ];
    }
    if (metrics.labelled || !answer.logLikelihoodLift) return [];
    const numbers = `${inTable(answer.logLikelihood.value, NATS)} against ${inWords(metrics.greedy.logLikelihood.value, NATS)}`;
    const words = {
      up: "finds likelier responses than",
      down: "finds less likely responses than",
      unclear: "finds responses neither clearly likelier nor clearly less likely than",
      few: "was measured on too few prompts to compare it with",
    };
    return [
      {
        title: (side) => `${subject} ${words[side]} greedy decoding: ${numbers}`,
        gain: answer.logLikelihoodLift,
        gainUnit: NATS_GAIN,
        over: "greedy decoding",
      },
    ];
  });
}

function lead(metrics: Metrics): string {
  const drawn = `${metrics.model} answered ${plural(metrics.prompts, "prompt")} of ${metrics.task}, ${plural(metrics.n, "response")} each ${metrics.sampler === undefined ? "at" : "from"} ${samplerInWords(metrics)}, and chose among its own answers without being told which are right.`;
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
    const calls = count(a.modelCalls ?? a.trainingPrompts * a.trainingSamples);
    const accuracy =
      a.accuracy && a.accuracyGain && metrics.base.accuracy
        ? `One sample is right for ${withInterval(a.accuracy, PERCENT)} of prompts; the base’s, for ${withInterval(metrics.base.accuracy, PERCENT)}. ${gainText(a.accuracyGain, POINTS, metrics)} `
        : "";
    const likelihood = `Log-likelihood under the base: ${withInterval(a.logLikelihood, NATS)} against ${withInterval(metrics.base.logLikelihood, NATS)}. ${gainText(a.logLikelihoodGain, NATS_GAIN, metrics)}`;
    return {
      name: `${methodName(method)} adapter`,
      text: `${accuracy}${likelihood} Trained with ${calls} model calls, ${draws}.`,
    };
  });
}

function gainText(gain: Estimate, unit: Unit, metrics: Metrics): string {
  const words = { up: "a gain", down: "a loss", unclear: "no clear difference", few: VERDICTS.few }[
    direction(gain, unit, metrics)
  ];
  return `${inWords(gain.value, unit)} (${decidingInterval(gain, unit, metrics)}): ${words}.`;
}

function searchClaims(metrics: Metrics): { name: string; text: string }[] {
  return largestN(metrics).map(({ reward, n, answer }) => {
    const name = `Best-of-${n} by ${reward}`;
    if (answer.accuracy && answer.liftPoints && metrics.greedy.accuracy) {
      const text = `Right for ${withInterval(answer.accuracy, PERCENT)}; greedy, for ${withInterval(metrics.greedy.accuracy, PERCENT)}. ${gainText(answer.liftPoints, POINTS, metrics)}`;
      return { name, text };
    }
    const lift = answer.logLikelihoodLift;
    const text = `Log-likelihood ${withInterval(answer.logLikelihood, NATS)}; greedy, ${withInterval(metrics.greedy.logLikelihood, NATS)}. ${lift ? gainText(lift, NATS_GAIN, metrics) : ""}`;
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
