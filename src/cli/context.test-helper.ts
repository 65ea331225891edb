import { showProgress } from "./progress.js";
import type { Context } from "./context.js";

/** A context that keeps what is said, noted and told to programs. */
export function keepingContext(
  args: readonly string[] = [],
  answer?: boolean,
): Context & {
  readonly said: string[];
  readonly noted: string[];
  readonly results: object[];
} {
  const [said, noted, results]: [string[], string[], object[]] = [[], [], []];
  const quiet = { isTTY: false, columns: 80, write: () => true } as unknown as NodeJS.WriteStream;
  return {
    ...{ args, said, noted, results },
    signal: new AbortController().signal,
    now: () => 0,
    progress: showProgress(quiet, {}),
    say: (text) => void said.push(text),
    note: (text) => void noted.push(text),
    confirm: (question) => {
      noted.push(question);
      return Promise.resolve(answer);
    },
    result: (value) => void results.push(value),
  };
}
