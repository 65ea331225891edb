import { CommanderError } from "commander";
import { InterruptedError, UsageError, WhetstoneError } from "../core/errors.js";
import { sentenceOf } from "./remedies.js";

/** What a failed command prints, and the status that it ends with. */
export interface Failure {
  /** One line without a line break; empty where commander has printed already, or help was asked for. */
  readonly sentence: string;
  readonly exitCode: number;
}

/** Status after Ctrl-C, as shells count it: 128 + SIGINT. */
export const INTERRUPTED_STATUS = 130;

/**
 * 0 after help, 2 for wrong usage, 130 after Ctrl-C, 1 for everything else that a user can meet, 70 for a fault of ours.
 * @param verbose adds the stack of a fault.
 */
export function failureOf(error: unknown, verbose: boolean): Failure {
  if (error instanceof CommanderError) return { sentence: "", exitCode: error.exitCode === 0 ? 0 : 2 };
  // Ends with a command line to be copied: no full stop.
  if (error instanceof InterruptedError)
    return { sentence: printable(error.message), exitCode: INTERRUPTED_STATUS };
  if (error instanceof WhetstoneError)
    return { sentence: oneLine(sentenceOf(error)), exitCode: error instanceof UsageError ? 2 : 1 };
  const message = error instanceof Error ? error.message : String(error);
  if (verbose) {
    const stack = error instanceof Error ? (error.stack ?? message) : message;
    return { sentence: `Unexpected error.\n${stack}`, exitCode: 70 };
  }
  return {
    sentence: oneLine(
      `Unexpected error (${message}); this is a fault of whetstone: please report it with what --verbose prints.`,
    ),
    exitCode: 70,
  };
}

function oneLine(message: string): string {
  const line = printable(message);
  return /[.!?]$/.test(line) ? line : `${line}.`;
}

/** Text of files and models cannot smuggle in line breaks or terminal escapes. */
function printable(message: string): string {
  // eslint-disable-next-line no-control-regex
  return message.replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, " ").trim();
}
