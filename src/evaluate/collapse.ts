import { change, decimal, percent } from "./findings-words.js";
import {
  trainedInWords,
  type AdapterMetrics,
  type AnswerMetrics,
  type EpochMetrics,
  type Estimate,
} from "./metrics.js";

/** Responses shorter than this share of the base's, or longer by its inverse, are a collapse. */
const LENGTH = 0.5;
/** So much more of a response is repetition than in the base's. */
const REPETITION = 0.2;
/** Less than this share of the base's entropy is left: one response to each prompt. */
const ENTROPY = 0.05;
/** Less than this share of the base's coverage is left. */
const COVERAGE = 0.5;

/** A method as findings speak of it. */
export interface MethodWords {
  readonly name: string;
  /** What its iterates are called. */
  readonly iterate: "epoch" | "round";
  /** What there is to say of its training besides, in whole sentences, from the adapter's metrics; absent: nothing. */
  remarks?(adapter: AdapterMetrics): readonly string[];
}

/** Whether no iterate was better than the base, so that the adapter changes nothing. */
export const isBase = ({
  epochs,
  keptEpoch,
  start,
}: Pick<AdapterMetrics, "epochs" | "keptEpoch" | "start">): boolean =>
  epochs.length > 1 && keptEpoch === 0 && start === undefined;

/** What the guards look at: an iterate's figures on held-out prompts. */
export type Guarded = Partial<
  Pick<EpochMetrics, "length" | "repetition" | "entropy" | "coverage" | "samples">
>;

/** Whether two estimates' intervals do not meet. */
const apart = (a: Estimate, b: Estimate): boolean => a.high < b.low || b.high < a.low;

/**
 * The signs that a policy trained on its own scores has collapsed, each in words; none in the usual case. Self-reward training
 * is known to end in responses that are short, endless, circling, always the same, or right for no prompt that needs luck.
 * Something is called a sign where it is far from the base and the intervals do not meet.
 */
export function collapseSigns(base: Guarded, now: Guarded): string[] {
  const signs: string[] = [];
  const both = (name: Exclude<keyof Guarded, "samples">): readonly [Estimate, Estimate] | undefined => {
    const [a, b] = [base[name], now[name]];
    return a && b && apart(a, b) ? [a, b] : undefined;
  };
  const length = both("length");
  if (length && (length[1].value < LENGTH * length[0].value || length[1].value * LENGTH > length[0].value)) {
    signs.push(
      `it answers in ${decimal(length[1].value)} tokens where the base takes ${decimal(length[0].value)}`,
    );
  }
  const repetition = both("repetition");
  if (repetition && repetition[1].value >= repetition[0].value + REPETITION) {
    signs.push(
      `it repeats itself, with ${percent(repetition[1].value)} of its trigrams said before (the base: ${percent(repetition[0].value)})`,
    );
  }
  const entropy = both("entropy");
  if (entropy && entropy[1].value < ENTROPY * entropy[0].value) {
    signs.push(
      `it says one thing to each prompt, with an entropy of ${decimal(entropy[1].value, 2)} nats (the base: ${decimal(entropy[0].value, 2)})`,
    );
  }
  const coverage = both("coverage");
  if (coverage && coverage[1].value < COVERAGE * coverage[0].value) {
    const at = now.samples === undefined ? "" : ` at ${now.samples}`;
    signs.push(
      `its coverage${at} is ${percent(coverage[1].value)} where the base has ${percent(coverage[0].value)}`,
    );
  }
  return signs;
}

/**
 * The Model Collapse Step of a training (arXiv 2603.08660), told without labels: its first iterate with a sign of collapse, as the curve
 * goes by epochs or rounds. The sooner it comes, the less the base's own rewards can teach it. Undefined where none collapsed.
 */
function modelCollapseStep(iterates: readonly Iterate[]): Iterate | undefined {
  return iterates.find(({ signs }) => signs.length > 0);
}

interface Iterate {
  readonly epoch: number;
  readonly signs: readonly string[];
}

const iteratesOf = ({ epochs }: Pick<AdapterMetrics, "epochs">, base: AnswerMetrics): Iterate[] =>
  epochs.map((epoch) => ({
    epoch: epoch.epoch,
    signs: collapseSigns(epochs[0]?.length ? epochs[0] : base, epoch),
  }));

/**
 * Says that the kept iterate has collapsed, in a sentence; none where it has not.
 * @param who its subject.
 * @param base as in `collapses`.
 */
export function collapseOfKept(
  who: string,
  adapter: Pick<AdapterMetrics, "epochs" | "keptEpoch" | "length">,
  base: AnswerMetrics,
): string[] {
  const kept = iteratesOf(adapter, base).find(({ epoch }) => epoch === adapter.keptEpoch)?.signs ?? [];
  // Without a curve there is still what the adapter answered in the end.
  const signs = kept.length > 0 ? kept : collapseSigns({ length: base.length }, { length: adapter.length });
  return signs.length === 0
    ? []
    : [`${who} has collapsed: ${signs.join("; ")}. Do not use it, and train it more gently.`];
}

/**
 * Names a collapse of an adapter or of its training, in a sentence each; none where there is none.
 * @param base the base sampled once on the same prompts.
 */
export function collapses(
  { name: method, iterate: unit }: MethodWords,
  adapter: AdapterMetrics,
  base: AnswerMetrics,
): string[] {
  const { keptEpoch } = adapter;
  const collapsed = collapseOfKept(`The ${trainedInWords(method, adapter)}`, adapter, base);
  if (collapsed.length > 0) return collapsed;
  const first = modelCollapseStep(iteratesOf(adapter, base));
  if (!first) return [];
  return [
    `Training ${method} collapsed in ${unit} ${first.epoch}, its model collapse step: ${first.signs.join("; ")}. ` +
      (isBase(adapter)
        ? `The adapter is the untouched base.`
        : `The adapter is that of ${unit} ${keptEpoch}, which shows no sign of it.`),
  ];
}

/** How far the kept iterate is from the base, in a sentence; undefined where the curve does not tell. */
export function driftFinding(method: string, adapter: AdapterMetrics): string | undefined {
  const { epochs, keptEpoch } = adapter;
  const kept = epochs.find(({ epoch }) => epoch === keptEpoch);
  const before = epochs[0]?.entropy;
  if (!kept?.kl || !kept.entropy || !before || keptEpoch === 0) return undefined;
  return (
    `The ${trainedInWords(method, adapter)} is ${change(kept.kl, "nats").replace(/^\+/, "")} from the base (KL), and its entropy is ` +
    `${decimal(kept.entropy.value)} nats where the base's is ${decimal(before.value)}.`
  );
}
