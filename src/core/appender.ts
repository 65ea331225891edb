import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { RunError } from "./errors.js";
import { writeError } from "./files.js";

/** A file that only grows, by whole records. */
export interface Appender {
  /**
   * Hands the bytes to the system, in one write call as a rule; once it returns they survive the death of this process.
   * @throws RunError naming the file if they cannot be written whole; what was written of them is cut off again.
   */
  append(bytes: Uint8Array): void;
  /** Makes everything appended survive a power loss too. */
  sync(): void;
  /** Syncs and closes; further appends throw. Closing twice is harmless. */
  close(): void;
}

/**
 * Opens a file for appending, creating it if need be. The caller is its only writer.
 * @throws RunError naming the file.
 */
export function openAppender(path: string): Appender {
  const { fd, size } = openToAppend(path);
  let end = size;
  let isOpen = true;
  const guarded = (action: () => void): void => {
    if (!isOpen) throw new RunError(`${path} is closed and cannot be written.`);
    try {
      action();
    } catch (cause) {
      throw writeError(path, cause);
    }
  };
  const append = (bytes: Uint8Array): void =>
    guarded(() => {
      try {
        // A disk that fills up may take only the first part of a record.
        for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
      } catch (cause) {
        cutBack(fd, end);
        throw cause;
      }
      end += bytes.length;
    });
  const sync = (): void => guarded(() => fsyncSync(fd));
  const close = (): void => {
    if (!isOpen) return;
    try {
      sync();
    } finally {
      isOpen = false;
      closeSync(fd);
    }
  };
  return { append, sync, close };
}

function openToAppend(path: string): { readonly fd: number; readonly size: number } {
  try {
    const fd = openSync(path, "a");
    return { fd, size: fstatSync(fd).size };
  } catch (cause) {
    throw writeError(path, cause);
  }
}

function cutBack(fd: number, end: number): void {
  try {
    ftruncateSync(fd, end);
  } catch {
    // The write error is the one to report; a torn tail that stays is cut when the file is next opened.
    return;
  }
}
