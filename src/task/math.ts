import { z } from "zod";
import { boxedNumber, numericAnswer } from "./answers/numeric.js";
import { lastBoxed } from "./answers/boxed.js";
import { ownPart } from "./answers/own-part.js";
import type { LabelledSpec } from "./labelled.js";

const INTEGER = /^-?\d+$/;

/**
 * MATH (arXiv 2103.03874), all subjects, as the paper has it: only problems whose boxed answer is an integer. A response's
 * answer is its last box, or else the number that it gives, as `numericAnswer` finds it; as in the data set's own check, a
 * fraction that could be reduced to the integer is not the integer.
 */
export const math: LabelledSpec<{ readonly problem: string; readonly solution: string }> = {
  name: "math",
  version: 1,
  row: z.looseObject({ problem: z.string().min(1), solution: z.string() }),
  example: ({ problem, solution }) => {
    const label = boxedNumber(lastBoxed(solution) ?? "");
    return label !== undefined && INTEGER.test(label) ? { question: problem, label } : undefined;
  },
  instruction: String.raw`Solve the problem step by step. Put the final answer, an integer, into \boxed{}.`,
  shot: {
    question: String.raw`What is the sum of the two solutions of $x^2 - 7x + 10 = 0$?`,
    response: String.raw`The left side factors: $x^2 - 7x + 10 = (x - 2)(x - 5)$. The solutions are $x = 2$ and $x = 5$, and their sum is $2 + 5 = 7$. The answer is $\boxed{7}$.`,
  },
  extract: (text) => numericAnswer(ownPart(text)),
};
