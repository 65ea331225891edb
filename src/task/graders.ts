import { z } from "zod";
import { OwnCodeError } from "../core/errors.js";
import { OWN_MODULE, unknownName } from "../core/names.js";
import { isModulePath, loadModule } from "../core/own-module.js";
import { choiceAnswer, choiceLabel } from "./answers/choice.js";
import { exactAnswer } from "./answers/exact.js";
import { labelValue, numericValue } from "./answers/numeric.js";
import { ownPart } from "./answers/own-part.js";
import { patternExtractor } from "./answers/pattern.js";
import { remembered } from "./answers/remembered.js";
import { foldedLabel, shortLabel } from "./answers/short-label.js";

/** What a label means, in the form in which the grader compares. */
export interface Label {
  /** Canonical: equal labels are equal texts. */
  readonly text: string;
  /** Of a percentage, the number before the sign. */
  readonly figure?: string;
}

/** How a user's labels are compared with responses. */
export interface Grader {
  /** One of `GraderName`, or what one's own is called. */
  readonly name: string;
  /** One sentence for `--help`. */
  readonly description: string;
  /** Changes whenever answers may come out differently; part of the task's digest. */
  readonly version: number;
  /** The answer in a text, canonical so that equal answers are equal strings; undefined if there is none. */
  readonly extract: (text: string) => string | undefined;
  /** What a label in the file means; undefined if it cannot be an answer of this kind. */
  readonly label: (answer: string) => Label | undefined;
  /** Whether a response gives the answer that a label means. */
  readonly agrees: (label: Label, text: string) => boolean;
  /** What a label must be, for the error message. */
  readonly expects: string;
  /** Whether labels are compared at all. */
  readonly grades: boolean;
}

type NamedGrader = "exact" | "label" | "numeric" | "choice" | "none";

/** A grader's name; a pattern of the user's own stands in it. */
export type GraderName = NamedGrader | `regex:${string}`;

const REGEX = "regex:";

const GRADERS: Readonly<Record<NamedGrader, Grader>> = {
  exact: byText({
    name: "exact",
    description: "the response's last line is the label, to the letter (white space aside)",
    version: 2,
    extract: exactAnswer,
    label: exactAnswer,
    expects: "text",
    grades: true,
  }),
  label: byText({
    name: "label",
    description:
      "the word or two that the response gives as its answer are the label (case, dots and quotes aside)",
    version: 4,
    extract: (text) => shortLabel(ownPart(text)),
    label: foldedLabel,
    expects: "a word or two",
    grades: true,
  }),
  numeric: {
    name: "numeric",
    description:
      "the value that the response gives as its answer equals the label's: 3/4, 0.75 and \\frac{3}{4} are one (units aside)",
    version: 5,
    extract: (text) => statedValue(text)?.text,
    label: labelValue,
    agrees: agreesInValue,
    expects: "one value, such as 18, 3/4, 2.5 million, 25 cm^2 or [0, 1)",
    grades: true,
  },
  choice: byText({
    name: "choice",
    description: "the letter (A to J) that the response chooses is the label's",
    version: 5,
    extract: (text) => choiceAnswer(ownPart(text)),
    label: choiceLabel,
    expects: "a letter from A to J",
    grades: true,
  }),
  none: byText({
    name: "none",
    description: "nothing is graded, also where the file has labels (last lines are compared for agreement)",
    version: 2,
    extract: exactAnswer,
    label: exactAnswer,
    expects: "text",
    grades: false,
  }),
};

/** The graders' names, for `--help` and errors; `regex:` stands for any pattern. */
export const graderNames: readonly string[] = [
  ...Object.keys(GRADERS).filter((name) => name !== "none"),
  "regex:<pattern>",
  "none",
];

/** What each grader does, for `--help`: `name: sentence`. */
export const graderDescriptions: readonly string[] = [
  ...Object.values(GRADERS).filter(({ grades }) => grades),
  {
    name: "regex:<pattern>",
    description: "what the pattern's first group finds last is the label (RE2's syntax, in linear time)",
  },
  GRADERS.none,
].map(({ name, description }) => `${name}: ${description}`);

/** Whether a grader has this name. */
export function isGraderName(name: string): name is GraderName {
  return Object.hasOwn(GRADERS, name) || (name.startsWith(REGEX) && name.length > REGEX.length);
}

/** The grader of that name. @throws UsageError listing the names, if there is none, and for a pattern that cannot be used. */
export function graderNamed(name: string): Grader {
  const grader = named(name);
  ours.add(grader);
  return grader;
}

const ours = new WeakSet<Grader>();

/** Whether a grader is what `graderNamed` gives for its name, and not somebody's own. */
export function isNamedGrader(grader: Grader): boolean {
  return ours.has(grader);
}

function named(name: string): Grader {
  if (Object.hasOwn(GRADERS, name)) return GRADERS[name as NamedGrader];
  if (!isGraderName(name)) throw unknownName("grader", name, graderNames, OWN_MODULE);
  const extract = patternExtractor(name.slice(REGEX.length));
  const asWritten = (answer: string): string | undefined => answer.trim().replace(/\s+/g, " ") || undefined;
  return byText({
    name,
    description: "what the pattern finds last is the label",
    version: 1,
    extract,
    label: (answer) => extract(answer) ?? asWritten(answer),
    expects: "text",
    grades: true,
  });
}

/**
 * The grader of a name, or of a module of one's own (`./mine.js`).
 * @throws UsageError for a name that there is not; as `graderNamed` and `loadModule`; OwnCodeError for a name that is taken.
 */
export async function findGrader(word: string): Promise<Grader> {
  if (!isModulePath(word)) return graderNamed(word);
  const own = await loadModule<Grader>(word, "grader", shape);
  if (!isGraderName(own.name)) return own;
  throw new OwnCodeError(`${word} names its grader ${own.name}, as one of ours is; give it another name.`);
}

const method = z.custom<unknown>((value) => typeof value === "function", "must be a function");
const shape = z.object({
  name: z.string().regex(/^[A-Za-z][\w.-]{0,63}$/, "must be letters, digits, dots and dashes"),
  description: z.string(),
  version: z.number(),
  extract: method,
  label: method,
  agrees: method,
  expects: z.string(),
  grades: z.boolean(),
});

type TextGrader = Omit<Grader, "label" | "agrees"> & {
  readonly label: (answer: string) => string | undefined;
};

/** A grader whose answers are right if they are the label's text. */
function byText({ label, ...grader }: TextGrader): Grader {
  const extract = remembered(grader.extract);
  return {
    ...grader,
    extract,
    label: (answer) => {
      const text = label(answer);
      return text === undefined ? undefined : { text };
    },
    agrees: (wanted, text) => extract(text) === wanted.text,
  };
}

/** The value that a response gives as its answer. */
const statedValue = remembered((text: string) => numericValue(ownPart(text)));

/** Equal in value; and a percentage agrees with its figure alone, since who asks for a percentage gets 25 for 25 %. */
function agreesInValue(label: Label, text: string): boolean {
  const value = statedValue(text);
  if (value === undefined) return false;
  if (value.text === label.text) return true;
  return value.figure === undefined
    ? label.figure === value.text
    : label.figure === undefined && value.figure === label.text;
}
