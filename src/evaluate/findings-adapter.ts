import { collapses, driftFinding, isBase, type MethodWords } from "./collapse.js";
import { change, decimal, directionOf, percent, sentence } from "./findings-words.js";
import type { DeclaredFrom } from "./declared.js";
import {
  trainedInWords,
  type AdapterMetrics,
  type EpochMetrics,
  type Estimate,
  type Metrics,
} from "./metrics.js";
import { memorizedFinding } from "./memorized.js";
import { strongestBaseline } from "./strongest-baseline.js";

/** What the findings on an adapter are read from, beside the adapter. */
export type AdapterGround = DeclaredFrom & Pick<Metrics, "base" | "greedy" | "baselines">;

const labelled = ({ labelledPrompts, prompts }: AdapterGround): number => labelledPrompts ?? prompts;

/** One sample of the adapter against the strongest baseline, and against one sample of the base where that is another. */
function accuracyFinding(name: string, adapter: AdapterMetrics, ground: AdapterGround): string[] {
  const { accuracy, accuracyGain } = adapter;
  const strongest = strongestBaseline(adapter, ground);
  if (!accuracy || !accuracyGain || !strongest || !ground.base.accuracy) return [];
  const side = (gain: Estimate) => directionOf(gain, labelled(ground), "points", ground);
  const figures =
    `one sample is right on ${percent(accuracy.value)} of the prompts, ${strongest.name} on ${percent(strongest.accuracy.value)} ` +
    `(${change(strongest.gain, "points", ground)})`;
  const verdict = {
    up: `${name} helped: ${figures}`,
    down: `${name} does not pay: ${figures}, so without training one has more`,
    unclear: `It is not clear whether ${name} helped: ${figures}`,
    few: `Too few prompts to say whether ${name} helped: ${figures}`,
  };
  const found = [`${verdict[side(strongest.gain)]}.`];
  if (strongest.gain === accuracyGain) return found;
  const words = { up: "more", down: "less", unclear: "about as", few: "" }[side(accuracyGain)];
  const against = `one sample of the base (${percent(ground.base.accuracy.value)}, ${change(accuracyGain, "points", ground)})`;
  if (words === "about as") found.push(`It is not clearly more or less often right than ${against}.`);
  else if (words !== "") found.push(`One sample of ${name} is right ${words} often than ${against}.`);
  return found;
}

/** Whether it moved its mass to what the base finds likely, as sharpening by log-likelihood would; other rewards may not ask for that. */
function sharpeningFinding(name: string, adapter: AdapterMetrics, ground: AdapterGround): string {
  const gain = change(adapter.logLikelihoodGain, "nats", ground);
  switch (directionOf(adapter.logLikelihoodGain, ground.prompts, "nats", ground)) {
    case "few":
      return `Too few prompts to say whether ${name} changes how likely its responses are under the base (${gain}).`;
    case "up":
      return `${name} answers with what the base finds likelier (${gain} in log-likelihood under the base).`;
    case "down":
      return `${name} answers with what the base finds less likely (${gain} in log-likelihood under the base).`;
    case "unclear":
      return `${name} does not clearly change how likely its responses are under the base (${gain}).`;
  }
}

/** What it costs: mass on one answer is mass taken from others. */
function coverageFinding(name: string, adapter: AdapterMetrics, ground: AdapterGround): string[] {
  const n = Math.max(0, ...Object.keys(adapter.coverageChange ?? {}).map(Number));
  const difference = adapter.coverageChange?.[String(n)];
  const coverage = adapter.coverage?.[String(n)];
  if (!difference || !coverage || n < 2) return [];
  const figures = `${percent(coverage.value - difference.value)} to ${percent(coverage.value)} (${change(difference, "points", ground)})`;
  switch (directionOf(difference, labelled(ground), "points", ground)) {
    case "few":
      return [`Too few prompts to say whether ${name} changes coverage at ${n}: ${figures}.`];
    case "up":
      return [`${name} raises coverage at ${n} from ${figures}.`];
    case "down":
      return [`${name} pays with diversity: coverage at ${n} falls from ${figures}.`];
    case "unclear":
      return [`${name} does not clearly change coverage at ${n}: ${figures}.`];
  }
}

/** Says that no iterate was better than the base, and what can be done; nothing where one was, or none was trained. */
export function baseKept({ name: method, iterate: unit }: MethodWords, adapter: AdapterMetrics): string[] {
  const [base, ...trained] = adapter.epochs;
  const { start, keptEpoch } = adapter;
  if (base === undefined || trained.length === 0 || keptEpoch > 0) return [];
  const begun = start === undefined ? "the base" : `the ${start} adapter that it begins at`;
  // What is minimized is −J_β where a method has an objective, and else a loss.
  const loss = ({ validationLoss, objective }: EpochMetrics): number =>
    objective ? -objective.value : validationLoss;
  const best = trained.reduce((a, b) => (loss(b) < loss(a) ? b : a));
  const [named, sign] = base.objective ? ["J_β", -1] : ["a loss of", 1];
  const [reached, before] = [best, base].map((epoch) => decimal(sign * loss(epoch), 3));
  const judged = `${named} ${reached} at best, ${begun} ${before}`;
  const clearly =
    adapter.keep === "objective" ? "by more than a standard error, and without a sign of collapse, " : "";
  return [
    `No ${unit} of ${method} was better than ${begun} on the validation prompts ${clearly}(${judged}), so the adapter is ${start === undefined ? "the base" : "that one"}, ` +
      `unchanged. More training prompts, more responses to each or a lower learning rate may do better; or keep the ` +
      `last ${unit}, whatever its loss.`,
  ];
}

/**
 * What to take from one adapter: helped, hurt or unclear; whether it sharpened; what it cost in coverage; signs of collapse.
 * @param ground the metrics that it is one of: the baselines, and all comparisons that were declared.
 */
export function adapterFindings(
  method: MethodWords,
  adapter: AdapterMetrics,
  ground: AdapterGround,
): string[] {
  const { base } = ground;
  const name = `the ${trainedInWords(method.name, adapter)}`;
  const unchanged = baseKept(method, adapter);
  const remarks = method.remarks?.(adapter) ?? [];
  if (isBase(adapter)) return [...unchanged, ...remarks, ...collapses(method, adapter, base)].map(sentence);
  const drift = driftFinding(method.name, adapter);
  const found = [
    ...unchanged,
    ...accuracyFinding(name, adapter, ground),
    sharpeningFinding(name, adapter, ground),
    ...memorizedFinding(name, adapter),
    ...coverageFinding(name, adapter, ground),
    ...(drift === undefined ? [] : [drift]),
    ...remarks,
    ...collapses(method, adapter, base),
  ];
  return found.map(sentence);
}
