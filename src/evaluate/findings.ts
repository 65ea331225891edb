import type { MethodWords } from "./collapse.js";
import { FEWEST_PROMPTS } from "./declared.js";
import { endsFinding } from "./ends.js";
import { adapterFindings } from "./findings-adapter.js";
import { guessFinding } from "./findings-guess.js";
import { tiltFindings } from "./findings-tilt.js";
import {
  change,
  decimal,
  directionOf,
  overruled,
  percent,
  sentence,
  withInterval,
  type Direction,
} from "./findings-words.js";
import type { AdaptiveMetrics, BestOfNMetrics, Estimate, Metrics } from "./metrics.js";
import { shortName, strongestBaseline } from "./strongest-baseline.js";

/** What the findings are read from. */
export type FindingsInputs = Omit<
  Metrics,
  "model" | "temperature" | "sampler" | "histograms" | "findings" | "seconds"
>;

type Curve = readonly (readonly [n: number, metrics: BestOfNMetrics])[];

/** The share of the base's mean length below which a drift in length is not worth a sentence. */
const LENGTH_DRIFT = 0.05;
/** Coverage this little above greedy leaves a self-reward nothing to find. */
const NOTHING_TO_FIND = 0.02;
/** Choices that agree this much make the choice of reward a matter of taste. */
const NEARLY_ALWAYS = 0.95;

/** A reward's figures by N, ascending. */
function curveOf(metrics: FindingsInputs, reward: string): Curve {
  return Object.entries(metrics.bestOfN[reward] ?? {})
    .map(([n, values]) => [Number(n), values] as const)
    .sort(([a], [b]) => a - b);
}

const labelledPrompts = (metrics: FindingsInputs): number => metrics.labelledPrompts ?? metrics.prompts;

function caution(metrics: FindingsInputs): string[] {
  if (!metrics.labelled) {
    return [
      "No prompt has a label, so accuracy is unknown: what follows says how far the model agrees with itself, not whether it is right.",
    ];
  }
  const prompts = labelledPrompts(metrics);
  if (prompts >= FEWEST_PROMPTS) return [];
  const count = prompts === 1 ? "1 prompt with a label was" : `${String(prompts)} prompts with a label were`;
  return [`Only ${count} measured: too few to call any difference in accuracy clear.`];
}

/** Whether accuracy rises with N, from where it does not any more, and whether it falls. */
function trendFinding(reward: string, curve: Curve, metrics: FindingsInputs): string[] {
  const side = (difference: Estimate | undefined): Direction =>
    directionOf(difference, labelledPrompts(metrics), "points", metrics);
  const [first, last] = [curve[0], curve.at(-1)];
  if (
    !first ||
    !last ||
    first === last ||
    !first[1].accuracy ||
    !last[1].accuracy ||
    !first[1].accuracyToLargestN
  )
    return [];
  const span = `from ${percent(first[1].accuracy.value)} at N = ${first[0]} to ${percent(last[1].accuracy.value)} at N = ${last[0]}`;
  const difference = change(first[1].accuracyToLargestN, "points", metrics);
  const peak = curve
    .slice(1, -1)
    .filter(([, at]) => side(at.accuracyToLargestN) === "down")
    .sort(([, a], [, b]) => a.accuracyToLargestN!.value - b.accuracyToLargestN!.value)[0];
  const after = peak
    ? ` It is highest at N = ${peak[0]} (${percent(peak[1].accuracy!.value)}), picked after looking at ${curve.length} sizes, and clearly ` +
      `lower at N = ${last[0]} (${change(peak[1].accuracyToLargestN!, "points", metrics)}): other prompts have to confirm where to stop.`
    : "";
  switch (side(first[1].accuracyToLargestN)) {
    case "few":
      return [
        `With ${reward}, too few prompts to say whether accuracy changes with N: ${span} (${difference}).`,
      ];
    case "down":
      return [`With ${reward}, accuracy falls as N grows, ${span} (${difference}).${after}`];
    case "unclear":
      return [`With ${reward}, accuracy does not change clearly with N: ${span} (${difference}).${after}`];
    case "up":
      return [
        `With ${reward}, accuracy rises ${span} (${difference})${after ? `.${after}` : lastStep(curve, side, metrics)}`,
      ];
  }
}

