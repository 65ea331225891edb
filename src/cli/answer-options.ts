import { PROMPT_FILE_KINDS } from "../task/prompt-files.js";
import { text } from "./values.js";

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
    description: "where the answers go, a JSON line each; called again, it goes on where it stopped",
    parse: text,
    otherwise: "the terminal",
  },
  system: {
    flags: "--system <text>",
    description: "a chat model's instructions, ahead of every conversation that has none of its own",
    parse: text,
    otherwise: "none",
  },
} as const;

/** Names under which commander hands these over. */
export interface RenamedInAnswer {
  readonly promptFile: "file";
  readonly answersOut: "out";
}
