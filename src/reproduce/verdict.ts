import {
  decimal,
  change,
  directionOf,
  overruled,
  percent,
  withInterval,
  type Direction,
} from "../evaluate/findings-words.js";
import { collapseOfKept, isBase } from "../evaluate/collapse.js";
import { transductiveFinding } from "../evaluate/findings.js";
import { adapterGuessFinding, guessFinding } from "../evaluate/findings-guess.js";
import { FEWEST_PROMPTS, type DeclaredFrom } from "../evaluate/declared.js";
import type { AnswerMetrics, BestOfNMetrics, Estimate, Metrics } from "../evaluate/metrics.js";
import { shortName, strongestBaseline } from "../evaluate/strongest-baseline.js";
import type { AmortizedMetrics, Verdict } from "./result.js";

/** A choice that is shorter than the mean draw by this share of it is called short. */
const SHORTER = 0.05;
/** Greedy right on fewer than this share of the prompts is called a weak base. */
const WEAK = 0.1;

/** Best-of-N by log-likelihood against the strongest baseline, by the rule of a run's page; undefined without labels. */
export function inferenceVerdict(metrics: Metrics): Verdict | undefined {
  const byN = metrics.bestOfN["log-likelihood"] ?? {};
  const n = Math.max(0, ...Object.keys(byN).map(Number));
  const best = byN[String(n)];
  const strongest = best && strongestBaseline(best, metrics);
  if (!best?.accuracy || !strongest) return undefined;
  const labelled = metrics.labelledPrompts ?? metrics.prompts;
  const direction = directionOf(strongest.gain, labelled, "points", metrics);
  const over = shortName(strongest);
  const figures = `${percent(best.accuracy.value)} against ${percent(strongest.accuracy.value)} (${change(strongest.gain, "points", metrics)})`;
  const said = {
    up: `Helps: best-of-${n} by log-likelihood is right more often than ${over}, ${figures}.`,
    down: `Hurts: best-of-${n} by log-likelihood is right less often than ${over}, ${figures}.`,
    unclear: `Not clear: best-of-${n} by log-likelihood against ${over}, ${figures}.`,
    few: `Too few prompts to say: best-of-${n} by log-likelihood against ${over}, ${figures}.`,
  };
  const falls =
    direction !== "down" && directionOf(byN["1"]?.accuracyToLargestN, labelled, "points", metrics) === "down"
      ? [
          `Accuracy falls as N grows, from ${percent(byN["1"]!.accuracy!.value)} for one sample: ${change(byN["1"]!.accuracyToLargestN!, "points", metrics)}.`,
        ]
      : [];
  const warnings = [...guessFinding(metrics), ...falls];
  if (direction === "up") return { direction, sentence: said.up, reasons: warnings };
  const reasons = [...warnings, ...weakBase(metrics.greedy, metrics.base, metrics), ...ranking(metrics)];
  reasons.push(...shortAnswers(best, metrics, n), ...modeNotReached(best, n, metrics), ...others(metrics, n));
  return { direction, sentence: said[direction], reasons: told(reasons, direction) };
}

/**
 * One sample of the adapter against the strongest baseline, by the rule of a run's page; undefined without labels, but where nothing was
 * learned.
 * @param among what the page of the cell's run declares, this adapter among it: a cell says clear where that page does.
 */
export function amortizedVerdict(
  metrics: Omit<AmortizedMetrics, "verdict">,
  among: DeclaredFrom,
): Verdict | undefined {
  const { adapter, base, labelledPrompts, prompts } = metrics;
  const { accuracy, accuracyGain } = adapter;
  const kept = metrics.epochs.map((epochs, i) => ({ epochs, keptEpoch: metrics.keptEpochs[i]! }));
  if (kept.every(isBase)) return unchanged(accuracy);
  const strongest = strongestBaseline(adapter, metrics);
  if (!accuracy || !accuracyGain || !strongest || !base.accuracy) return undefined;
  const direction = directionOf(strongest.gain, labelledPrompts, "points", among);
  const figures = `${strongest.name}, ${percent(accuracy.value)} against ${percent(strongest.accuracy.value)} (${change(strongest.gain, "points", among)})`;
  const said = {
    up: `Helps: one sample of the adapter is right more often than ${figures}.`,
    down: `Hurts: one sample of the adapter is right less often than ${figures}.`,
    unclear: `Not clear: one sample of the adapter against ${figures}.`,
    few: `Too few prompts to say: one sample of the adapter against ${figures}.`,
  };
  const collapse = kept
    .map((own) => collapseOfKept("The adapter", { ...adapter, ...own }, base))
    .find((found) => found.length > 0);
  const warnings = [
    ...transductiveFinding({ ...metrics, adapters: { adapter } }),
    ...(collapse ?? []),
    ...adapterGuessFinding(metrics, adapter),
  ];
  if (direction === "up") return { direction, sentence: said.up, reasons: warnings };
  const gained = directionOf(accuracyGain, labelledPrompts, "points", among);
  const reasons = [
    ...warnings,
    `One sample of the base is right on ${percent(base.accuracy.value)}; training changed that by ${change(accuracyGain, "points", among)}.`,
  ];
  if (gained !== "up" && directionOf(adapter.logLikelihoodGain, prompts, "nats", among) === "up") {
    reasons.push(
      `The adapter did move to what the base finds likelier (${change(adapter.logLikelihoodGain, "nats", among)}), so here the likelier is ${gained === "down" ? "the less often right" : "not clearly the more often right"}.`,
    );
  }
  if (directionOf(adapter.logLikelihoodGain, prompts, "nats", among) !== "up")
    reasons.push(
      `The adapter does not clearly answer with what the base finds likelier (${change(adapter.logLikelihoodGain, "nats", among)}).`,
    );
  if (!collapse && adapter.length.value < (1 - SHORTER) * base.length.value) {
    reasons.push(
      `It answers in ${decimal(adapter.length.value)} tokens where the base takes ${decimal(base.length.value)}: short answers were preferred.`,
    );
  }
  return { direction, sentence: said[direction], reasons };
}

