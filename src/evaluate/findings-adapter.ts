import { collapses, driftFinding, isBase, type MethodWords } from "./collapse.js";
import { change, decimal, directionOf, percent, sentence } from "./findings-words.js";
import type { AdapterMetrics, AnswerMetrics } from "./metrics.js";

/** Whether the adapter's single sample became more often right. */
function accuracyFinding(
  name: string,
  adapter: AdapterMetrics,
  base: AnswerMetrics,
  prompts: number,
): string[] {
  const { accuracy, accuracyGain, liftPoints } = adapter;
  if (!accuracy || !accuracyGain || !base.accuracy) return [];
  const figures =
    `sampled once it is right on ${percent(accuracy.value)} of the prompts, the base on ${percent(base.accuracy.value)} ` +
    `(${change(accuracyGain, "points")})`;
  const verdict = {
    up: `${name} helped`,
    down: `${name} hurt`,
    unclear: `It is not clear whether ${name} helped`,
  };
  const found = [`${verdict[directionOf(accuracyGain, prompts)]}: ${figures}.`];
  const greedy = directionOf(liftPoints, prompts);
  if (liftPoints && greedy === "up")
    found.push(`One sample from ${name} beats the base's greedy response (${change(liftPoints, "points")}).`);
  if (liftPoints && greedy === "down") {
    found.push(
      `One sample from ${name} is still worse than the base's greedy response (${change(liftPoints, "points")}).`,
    );
  }
  return found;
}

/** Whether it sharpened: moved its mass to what the base finds likely. */
function sharpeningFinding(name: string, adapter: AdapterMetrics, prompts: number): string {
  const gain = change(adapter.logLikelihoodGain, "nats");
  switch (directionOf(adapter.logLikelihoodGain, prompts, "nats")) {
    case "up":
      return `${name} answers with what the base finds likelier (${gain} in log-likelihood under the base).`;
    case "down":
      return `${name} answers with what the base finds less likely (${gain} in log-likelihood under the base): it did not sharpen the base.`;
    case "unclear":
      return `${name} does not clearly change how likely its responses are under the base (${gain}).`;
  }
}

/** What it costs: mass on one answer is mass taken from others. */
function coverageFinding(name: string, adapter: AdapterMetrics, prompts: number): string[] {
  const n = Math.max(0, ...Object.keys(adapter.coverageChange ?? {}).map(Number));
  const difference = adapter.coverageChange?.[String(n)];
  const coverage = adapter.coverage?.[String(n)];
  if (!difference || !coverage || n < 2) return [];
  const figures = `${percent(coverage.value - difference.value)} to ${percent(coverage.value)} (${change(difference, "points")})`;
  switch (directionOf(difference, prompts)) {
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
  if (base === undefined || !isBase(adapter)) return [];
  const best = trained.reduce((a, b) => (b.validationLoss < a.validationLoss ? b : a));
  // What is minimized is −J_β where a method has an objective, and else a loss.
  const [named, sign] = base.objective ? ["J_β", -1] : ["a loss of", 1];
  const [reached, before] = [best, base].map(({ validationLoss }) => decimal(sign * validationLoss, 3));
  const judged = `${named} ${reached} at best, the base ${before}`;
  return [
    `No ${unit} of ${method} was better than the base on the validation prompts (${judged}), so the adapter is the base, ` +
      `unchanged. More training prompts, more responses to each or a lower learning rate may do better; or keep the ` +
      `last ${unit}, whatever its loss.`,
  ];
}

/**
 * What to take from one adapter: helped, hurt or unclear; whether it sharpened; what it cost in coverage; signs of collapse.
 * @param base the base sampled once on the same prompts.
 * @param prompts how many were measured, and of these how many with a label.
 */
export function adapterFindings(
  method: MethodWords,
  adapter: AdapterMetrics,
  base: AnswerMetrics,
  prompts: number,
  labelledPrompts: number,
): string[] {
  const name = `the ${method.name} adapter`;
  const unchanged = baseKept(method, adapter);
  const remarks = method.remarks?.(adapter) ?? [];
  if (unchanged.length > 0)
    return [...unchanged, ...remarks, ...collapses(method, adapter, base)].map(sentence);
  const drift = driftFinding(method.name, adapter);
  const found = [
    ...accuracyFinding(name, adapter, base, labelledPrompts),
    sharpeningFinding(name, adapter, prompts),
    ...coverageFinding(name, adapter, labelledPrompts),
    ...(drift === undefined ? [] : [drift]),
    ...remarks,
    ...collapses(method, adapter, base),
  ];
  return found.map(sentence);
}
