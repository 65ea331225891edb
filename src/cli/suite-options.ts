import { UsageError } from "../core/errors.js";
import { camelCase } from "../core/names.js";
import { PAPER_REWARD } from "../reproduce/learned-rewards.js";
import { PAPER_METHOD } from "../reproduce/paper-settings.js";
import { PAPER_SWEEP, type SweepAxis } from "../reproduce/sweep.js";
import { rewards } from "../reward/registry.js";
import { methods } from "../sharpen/methods/registry.js";
import { flag } from "./option-spec.js";
import { severalWords, someOf, splitWords, text, wholeNumber, type Parse } from "./values.js";

const words = severalWords();

/** Whole numbers of at least 1, as `words`. */
const counts: Parse<readonly number[]> = (value, flag, previous) => {
  const given = words(value, flag, undefined).map((word) => wholeNumber(1)(word, flag, undefined));
  return [...new Set([...((previous as readonly number[] | undefined) ?? []), ...given])];
};

/** `task=path`, as `words`. */
const taskPaths: Parse<readonly string[]> = (value, flag, previous) => {
  const pairs = words(value, flag, previous);
  const wrong = pairs.find((pair) => !/^[^=]+=./.test(pair));
  if (wrong === undefined) return pairs;
  throw new UsageError(
    `${flag} takes the name of a task and its rows, as in gsm8k=gsm8k/test.jsonl, not ${JSON.stringify(wrong)}.`,
  );
};

/** `setting=value,value`, by repeating the option; `paper` for App. A.3's. */
const axes: Parse<readonly SweepAxis[]> = (value, flag, previous) => {
  const before = (previous as readonly SweepAxis[] | undefined) ?? [];
  if (value === "paper") return [...before, ...PAPER_SWEEP];
  const [, name, list = ""] = /^([a-z][a-z-]*)=(.+)$/.exec(value) ?? [];
  const values = splitWords(list);
  if (name === undefined || values.length === 0)
    throw new UsageError(
      `${flag} takes a setting and its values, as in rank=8,16, or paper, not ${JSON.stringify(value)}.`,
    );
  return [...before, { setting: camelCase(name), values: [...new Set(values)] }];
};

/** The options of `whetstone reproduce` that no other command has, or that mean another thing there. */
export const SUITE_OPTIONS = {
  models: {
    flags: "--models <names>",
    description: "models, repeated or with commas: each as --model elsewhere",
    parse: words,
    otherwise: "game24",
  },
  tasks: {
    flags: "--tasks <names>",
    description: "tasks, repeated or with commas: each as --task elsewhere",
    parse: words,
    otherwise: "game24",
  },
  taskData: {
    flags: "--data <task=path>",
    description: "the rows of a public data set's task, repeated or with commas",
    parse: taskPaths,
    otherwise: "what the Hugging Face cache has",
  },
  suitePrompts: {
    flags: "--prompts <count>",
    description: "measure on the first <count> prompts of each task only",
    parse: wholeNumber(1),
    otherwise: "256, as in the paper",
  },
  drawSeeds: {
    flags: "--seeds <count>",
    description: "how many seeds to draw with",
    parse: wholeNumber(1),
    otherwise: "10, as in the paper",
  },
  trainingSeeds: {
    flags: "--seeds <count>",
    description: "how many seeds to train with",
    parse: wholeNumber(1),
    otherwise: "3, as in the paper",
  },
  redraw: flag(
    "--redraw",
    "let each seed draw from the base anew, so that intervals have the variance of drawing and of training (the paper's seeds share draws)",
  ),
  suiteMethods: {
    flags: "--methods <names>",
    description: `ways to train, repeated or with commas: ${Object.keys(methods).join(", ")}`,
    parse: someOf(Object.keys(methods), "method"),
    otherwise: `${PAPER_METHOD}, as in the paper`,
  },
  rewards: {
    flags: "--rewards <names>",
    description: `self-rewards whose preferences are learned, repeated or with commas: ${Object.keys(rewards).join(", ")}`,
    parse: someOf(Object.keys(rewards), "reward"),
    otherwise: `${PAPER_REWARD}, as in the paper`,
  },
  sweep: {
    flags: "--sweep <setting=values>",
    description:
      "train once for each value of a setting, and for each combination where repeated, such as weight-decay=0,0.1 or a method's own " +
      "optimism=0,0.04; paper: the ranks and weight decays of its tables",
    parse: axes,
    otherwise: "no sweep",
  },
  trainNs: {
    flags: "--train-n <counts>",
    description:
      "responses per training prompt, repeated or with commas; the largest is that of tables 1 and 2",
    parse: counts,
    otherwise: "10,25,50, as in the paper's figure 9",
  },
  out: {
    flags: "--out <folder>",
    description: "where the cells' run folders, the page and its figures go",
    parse: text,
    otherwise: "runs/reproduce-inference or runs/reproduce-amortized",
  },
} as const;

/** Names under which commander hands these over: their flags are other commands' too. */
export interface RenamedInSuites {
  readonly taskData: "data";
  readonly suitePrompts: "prompts";
  readonly drawSeeds: "seeds";
  readonly trainingSeeds: "seeds";
  readonly suiteMethods: "methods";
  readonly trainNs: "trainN";
}
