import { z } from "zod";
import { DataError } from "../core/errors.js";
import { labelValue, numericValue } from "./answers/numeric.js";
import type { Value } from "./answers/whole-value.js";
import { ownPart } from "./answers/own-part.js";
import type { LabelledSpec } from "./labelled.js";

/**
 * GSM8k (arXiv 2110.14168): word problems of primary school. The public rows' `answer` reasons in words and ends with
 * `#### 18`. A response's answer is its number, as `numericValue` finds it, and of a percentage the number before the sign, as the labels have it.
 */
export const gsm8k: LabelledSpec<{ readonly question: string; readonly answer: string }> = {
  name: "gsm8k",
  version: 3,
  row: z.looseObject({ question: z.string().min(1), answer: z.string() }),
  example: ({ question, answer }, where) => {
    const mark = answer.lastIndexOf("####");
    const label = mark < 0 ? undefined : figureOf(labelValue(answer.slice(mark)));
    if (label === undefined)
      throw new DataError(`${where} has an "answer" that does not end with "#### <number>".`);
    return { question, label };
  },
  instruction: 'Solve the problem step by step. End with a line "#### " and the answer as a number.',
  shot: {
    question:
      "A baker makes 4 trays of 12 rolls. He keeps 6 rolls for his family and sells the rest for $2 each. How many dollars does he earn?",
    response:
      "He makes 4 * 12 = 48 rolls.\nHe sells 48 - 6 = 42 rolls.\nHe earns 42 * 2 = 84 dollars.\n#### 84",
  },
  extract: (text) => figureOf(numericValue(ownPart(text))),
};

function figureOf(value: Value | undefined): string | undefined {
  return value?.figure ?? value?.text;
}
