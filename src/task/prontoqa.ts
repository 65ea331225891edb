import { z } from "zod";
import { DataError } from "../core/errors.js";
import { ownPart } from "./answers/own-part.js";
import { withoutThinking } from "./answers/thinking.js";
import { truthAnswer } from "./answers/truth.js";
import type { LabelledSpec } from "./labelled.js";

/**
 * ProntoQA (arXiv 2210.01240): is a statement true or false, given rules about invented kinds? Rows are those that the
 * authors' generator writes: `question` (the rules), `query` ("True or false: Max is bright.") and `answer`. The example
 * answers as they do, with the chain of facts and rules; a response's answer is its verdict, as `truthAnswer` finds it.
 */
export const prontoqa: LabelledSpec<{
  readonly question: string;
  readonly query: string;
  readonly answer: string;
}> = {
  name: "prontoqa",
  version: 2,
  row: z.looseObject({ question: z.string().min(1), query: z.string().min(1), answer: z.string() }),
  example: ({ question, query, answer }, where) => {
    const label = /^\s*(?:(true)|false)\s*$/i.exec(answer);
    if (label === null) throw new DataError(`${where} has an "answer" that is neither "True" nor "False".`);
    return { question: `${question} ${query}`, label: label[1] === undefined ? "False" : "True" };
  },
  instruction:
    "Decide whether the statement follows from the facts. Reason step by step, and end with the answer, True or False.",
  shot: {
    question:
      "Every dax is a wug. Each wug is not cold. Wugs are feps. Feps are tall. Each blick is cold. Every fep is a gorp. Rex is a dax. True or false: Rex is not tall.",
    response:
      "Rex is a dax. Every dax is a wug. Rex is a wug. Wugs are feps. Rex is a fep. Feps are tall. Rex is tall. The answer is False.",
  },
  chance: 1 / 2,
  extract: (text) => truthAnswer(withoutThinking(ownPart(text))),
};
