import { z } from "zod";
import { choiceAnswer } from "./answers/choice.js";
import { ownPart } from "./answers/own-part.js";
import type { LabelledSpec } from "./labelled.js";

const LETTERS = "ABCD";

interface MmluRow {
  readonly question: string;
  readonly subject: string;
  readonly choices: readonly string[];
  readonly answer: number;
}

interface Shot {
  readonly question: string;
  readonly choices: readonly [string, string, string, string];
  readonly reasoning: string;
  readonly letter: string;
}

/**
 * A subject of MMLU (arXiv 2009.03300): questions with four choices. Rows of other subjects are left out. A response's answer
 * is the letter that it chooses, as `choiceAnswer` finds it.
 */
function mmlu(subject: string, shot: Shot): LabelledSpec<MmluRow> {
  return {
    name: `mmlu-${subject.replaceAll("_", "-")}`,
    version: 3,
    row: z.looseObject({
      question: z.string().min(1),
      subject: z.string(),
      choices: z.array(z.string()).length(LETTERS.length, "must be four texts"),
      answer: z.int().min(0).max(3),
    }),
    example: (row) =>
      row.subject === subject ? { question: withChoices(row), label: LETTERS[row.answer]! } : undefined,
    instruction: 'Choose the right answer. Reason briefly, and end with "The answer is (X)."',
    shot: { question: withChoices(shot), response: `${shot.reasoning} The answer is (${shot.letter}).` },
    chance: 1 / LETTERS.length,
    extract: (text) => choiceAnswer(ownPart(text), "D"),
  };
}

function withChoices({ question, choices }: Pick<MmluRow, "question" | "choices">): string {
  return [question, ...choices.map((choice, at) => `(${LETTERS[at]!}) ${choice}`)].join("\n");
}

export const mmluCollegeBiology = mmlu("college_biology", {
  question: "Which part of a eukaryotic cell makes most of its ATP?",
  choices: ["the nucleus", "the mitochondrion", "the ribosome", "the Golgi apparatus"],
  reasoning:
    "The nucleus holds the genome, ribosomes make proteins and the Golgi apparatus sorts them. Oxidative phosphorylation, which makes most ATP, takes place in the mitochondrion.",
  letter: "B",
});

export const mmluCollegePhysics = mmlu("college_physics", {
  question: "A stone falls freely from rest. How far has it fallen after 3 s, if g = 10 m/s^2?",
  choices: ["15 m", "30 m", "45 m", "90 m"],
  reasoning: "From rest, the distance is g t^2 / 2 = 10 * 9 / 2 = 45 m.",
  letter: "C",
});

export const mmluCollegeChemistry = mmlu("college_chemistry", {
  question: "What is the pH of a 0.001 M solution of HCl in water at 25 degrees Celsius?",
  choices: ["3", "1", "7", "11"],
  reasoning: "HCl is a strong acid, so [H+] = 0.001 M, and the pH is -log10(0.001) = 3.",
  letter: "A",
});