/** The last step from one N to the next that is a clear rise by itself: where accuracy saturates, as far as can be said. */
function lastStep(
  curve: Curve,
  side: (difference: Estimate | undefined) => Direction,
  metrics: FindingsInputs,
): string {
  if (curve.every(([, at]) => at.accuracyFromPrevious === undefined)) return ".";
  const at = curve.findLastIndex(([, own]) => side(own.accuracyFromPrevious) === "up");
  if (at < 1) return "; no single step is clear by itself.";
  const step = `from N = ${curve[at - 1]![0]} to N = ${curve[at]![0]}`;
  const gain = change(curve[at]![1].accuracyFromPrevious!, "points", metrics);
  return at === curve.length - 1
    ? `; the last step, ${step}, is still a clear one (${gain}), so more may help.`
    : `; the last clear step is ${step} (${gain}).`;
}

/** The choice at the largest N against the strongest baseline. */
function againstBaseline(metrics: FindingsInputs, reward: string, curve: Curve): string[] {
  const [n, last] = curve.at(-1) ?? [];
  const strongest = last && strongestBaseline(last, metrics);
  if (!last?.accuracy || !strongest) return [];
  const over = shortName(strongest);
  const figures =
    `${percent(last.accuracy.value)} against ${percent(strongest.accuracy.value)} ` +
    `(${change(strongest.gain, "points", metrics)})`;
  switch (directionOf(strongest.gain, labelledPrompts(metrics), "points", metrics)) {
    case "few":
      return [`Best-of-${n} with ${reward} against ${over}: ${figures}; too few prompts to say.`];
    case "up":
      return [`Best-of-${n} with ${reward} beats ${over}: ${figures}.`];
    case "down":
      return [`Do not sharpen with ${reward} on this task: best-of-${n} is worse than ${over}, ${figures}.`];
    case "unclear":
      return [
        `Best-of-${n} with ${reward} is neither clearly better nor clearly worse than ${over}: ${figures}.`,
      ];
  }
}

/** Log-likelihood's own findings, which need no labels: saturation, greedy's likelihood, preference for short responses. */
function logLikelihoodFindings(metrics: FindingsInputs): string[] {
  const curve = curveOf(metrics, "log-likelihood");
  const [n, last] = curve.at(-1) ?? [];
  if (n === undefined || !last) return [];
  const found: string[] = [];
  const rise = curve[0]![1].logLikelihoodToLargestN;
  if (curve.length > 1 && rise && directionOf(rise, metrics.prompts, "nats", metrics) === "up") {
    const enough = curve.find(([, at]) => (at.logLikelihoodToLargestN?.value ?? 0) <= rise.value / 10)!;
    const where =
      enough[0] === n
        ? `it has not levelled off before N = ${n}`
        : `nine tenths of that are there at N = ${enough[0]}`;
    found.push(
      `Choosing by log-likelihood raises the log-likelihood by ${change(rise, "nats", metrics)} from N = ${curve[0]![0]} to N = ${n}; ${where}.`,
    );
  }
  const lift = last.logLikelihoodLift;
  const direction = directionOf(lift, metrics.prompts, "nats", metrics);
  if (lift && direction === "up") {
    found.push(
      `The likeliest of ${n} is likelier than the greedy response (${change(lift, "nats", metrics)}): sampling finds what greedy misses.`,
    );
  } else if (lift && direction === "down") {
    found.push(
      `Even the likeliest of ${n} is less likely than the greedy response (${change(lift, "nats", metrics)}): ` +
        "for this model and task N is too small, or the temperature too high, to reach the mode by sampling.",
    );
  }
  const drift = last.lengthChange;
  if (
    drift &&
    directionOf(drift, metrics.prompts, "tokens", metrics) === "down" &&
    -drift.value >= LENGTH_DRIFT * metrics.base.length.value
  ) {
    found.push(
      `Log-likelihood prefers short responses: at N = ${n} it chooses ${decimal(last.length.value)} tokens where the mean is ` +
        `${decimal(metrics.base.length.value)} (${change(drift, "tokens", metrics)}). If short answers skip the reasoning, ` +
        "length-normalized or majority is safer.",
    );
  }
  return found;
}

