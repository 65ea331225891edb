import { choiceLabel } from "./answers/choice.js";
import { labelValue } from "./answers/numeric.js";
import { foldedLabel, isShortLabel } from "./answers/short-label.js";
import type { GraderName } from "./graders.js";
import { graderForQuestion } from "./question.js";

/** A grader that was chosen for a file, and why, as a clause. */
export interface ChosenGrader {
  readonly name: GraderName;
  readonly why: string;
}

/** Questions that are looked at where there are no labels, and the share of them that has to agree. */
const MOST_QUESTIONS = 500;
const AGREEMENT = 0.9;

/**
 * How the answers to a file's prompts are compared where nobody said: by its labels, `choice` where all are letters from A to J, `numeric` where
 * all are values and some are numbers, `label` where all are short words, else `exact`; without labels by the questions' wording,
 * where nine in ten agree.
 */
export function chosenGrader(labels: readonly string[], questions: readonly string[]): ChosenGrader {
  if (labels.length === 0) return byQuestions(questions.slice(0, MOST_QUESTIONS));
  const all = labels.length === 1 ? "the one label is" : `all ${labels.length} labels are`;
  if (labels.every((label) => choiceLabel(label) !== undefined))
    return { name: "choice", why: `${all} ${labels.length === 1 ? "a letter" : "letters"} from A to J` };
  const values = labels.map(labelValue);
  if (values.every((value) => value !== undefined) && values.some(({ kind }) => kind === "number"))
    return { name: "numeric", why: `${all} ${labels.length === 1 ? "a value" : "values"}` };
  if (labels.every((label) => isShortLabel(label) && foldedLabel(label) !== undefined))
    return { name: "label", why: `${all} ${labels.length === 1 ? "a word or two" : "short words"}` };
  return { name: "exact", why: "its labels are neither all values, nor all letters, nor all short words" };
}

function byQuestions(questions: readonly string[]): ChosenGrader {
  const names = questions.map(graderForQuestion);
  for (const name of ["numeric", "choice"] as const) {
    const share = names.filter((one) => one === name).length / Math.max(1, names.length);
    if (share >= AGREEMENT)
      return {
        name,
        why: `there are no labels, and the questions ask for ${name === "numeric" ? "numbers" : "choices"}`,
      };
  }
  return { name: "exact", why: "there are no labels" };
}