/** Of an adapter that is the base: neither a gain nor a loss, of which nothing else is to be said. */
function unchanged(accuracy: Estimate | undefined): Verdict {
  const right = accuracy ? `, and one sample of which is right on ${percent(accuracy.value)}` : "";
  const sentence = `Nothing was learned: on the validation prompts no iterate was better than the base, which was kept${right}.`;
  return { direction: "unchanged", sentence, reasons: [] };
}

/** Sampling once is worse than greedy, or there is little that is right to choose. */
function weakBase(greedy: AnswerMetrics, base: AnswerMetrics, metrics: Metrics): string[] {
  const found: string[] = [];
  const labelled = metrics.labelledPrompts ?? metrics.prompts;
  if (greedy.accuracy && greedy.accuracy.value < WEAK)
    found.push(
      greedy.accuracy.value === 0
        ? "The base is weak here: greedy is never right."
        : `The base is weak here: greedy is right on ${percent(greedy.accuracy.value)} of the prompts only.`,
    );
  if (
    base.accuracy &&
    base.liftPoints &&
    directionOf(base.liftPoints, labelled, "points", metrics) === "down"
  ) {
    found.push(
      `One sample at temperature ${metrics.temperature} is right on ${percent(base.accuracy.value)}, worse than greedy ` +
        `(${change(base.liftPoints, "points", metrics)}): choosing starts from there.`,
    );
  }
  return found;
}

function ranking(metrics: Metrics): string[] {
  const { auc, labelledPrompts, mixedPrompts, prompts } = metrics;
  const area = auc?.["log-likelihood"];
  if (!area || (mixedPrompts ?? labelledPrompts ?? prompts) < FEWEST_PROMPTS) return [];
  const figure = `AUC ${withInterval(area, metrics, 0.5)}`;
  if ((area.low <= 0.5 && area.high >= 0.5) || overruled(area, metrics, 0.5))
    return [
      `Of a prompt's responses log-likelihood does not tell right from wrong better than chance (${figure}).`,
    ];
  return area.high < 0.5
    ? [`Of a prompt's responses log-likelihood ranks wrong ones above right ones (${figure}; 0.5 is chance).`]
    : [`Of a prompt's responses log-likelihood does rank right above wrong (${figure}; 0.5 is chance).`];
}

function shortAnswers(best: BestOfNMetrics, metrics: Metrics, n: number): string[] {
  const drift = best.lengthChange;
  const mean = metrics.base.length.value;
  if (
    !drift ||
    directionOf(drift, metrics.prompts, "tokens", metrics) !== "down" ||
    -drift.value < SHORTER * mean
  )
    return [];
  const normalized = metrics.bestOfN["length-normalized"]?.[String(n)];
  const free =
    normalized?.accuracy && best.accuracy
      ? ` Length-normalized, which does not favour them, is right on ${percent(normalized.accuracy.value)} with ${decimal(normalized.length.value)} tokens.`
      : "";
  return [
    `Short answers are preferred: the choice takes ${decimal(best.length.value)} tokens where the mean response takes ${decimal(mean)}.${free}`,
  ];
}

function modeNotReached(best: BestOfNMetrics, n: number, metrics: Metrics): string[] {
  const lift = best.logLikelihoodLift;
  if (!lift || directionOf(lift, metrics.prompts, "nats", metrics) !== "down") return [];
  return [
    `Sampling does not reach the mode: even the likeliest of ${n} is less likely than the greedy response (${change(lift, "nats", metrics)}), so a larger N is needed before choosing can pay.`,
  ];
}

/** Self-rewards that do beat the strongest baseline where log-likelihood does not. */
function others(metrics: Metrics, n: number): string[] {
  const labelled = metrics.labelledPrompts ?? metrics.prompts;
  return Object.entries(metrics.bestOfN).flatMap(([reward, byN]) => {
    const own = byN[String(n)];
    const strongest = own && strongestBaseline(own, metrics);
    if (reward === "log-likelihood" || directionOf(strongest?.gain, labelled, "points", metrics) !== "up")
      return [];
    return [
      `By ${reward} it does help: ${change(strongest!.gain, "points", metrics)} over ${shortName(strongest!)}.`,
    ];
  });
}

const told = (reasons: readonly string[], direction: Direction): readonly string[] =>
  reasons.length > 0 || direction === "unclear" || direction === "few"
    ? reasons
    : ["The data do not tell why."];
