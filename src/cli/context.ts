import { showProgress, type ProgressView } from "./progress.js";

/** What a command has to do with the world: what it says, how far it is, when it is to stop. */
export interface Context {
  readonly signal: AbortSignal;
  readonly progress: ProgressView;
  /** The words after the program's name, as given. */
  readonly args: readonly string[];
  /** Milliseconds since some moment: the one clock that the library is lent. */
  now(): number;
  /** Text for people: stdout, or stderr when `--json` was given. */
  say(text: string): void;
  /** A remark that is no result: stderr. */
  note(text: string): void;
  /** The result for programs: one line on stdout if `--json` was given. */
  result(value: object): void;
}

/** The context of this process. */
export function processContext(args: readonly string[], json: boolean, signal: AbortSignal): Context {
  const progress = showProgress();
  const line = (text: string): string => (text.endsWith("\n") ? text : `${text}\n`);
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
