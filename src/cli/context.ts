import { visibleText } from "../core/visible-text.js";
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
    result: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
    },
  };
}