/** What any self-reward could find at most, and what the best one does find. */
function coverageFinding(metrics: FindingsInputs): string[] {
  const greedy = metrics.greedy.accuracy;
  const n = Math.max(0, ...Object.keys(metrics.coverage ?? {}).map(Number));
  const coverage = metrics.coverage?.[String(n)];
  if (!coverage || !greedy) return [];
  if (coverage.value === 0) {
    return [
      `None of the ${n} responses to any prompt is correct: sharpening chooses among what the model already says, so it cannot help here.`,
    ];
  }
  if (coverage.value - greedy.value < NOTHING_TO_FIND) {
    return [
      `Coverage at ${n} is ${percent(coverage.value)} and greedy is right on ${percent(greedy.value)}: there is hardly anything for a self-reward to find.`,
    ];
  }
  const best = Object.entries(metrics.bestOfN)
    .map(([reward, byN]) => [reward, byN[String(n)]?.accuracy?.value ?? -1] as const)
    .sort(([, a], [, b]) => b - a)[0];
  const held = `On ${percent(coverage.value)} of the prompts at least one of ${n} responses is correct`;
  if (!best || best[1] < 0) return [`${held}; greedy is right on ${percent(greedy.value)}.`];
  const gap = decimal(100 * (coverage.value - best[1]));
  return [
    `${held}; the best reward, ${best[0]}, is right on ${percent(best[1])}: ${gap} points are left for a better self-reward.`,
  ];
}

/** Which reward tells right from wrong, and what to do about it. */
function aucFindings(metrics: FindingsInputs): string[] {
  const ranked = Object.entries(metrics.auc ?? {}).sort(([, a], [, b]) => b.value - a.value);
  const [best, second] = ranked;
  if (!best || labelledPrompts(metrics) < FEWEST_PROMPTS) return [];
  const mixed = metrics.mixedPrompts;
  if (mixed !== undefined && mixed < FEWEST_PROMPTS) {
    const few = mixed === 1 ? "1 prompt has" : `${mixed} prompts have`;
    return [`Only ${few} both right and wrong responses: too few to say which reward tells them apart.`];
  }
  const figure = (area: Estimate): string => `AUC ${withInterval(area, metrics, 0.5)}`;
  const byChance = (area: Estimate): boolean => overruled(area, metrics, 0.5) !== undefined;
  const found: string[] = [];
  if (best[1].low <= 0.5 || byChance(best[1])) {
    found.push(
      ranked.length === 1
        ? `${best[0]} does not clearly tell right from wrong better than chance (${figure(best[1])}): do not choose by it on this task.`
        : `No reward clearly tells right from wrong better than chance (the best is ${best[0]}, ${figure(best[1])}): do not choose by them on this task.`,
    );
  } else found.push(bestReward(metrics, best, second));
  for (const [reward, area] of ranked) {
    if (area.high < 0.5 && !byChance(area))
      found.push(
        `${reward} ranks wrong responses above right ones (${figure(area)}): avoid it on this task.`,
      );
  }
  return found;
}

/** The reward with the largest AUC, and whether the next is clearly below it: paired, since both rank the same responses. */
function bestReward(
  metrics: FindingsInputs,
  [name, area]: readonly [string, Estimate],
  second: readonly [string, Estimate] | undefined,
): string {
  const prompts = metrics.mixedPrompts ?? labelledPrompts(metrics);
  const last = curveOf(metrics, name).at(-1)?.[1];
  const strongest = last && strongestBaseline(last, metrics);
  const loses = directionOf(strongest?.gain, labelledPrompts(metrics), "points", metrics) === "down";
  const below = second && metrics.aucBelowBest?.[second[0]];
  const level =
    second && directionOf(below, prompts, "points", metrics) !== "up"
      ? `, ${second[0]} not clearly worse (AUC ${withInterval(second[1])}${below ? `, paired difference ${withInterval(below, metrics)}` : ""})`
      : "";
  const advice = loses
    ? `and yet choosing by it is worse than ${shortName(strongest!)}`
    : level
      ? "these prompts do not tell which of the two is better"
      : "use it";
  return `Of a prompt's responses ${name} tells right from wrong best (AUC ${withInterval(area)})${level}: ${advice}.`;
}

