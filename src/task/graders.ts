import { choiceAnswer } from "./answers/choice.js";
import { exactAnswer } from "./answers/exact.js";
import { numericAnswer } from "./answers/numeric.js";

/** How a user's labels are compared with responses. */
export interface Grader {
  readonly name: string;
  /** One sentence for `--help`. */
  readonly description: string;
  /** Changes whenever answers may come out differently; part of the task's digest. */
  readonly version: number;
  /** The answer in a text, canonical so that equal answers are equal strings; undefined if there is none. */
  readonly extract: (text: string) => string | undefined;
  /** What a label in the file means, in the same form; undefined if it cannot be an answer of this kind. */
  readonly label: (answer: string) => string | undefined;
  /** What a label must be, for the error message. */
  readonly expects: string;
  /** Whether labels are compared at all. */
  readonly grades: boolean;
}

const GRADERS = {
  exact: {
    name: "exact",
    description: "the response's last line equals the answer's, white space aside",
    version: 2,
    extract: exactAnswer,
    label: exactAnswer,
    expects: "text",
    grades: true,
  },
  numeric: {
    name: "numeric",
    description: "the number that the response ends with, or says is the answer, equals the answer's",
    version: 1,
    extract: numericAnswer,
    label: numericAnswer,
    expects: "a number",
    grades: true,
  },
  choice: {
    name: "choice",
    description: "the letter (A to J) that the response chooses equals the answer's",
    version: 1,
    extract: choiceAnswer,
    label: choiceLabel,
    expects: "a letter from A to J",
    grades: true,
  },
  none: {
    name: "none",
    description: "no grading, also where the file has answers; last lines are compared for agreement",
    version: 2,
    extract: exactAnswer,
    label: exactAnswer,
    expects: "text",
    grades: false,
  },
} as const satisfies Readonly<Record<string, Grader>>;

export type GraderName = keyof typeof GRADERS;

/** The graders' names, for `--help` and errors. */
export const graderNames = Object.keys(GRADERS) as readonly GraderName[];

/** Whether a grader has this name. */
export function isGraderName(name: string): name is GraderName {
  return Object.hasOwn(GRADERS, name);
}

/** The grader of a name. */
export function graderNamed(name: GraderName): Grader {
  return GRADERS[name];
}

/** A label is the letter alone, also as `(B)`, `B.` or `b`: a label that needs to be searched for is a mistake. */
function choiceLabel(answer: string): string | undefined {
  return /^\(?([A-J])\)?[.:]?$/i.exec(answer.trim())?.[1]?.toUpperCase();
}
