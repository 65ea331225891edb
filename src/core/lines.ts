import { DataError } from "./errors.js";
import { readChunks } from "./files.js";

/** One line of a text file. */
export interface Line {
  /** 1 for the first. */
  readonly number: number;
  /** Without its line break (LF or CRLF), and without a byte-order mark at the start of the file. */
  readonly text: string;
  /** Bytes from the start of the file to the end of the line, its line break included. */
  readonly end: number;
  /** Whether a line break ends it; only the last line of a file may lack one. */
  readonly terminated: boolean;
}

export interface LineOptions {
  /** The longest line that is taken, in bytes, without its LF. */
  readonly maxBytes: number;
  /** Skip a last line that has no line break, whatever it holds: a write that was cut off. Default: yield it. */
  readonly skipTornTail?: boolean;
  /** Where to begin: behind so many lines, which have so many bytes. Default: at the start. */
  readonly behind?: { readonly lines: number; readonly end: number };
  /** The bytes to read in place of the file's own. */
  readonly chunks?: AsyncIterable<Uint8Array>;
}

/** A line whose text was not decoded yet. */
export interface ByteLine extends Omit<Line, "text"> {
  /** Without its LF; it may end in a CR. Valid until the next line is asked for. */
  readonly bytes: Buffer;
}

/**
 * The lines of a UTF-8 file, one by one, in memory bounded by the longest line allowed.
 * @throws DataError naming the file and the line: a line that is too long or is not UTF-8, a file that cannot be read.
 */
export async function* readLines(path: string, options: LineOptions): AsyncGenerator<Line> {
  for await (const { bytes, number, end, terminated } of readByteLines(path, options))
    yield { number, text: decodeLine(path, number, bytes), end, terminated };
}

/**
 * The same as bytes, for those who read them without a text.
 * @throws DataError naming the file and the line: a line that is too long, a file that cannot be read.
 */
export async function* readByteLines(path: string, options: LineOptions): AsyncGenerator<ByteLine> {
  const { maxBytes, skipTornTail = false, behind = { lines: 0, end: 0 } } = options;
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = behind.lines + 1;
  let { end } = behind;
  const finish = (terminated: boolean): ByteLine => {
    const bytes = parts.length === 1 ? asBuffer(parts[0]!) : Buffer.concat(parts);
    end += bytes.length + (terminated ? 1 : 0);
    parts = [];
    length = 0;
    return { number: number++, bytes, end, terminated };
  };
  const take = (part: Uint8Array): void => {
    length += part.length;
    if (length > maxBytes) {
      throw new DataError(
        `Line ${number} of ${path} is longer than ${maxBytes.toLocaleString("en")} bytes; split it.`,
      );
    }
    if (part.length > 0) parts.push(part);
  };
  for await (const chunk of options.chunks ?? readChunks(path, behind.end)) {
    let start = 0;
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, start)) {
      take(chunk.subarray(start, at));
      yield finish(true);
      start = at + 1;
    }
    take(chunk.subarray(start));
  }
  if (length > 0 && !skipTornTail) yield finish(false);
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** Refuses what is not UTF-8, and keeps a byte-order mark. */
export const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A line's text, without a byte-order mark at the start of the file and without the CR of its break.
 * @throws DataError naming the file and the line that is not UTF-8.
 */
export function decodeLine(path: string, number: number, bytes: Uint8Array): string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new DataError(`Line ${number} of ${path} is not valid UTF-8; save the file as UTF-8.`, { cause });
  }
  if (number === 1 && text.startsWith("\uFEFF")) text = text.slice(1);
  return text.endsWith("\r") ? text.slice(0, -1) : text;
}
