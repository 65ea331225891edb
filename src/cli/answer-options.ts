import { UsageError } from "../core/errors.js";
import { PROMPT_FILE_KINDS } from "../task/prompt-files.js";
import { flag } from "./option-spec.js";
import { SEVERAL, taking, text, type Parse } from "./values.js";

/** Texts, one each time that the option is given; `\n`, `\t` and `\\` are what they are in programs. */
const texts: Parse<readonly string[]> = taking(SEVERAL, (value, flag, previous) => {
  if (value === "") throw new UsageError(`${flag} needs a text; it is empty.`);
  const plain = value.replace(/\\([nt\\])/g, (_, letter: string) => ({ n: "\n", t: "\t" })[letter] ?? "\\");
  return [...new Set([...((previous as readonly string[] | undefined) ?? []), plain])];
});

function share(holds: (value: number) => boolean, range: string): Parse<number> {
  return taking({ type: "number", minimum: 0, maximum: 1 }, (value, flag) => {
    const number = value.trim() === "" ? NaN : Number(value);
    if (holds(number)) return number;
    throw new UsageError(`${flag} must be a number ${range}, not ${JSON.stringify(value)}.`);
  });
}

/** The options of `whetstone answer` that no other command has. */
export const ANSWER_OPTIONS = {
  promptFile: {
    flags: "-f, --file <prompts>",
    description: `answer every prompt of a file (${PROMPT_FILE_KINDS})`,
    parse: text,
    otherwise: "the prompts on the command line",
  },
  answersOut: {
    flags: "-o, --out <file.jsonl>",
    description: "where to write the answers, one JSON line each; run again, it continues where it stopped",
    parse: text,
    otherwise: "the terminal",
  },
  system: {
    flags: "--system <text>",
    description: "system prompt of a chat model, for every conversation that has none of its own",
    parse: text,
    otherwise: "none",
  },
  withGreedy: flag(
    "--with-greedy",
    "draw the greedy response, too, as one more candidate (number −1): samples are cut short as soon as they cannot beat it",
  ),
  stop: {
    flags: "--stop <text>",
    description: "end a response before this text; \\n is a new line; may be repeated",
    parse: texts,
    otherwise: "none",
  },
  topP: {
    flags: "--top-p <number>",
    description: "draw only from the smallest set of likeliest tokens whose probabilities sum to this",
    parse: share((value) => value > 0 && value <= 1, "above 0 and at most 1"),
    otherwise: "1: all tokens",
  },
  minP: {
    flags: "--min-p <number>",
    description: "draw only from tokens at least this fraction as likely as the likeliest one",
    parse: share((value) => value >= 0 && value < 1, "at least 0 and below 1"),
    otherwise: "0: all tokens",
  },
} as const;

/** Names under which commander hands these over. */
export interface RenamedInAnswer {
  readonly promptFile: "file";
  readonly answersOut: "out";
}