/** How far the rewards choose alike; all there is to compare them by without labels. */
function agreementFinding(metrics: FindingsInputs): string[] {
  const ranked = Object.entries(metrics.agreement ?? {}).sort(([, a], [, b]) => b - a);
  const [most, least] = [ranked[0], ranked.at(-1)];
  if (!most || !least) return [];
  const pair = ([key, share]: readonly [string, number]): string =>
    `${key.split("|").join(" and ")} choose the same answer on ${percent(share)} of the prompts`;
  if (least[1] >= NEARLY_ALWAYS)
    return [
      `${pair(least)}${most === least ? "" : ", other pairs at least as often"}: it hardly matters which is used.`,
    ];
  return [
    most === least
      ? `${pair(least)}.`
      : `${pair(least)}, ${pair(most).replace(" choose the same answer", "")}.`,
  ];
}

/** Says that what was measured was learned from. */
export function transductiveFinding({
  transductive,
  adapters,
}: Pick<Metrics, "transductive"> & { readonly adapters: Readonly<Record<string, unknown>> }): string[] {
  return transductive === undefined || Object.keys(adapters).length === 0
    ? []
    : [
        "Adapters learned from the very prompts that are measured, without their labels (the paper's protocol): what they gain here says " +
          "nothing of other prompts, and one response to each prompt is what they were asked for.",
      ];
}

function adaptiveFindings({ adaptive, adaptiveVotes, prompts }: FindingsInputs): string[] {
  const told = (name: string, rule: AdaptiveMetrics, lost: string): string => {
    const drawn = `${name} drew ${decimal(rule.meanN)} responses per prompt`;
    if (rule.capped === 0) return `${drawn}; its rule fired on every prompt.`;
    return `${drawn}, and hit its cap of ${rule.cap} on ${rule.capped} of ${prompts} prompts before its rule fired${lost}.`;
  };
  return [
    ...(adaptive
      ? [told("Adaptive best-of-N", adaptive, ": there the paper's guarantee does not hold")]
      : []),
    ...(adaptiveVotes
      ? [told("Majority by the lead of its vote", adaptiveVotes, ": there the vote stayed open")]
      : []),
  ];
}

/**
 * Plain sentences on what to take from a run: where sharpening helped, saturated or hurt, and why. A difference is called a
 * rise, a gain or a loss only if it is clear of 0 among all comparisons that were declared (declared.ts: Holm at 5 % for the whole page)
 * and there are at least ten prompts. Without labels they speak of likelihood and agreement alone. Each figure is printed with the interval
 * that it has by itself, and with the one that decides where all comparisons together overrule that.
 * @param wordsOf how a method is spoken of. Default: its iterates are epochs.
 */
export function findings(
  metrics: FindingsInputs,
  wordsOf: (method: string) => MethodWords = (name) => ({ name, iterate: "epoch" }),
): readonly string[] {
  const rewards = metrics.labelled ? Object.keys(metrics.bestOfN) : [];
  const found = [
    ...caution(metrics),
    ...rewards.flatMap((reward) => {
      const curve = curveOf(metrics, reward);
      return [...againstBaseline(metrics, reward, curve), ...trendFinding(reward, curve, metrics)];
    }),
    ...aucFindings(metrics),
    ...guessFinding(metrics),
    ...coverageFinding(metrics),
    ...logLikelihoodFindings(metrics),
    ...(metrics.labelled ? [] : agreementFinding(metrics)),
    ...adaptiveFindings(metrics),
    ...endsFinding(metrics),
    ...transductiveFinding(metrics),
    ...Object.entries(metrics.adapters).flatMap(([method, adapter]) =>
      adapterFindings(wordsOf(method), adapter, metrics),
    ),
    ...tiltFindings(metrics, wordsOf),
  ];
  return found.map(sentence);
}
