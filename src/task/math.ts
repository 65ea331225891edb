import { z } from "zod";
import { numericAnswer } from "./answers/numeric.js";
import { lastBoxed } from "./answers/boxed.js";
import { ownPart } from "./answers/own-part.js";
import type { LabelledSpec } from "./labelled.js";

const DIGITS = /^\s*(\d+)\s*$/;
const FRACTION = /\\[dtc]?frac|\/|\^|\\times/;

/**
 * MATH (arXiv 2103.03874), all subjects, as the paper has it: only problems whose boxed answer is digits and nothing else. A response's
 * answer is the last one that it states, as `numericAnswer` finds it; as in the data set's own check, a fraction or power in a box
 * that could be worked out to the integer is not the integer.
 */
export const math: LabelledSpec<{ readonly problem: string; readonly solution: string }> = {
  name: "math",
  version: 3,
  row: z.looseObject({ problem: z.string().min(1), solution: z.string() }),
  example: ({ problem, solution }) => {
    const label = DIGITS.exec(lastBoxed(solution) ?? "")?.[1];
    return label === undefined ? undefined : { question: problem, label: BigInt(label).toString() };
  },
  instruction: String.raw`Solve the problem step by step. Put the final answer, an integer, into \boxed{}.`,
  shot: {
    question: String.raw`What is the sum of the two solutions of $x^2 - 7x + 10 = 0$?`,
    response: String.raw`The left side factors: $x^2 - 7x + 10 = (x - 2)(x - 5)$. The solutions are $x = 2$ and $x = 5$, and their sum is $2 + 5 = 7$. The answer is $\boxed{7}$.`,
  },
  extract: (text) => {
    const own = ownPart(text);
    const box = lastBoxed(own);
    if (box !== undefined && FRACTION.test(box)) return box.replace(/\s+/g, "");
    return numericAnswer(own);
  },
};
