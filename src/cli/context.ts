import { visibleText } from "../core/visible-text.js";
import { createInterface } from "node:readline/promises";
import { showProgress, type ProgressView } from "./progress.js";

/** What a command has to do with the world: what it says, how far it is, when it is to stop. */
export interface Context {
  readonly signal: AbortSignal;
  readonly progress: ProgressView;
  /** The words after the program's name, as given. */
  readonly args: readonly string[];
  /** Milliseconds since some moment: the one clock that the library is lent. */
  now(): number;
  /** Text for people, control characters made visible: stdout, or stderr when `--json` was given. */
  say(text: string): void;
  /** A remark that is no result: stderr. */
  note(text: string): void;
  /** Asks something that is answered with yes or no; undefined where nobody is at a terminal to be asked. No is the default. */
  confirm(question: string): Promise<boolean | undefined>;
  /** The result for programs: one line on stdout if `--json` was given. */
  result(value: object): void;
}

/** The context of this process. */
export function processContext(args: readonly string[], json: boolean, signal: AbortSignal): Context {
  const progress = showProgress();
  // What models and files say must not act on the terminal; `result` gives it to programs as it is.
  const line = (text: string): string => visibleText(text.endsWith("\n") ? text : `${text}\n`);
  return {
    signal,
    progress,
    args,
    now: () => performance.now(),
    say: (text) => {
      progress.stop();
      (json ? process.stderr : process.stdout).write(line(text));
    },
    note: (text) => {
      progress.stop();
      process.stderr.write(line(text));
    },
    confirm: async (question) => {
      progress.stop();
      if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `, { signal })).trim());
      } finally {
        lines.close();
      }
    },
    result: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
    },
  };
}
