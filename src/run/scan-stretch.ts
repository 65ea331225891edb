import { readSync } from "node:fs";
import { readError, type Stretch } from "../core/files.js";
import type { SpanContent } from "./places-file.js";
import { responseIdOf, tokensOfLine } from "./response-line.js";

/** Bytes read at a time. A line may be longer. */
const READ = 1024 * 1024;
const LINE_BREAK = 0x0a;

/** Responses to one prompt whose indices follow one another, as their lines do. */
export interface ScannedSpan extends SpanContent {
  readonly bytes: number;
}

/** What the lines of a file say that begin in a stretch of it: plain values. */
export interface ScannedStretch {
  /** Where the first of these lines begins, and the last of them that has its break ends. */
  readonly start: number;
  readonly end: number;
  readonly spans: readonly ScannedSpan[];
}

/**
 * Whose responses the lines are that begin in a stretch of a file, and how many tokens these have.
 * @param file its descriptor. @param longest the longest line in bytes.
 * @returns undefined where a line takes a JSON parser, or is too long. @throws DataError where the file cannot be read.
 */
export function scanStretch(
  path: string,
  file: number,
  { start, end }: Stretch,
  longest: number,
): ScannedStretch | undefined {
  const spans: { -readonly [field in keyof ScannedSpan]: ScannedSpan[field] }[] = [];
  // The byte before tells whether a line begins at the start.
  const reader = lineReader(path, file, Math.max(0, start - 1), longest);
  let at = start === 0 ? 0 : reader.pass();
  const first = at;
  while (at !== undefined && at < end) {
    const line = reader.next();
    if (line === undefined) return undefined;
    if (line === "end") break;
    const id = responseIdOf(line);
    const tokens = id && tokensOfLine(line);
    if (id === undefined || tokens === undefined) return undefined;
    const bytes = line.length + 1;
    const last = spans.at(-1);
    if (last?.promptId === id.promptId && last.first + last.count === id.index) {
      last.count++;
      last.tokens += tokens;
      last.bytes += bytes;
    } else spans.push({ promptId: id.promptId, first: id.index, count: 1, tokens, bytes });
    at += bytes;
  }
  return first === undefined || at === undefined ? undefined : { start: first, end: at, spans };
}

/** Reads lines, one after the other, from a place of a file on. */
function lineReader(path: string, file: number, from: number, longest: number) {
  let bytes = Buffer.allocUnsafe(2 * READ);
  let [start, end, position] = [0, 0, from];
  /** @returns whether there is more. */
  const fill = (): boolean => {
    bytes.copyWithin(0, start, end);
    [start, end] = [0, end - start];
    if (end + READ > bytes.length) bytes = Buffer.concat([bytes], 2 * bytes.length);
    const read = readInto(path, file, bytes.subarray(end, end + READ), position);
    position += read;
    end += read;
    return read > 0;
  };
  /** Where the next break is in the bytes; undefined where the line is too long, -1 where there is none before the file ends. */
  const nextBreak = (): number | undefined => {
    for (let searched = 0; ;) {
      const found = bytes.subarray(0, end).indexOf(LINE_BREAK, start + searched);
      if (found >= 0) return found;
      searched = end - start;
      if (searched > longest) return undefined;
      if (!fill()) return -1;
    }
  };
  return {
    /** The next line without its break, valid until the next is asked for; "end" behind the last that has one; undefined where it is too long. */
    next: (): Buffer | "end" | undefined => {
      const found = nextBreak();
      if (found === undefined) return undefined;
      if (found < 0) return "end";
      const line = bytes.subarray(start, found);
      start = found + 1;
      return line;
    },
    /** Passes the rest of a line. @returns where in the file the next begins; the file's end where there is none. */
    pass: (): number | undefined => {
      const found = nextBreak();
      if (found === undefined) return undefined;
      start = found < 0 ? end : found + 1;
      return position - (end - start);
    },
  };
}

function readInto(path: string, file: number, bytes: Uint8Array, position: number): number {
  try {
    return readSync(file, bytes, 0, bytes.length, position);
  } catch (cause) {
    throw readError(path, cause);
  }
}
