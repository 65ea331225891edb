import { DataError } from "../core/errors.js";
import type { Response } from "../policy/policy.js";
import { answerMetrics, baseOf, byPrompt, checkedGreedy, factsOf, sampledOnce } from "./answers.js";
import type { Answers, BaseInputs } from "./answers.js";
import { estimateDifference, type Resamples } from "./bootstrap.js";
import type { AnswerMetrics, GainsOver } from "./metrics.js";

const BEAM = "beam search of width ";

/** What the base's beam search of a width is called, as a baseline. */
export const beamOfWidth = (width: number): string => `${BEAM}${width}`;

/** Whether a baseline is a search, which gives one response and no sample. */
export const isSearch = (name: string): boolean => name.startsWith(BEAM);

/** How many hypotheses a baseline extends: a beam's width, or the one sample. */
export const hypothesesOf = (name: string): number => (isSearch(name) ? Number(name.slice(BEAM.length)) : 1);

/** A baseline in words, among those of one policy: `one sample, temperature 0.5`, or the search that it is. */
export const baselineInWords = (name: string): string => (isSearch(name) ? name : `one sample, ${name}`);

/** What the base drew in one way other than at the run's temperature. */
export interface BaselineDraws {
  /** In words: `temperature 0.5`, or as `beamOfWidth`. */
  readonly name: string;
  /** At least one a prompt, in any order; log-probabilities at temperature 1. */
  readonly responses: readonly Response[];
}

/** What was drawn with several seeds, together: those ways in which each seed drew. */
export function mergedBaselines(bySeed: readonly (readonly BaselineDraws[])[]): BaselineDraws[] {
  return (bySeed[0] ?? []).flatMap(({ name }) => {
    const drawn = bySeed.map((own) => own.find((other) => other.name === name));
    return drawn.every((own) => own !== undefined)
      ? [{ name, responses: drawn.flatMap(({ responses }) => responses) }]
      : [];
  });
}

/** What `measureBaselines` takes. */
export interface BaselineInputs extends BaseInputs {
  readonly drawn: readonly BaselineDraws[];
}

/** One sample drawn in this way, by prompt. @throws DataError where a prompt has none. */
function answersTo(
  { task, pools }: Pick<BaseInputs, "task" | "pools">,
  { name, responses }: BaselineDraws,
): Answers {
  const own = byPrompt(responses);
  const facts = pools.map(({ prompt: { id } }) => {
    const drawn = own.get(id);
    if (drawn === undefined)
      throw new DataError(`Prompt "${id}" has no response drawn with ${name}: continue the run.`);
    return factsOf(task, id, drawn);
  });
  return sampledOnce(facts);
}

/**
 * Measures one sample of each way of drawing against the base's greedy responses, all differences paired by prompt; by name, in the
 * order given.
 * @throws UsageError without prompts; DataError where a prompt has no greedy response, or none drawn in one of the ways.
 */
export function measureBaselines(inputs: BaselineInputs): Record<string, AnswerMetrics> {
  // Whether a prompt has a label is the same for each of its responses: the greedy ones tell all that is needed of the base.
  const facts = checkedGreedy(inputs, () => 1).map((own) => factsOf(inputs.task, own.promptId, [own]));
  const { ground, greedy } = baseOf(inputs, facts, facts, 1);
  return Object.fromEntries(
    inputs.drawn.map((own) => [own.name, answerMetrics([answersTo(inputs, own)], ground, greedy)]),
  );
}

/** P(correct) of each of the base's other ways by labelled prompt, by name: graded once, for all that is compared with them. */
export type GradedBaselines = ReadonlyMap<string, readonly number[]>;

/** @throws DataError where a prompt has no response drawn in one of the ways. */
export function gradedBaselines(
  inputs: Pick<BaseInputs, "task" | "pools"> & { readonly baselines?: readonly BaselineDraws[] | undefined },
): GradedBaselines {
  return new Map((inputs.baselines ?? []).map((own) => [own.name, answersTo(inputs, own).correct]));
}

/**
 * How much more often another way of answering is right than one sample of each of these, paired by prompt; nothing where there are none.
 * @param correct P(correct) of that way by seed and labelled prompt.
 */
export function gainsOver(
  correct: readonly (readonly number[])[],
  graded: GradedBaselines,
  labelled: Resamples,
): { readonly gainOver?: GainsOver } {
  if (graded.size === 0) return {};
  return {
    gainOver: Object.fromEntries(
      [...graded].map(([name, own]) => [name, estimateDifference(correct, own, labelled, "share")]),
    ),
  };
}
